"""The architecture as a table of imports: who may know of whom.

An *area* is a package or module right below one of the three packages. It may import itself and
what its line of TABLE names, nothing else of ours. A new area needs a line, that is a decision.
"""

import ast

import pytest

from tests import source_tree

CORE = {"provisioner.exceptions", "provisioner.states"}
BASE = CORE | {"provisioner.conf", "provisioner.clock", "provisioner.steps"}
PROVISIONER = {"provisioner"}

#: area -> what it may import. "provisioner" stands for all of it that is not in PRIVATE.
TABLE = {
    "provisioner": set(),
    "provisioner.exceptions": set(),
    "provisioner.states": {"provisioner.exceptions"},
    "provisioner.conf": set(),
    "provisioner.clock": set(),
    "provisioner.steps": CORE,
    "provisioner.hash_ring": CORE,
    "provisioner.site": CORE,
    "provisioner.context": CORE | {"provisioner.conf"},
    "provisioner.policy": CORE | {"provisioner.conf", "provisioner.context"},
    "provisioner.secrets": CORE | {"provisioner.conf"},
    "provisioner.drivers": BASE,
    "provisioner.db": BASE,
    "provisioner.references": CORE | {"provisioner.clock"},
    # Whom to call, and, when no call was answered in time, whether the task was made after all.
    "provisioner.rpc": BASE | {"provisioner.hash_ring", "provisioner.context",
                               "provisioner.db.conductors", "provisioner.db.session",
                               "provisioner.db.tasks"},
    "provisioner.cli": CORE | {"provisioner.site"},
    "provisioner.simulator": set(),
    "provisioner.dbsync": BASE | {"provisioner.db", "provisioner.secrets"},
    "provisioner.status": BASE | {"provisioner.db", "provisioner.secrets"},
    "provisioner_api": PROVISIONER,
    "provisioner_conductor": PROVISIONER | {"provisioner.drivers"},
}

#: What the line "provisioner" does not include: only who names it may import it.
PRIVATE = {"provisioner.drivers", "provisioner.simulator", "provisioner.cli"}

#: Libraries that only one area may import.
OWNED = {"oslo_messaging": "provisioner.rpc", "oslo_service": "provisioner.rpc"}


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def area_of(name: str) -> str:
    """The line of TABLE that a module falls under."""
    depth = 2 if below(name, "provisioner") else 1
    return ".".join(name.split(".")[:depth])


def imported(module: source_tree.Module, known: set[str]) -> set[str]:
    """Names of our modules that a module imports, at any depth, by any form of import."""
    names = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            inner = {f"{base}.{alias.name}" for alias in node.names}
            names |= (inner & known) | ({base} if inner - known else set())
    return {name for name in names if name.split(".")[0] in source_tree.PACKAGES}


