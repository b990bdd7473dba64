"""Sizes of partitions and volumes: ``20g``, ``>512MiB``, ``50%``.

Grammar: an optional ``>`` (at least this, take what is left), an integer, then a unit. Units
without ``i`` are powers of ten, with ``i`` powers of two; case does not matter.
"""

import re
from typing import NamedTuple

_SIZE = re.compile(r"\s*(>)?\s*(-?\d{1,18})\s*([a-z%]+)\s*", re.IGNORECASE)
_UNITS = {"m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12, "tb": 10**12,
          "mi": 2**20, "mib": 2**20, "gi": 2**30, "gib": 2**30, "ti": 2**40, "tib": 2**40}


class Size(NamedTuple):
    """A parsed size: either ``bytes`` or ``percent`` is set, both perhaps negative."""

    at_least: bool
    bytes: int | None
    percent: int | None

    @property
    def negative(self) -> bool:
        return (self.percent if self.bytes is None else self.bytes) < 0


def parse(text: str | None) -> Size | None:
    """The size, or None if the text is not one."""
    match = _SIZE.fullmatch(text or "")
    if match is None:
        return None
    more, number, unit = match.group(1), int(match.group(2)), match.group(3).lower()
    if unit == "%":
        return Size(bool(more), None, number)
    if unit not in _UNITS:
        return None
    return Size(bool(more), number * _UNITS[unit], None)
