"""Checks of an effective site, one module each.

A check module has ``CODE``, ``TITLE``, ``SEVERITY``, ``REMEDY`` and ``check(site)``, a pure
function that yields findings. A new rule is a new module here and its test; nothing else names
it. Codes and titles are Drydock's where it has the check (its codes repeat; the title tells them
apart), ``PRnnnn`` otherwise: 0 documents, 1 storage, 2 network, 3 platform and hosts, 4 booting
and out-of-band management.
"""

import functools
import importlib
import pkgutil
from types import ModuleType


@functools.cache
def registered() -> tuple[ModuleType, ...]:
    """Every check module, by name."""
    return tuple(importlib.import_module(f"{__name__}.{info.name}")
                 for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name))