def absolute(module: source_tree.Module, node: ast.ImportFrom) -> str:
    """The module that a ``from ... import`` names, relative ones resolved."""
    if not node.level:
        return node.module
    parts = module.name.split(".")
    parts = parts[:len(parts) - node.level + module.is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def allowed(area: str, name: str) -> bool:
    if below(name, area) and area != "provisioner":
        return True
    lines = TABLE[area]
    if any(below(name, line) for line in lines - PROVISIONER):
        return True
    private = any(below(name, line) for line in PRIVATE)
    return bool(PROVISIONER & lines) and below(name, "provisioner") and not private


def forbidden(modules: list[source_tree.Module]) -> list[str]:
    known = {module.name for module in modules}
    found = []
    for module in modules:
        area = area_of(module.name)
        if area not in TABLE:
            found.append(f"{module.path}: area {area} has no line in the table of imports")
            continue
        found += [f"{module.path} must not import {name}"
                  for name in sorted(imported(module, known)) if not allowed(area, name)]
    return found


def outside(module: source_tree.Module):
    """Yield (line, absolute dotted name) of what a module imports from anywhere."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, absolute(module, node)


def strayed(modules: list[source_tree.Module]) -> list[str]:
    """Imports of a library outside the area that owns it."""
    return [f"{module.path}:{line} imports {name}"
            for module in modules for line, name in outside(module)
            if area_of(module.name) != OWNED.get(name.split(".")[0], area_of(module.name))]


def hidden(modules: list[source_tree.Module]) -> list[str]:
    """Imports inside functions."""
    return [f"{module.path}:{node.lineno} import inside {name}()"
            for module in modules
            for name, function, _ in source_tree.functions(module.tree)
            for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]


def cycles(modules: list[source_tree.Module]) -> list[str]:
    """Modules that reach themselves: found by taking away, again and again, those that do not."""
    known = {module.name for module in modules}
    graph = {module.name: (imported(module, known) & known) - {module.name}
             for module in modules}
    while True:
        targets = set().union(*graph.values()) if graph else set()
        ends = {name for name, to in graph.items() if not to or name not in targets}
        if not ends:
            return sorted(f"{name} <-> {', '.join(sorted(to))}" for name, to in graph.items())
        graph = {name: to - ends for name, to in graph.items() if name not in ends}


@pytest.fixture(scope="module")
def tree():
    found = source_tree.modules(*source_tree.PACKAGES)
    assert {module.name.split(".")[0] for module in found} == set(source_tree.PACKAGES)
    return found


def test_imports_follow_the_table(tree):
    assert forbidden(tree) == []


def test_no_import_inside_a_function(tree):
    assert hidden(tree) == []


def test_owned_libraries_stay_in_their_area(tree):
    assert strayed(tree) == []


@pytest.mark.parametrize("source", ["import oslo_messaging", "from oslo_messaging import rpc",
                                    "import oslo_service.backend"])
def test_strayed_libraries_are_found(source):
    assert strayed([source_tree.module("provisioner/rpc/client.py", source)]) == []
    assert len(strayed([source_tree.module("provisioner_api/app.py", source)])) == 1


def test_no_import_cycle(tree):
    assert cycles(tree) == []


@pytest.mark.parametrize(("path", "source"), [
    ("provisioner/db/nodes.py", "import provisioner.rpc.client"),
    ("provisioner/db/nodes.py", "def load():\n    from provisioner import rpc"),
    ("provisioner/drivers/ipmi.py", "from provisioner.db import nodes"),
    ("provisioner/drivers/ipmi.py", "from ..db import nodes"),
    ("provisioner/drivers/ipmi.py", "from .. import db"),
    ("provisioner/drivers/__init__.py", "from ..site import checks"),
    ("provisioner/rpc/client.py", "from provisioner.db import nodes"),
    ("provisioner/exceptions.py", "import provisioner.states"),
    ("provisioner/conductor.py", "import os"),
    ("provisioner/db/nodes.py", "import provisioner"),
    ("provisioner/db/nodes.py", "import provisioner_api"),
    ("provisioner/db/nodes.py", "import provisioner_conductor.engine"),
    ("provisioner_api/app.py", "from provisioner import drivers"),
    ("provisioner_api/app.py", "import provisioner.drivers.base"),
    ("provisioner_api/app.py", "import provisioner.simulator.main"),
    ("provisioner_api/app.py", "import provisioner_conductor"),
    ("provisioner_conductor/engine.py", "from provisioner_api import app"),
    ("provisioner_conductor/engine.py", "from provisioner import simulator"),
])
def test_table_forbids(path, source):
    others = [source_tree.module(f"provisioner/{name}/__init__.py", "")
              for name in ("rpc", "db", "drivers", "simulator")]
    assert len(forbidden([source_tree.module(path, source), *others])) == 1


@pytest.mark.parametrize(("path", "source"), [
    ("provisioner/db/nodes.py", "from provisioner import exceptions, states"),
    ("provisioner/db/nodes.py", "from provisioner.db import session"),
    ("provisioner/db/nodes.py", "from . import session"),
    ("provisioner/rpc/client.py", "from provisioner.db import conductors"),
    ("provisioner_api/app.py", "from provisioner.db import nodes"),
    ("provisioner_api/app.py", "from provisioner_api.errors import handler"),
    ("provisioner_conductor/engine.py", "from provisioner.drivers import base"),
    ("provisioner/simulator/bmc.py", "from provisioner.simulator import disk"),
])
def test_table_allows(path, source):
    others = [source_tree.module(f"{name}.py", "") for name in (
        "provisioner/exceptions", "provisioner/states", "provisioner/db/conductors",
        "provisioner/drivers/base")]
    assert forbidden([source_tree.module(path, source), *others]) == []


def test_hidden_imports_are_found():
    sample = source_tree.module("provisioner/db/nodes.py", (
        "import os\n"
        "class Nodes:\n"
        "    def load(self):\n"
        "        if os:\n"
        "            import json\n"))
    assert hidden([sample]) == ["provisioner/db/nodes.py:5 import inside Nodes.load()"]


def test_cycles_are_found():
    ring = {"a": "from provisioner.db import b", "b": "from provisioner.db.c import name",
            "c": "import provisioner.db.a", "aside": "from provisioner.db import a"}
    modules = [source_tree.module(f"provisioner/db/{name}.py", source)
               for name, source in ring.items()]
    assert [line.split()[0] for line in cycles(modules)] == [
        "provisioner.db.a", "provisioner.db.b", "provisioner.db.c"]
    assert cycles(modules[1:]) == []
