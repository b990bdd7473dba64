"""The project's own source as syntax trees, for the tests that hold its architecture."""

import ast
import dataclasses
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("provisioner", "provisioner_api", "provisioner_conductor")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True)
class Module:
    """One file of source.

    :ivar name: dotted name, a package without ``.__init__``
    :ivar path: relative to the root of the tree, with slashes
    """

    name: str
    path: str
    source: str

    @property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)


def module(path: str, source: str) -> Module:
    """A module from its path and text."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return Module(".".join(parts), path, source)


def modules(*folders: str) -> list[Module]:
    """All modules below these folders of the tree, in order of path."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT).as_posix()
            found.append(module(relative, path.read_text(encoding="utf-8")))
    return found


def functions(node: ast.AST, prefix: str = ""):
    """Yield (qualified name, function, whether it is a method), nested ones included."""
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}{getattr(child, 'name', '')}"
        if isinstance(child, FUNCTIONS):
            yield name, child, isinstance(node, ast.ClassDef)
            yield from functions(child, f"{name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{name}.")
        else:
            yield from functions(child, prefix)
