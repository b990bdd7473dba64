"""Limits that keep the source readable, held by counting.

They hold for all Python files of the tree except tests (length of file only) and migration
revisions (no limit on broad excepts).
"""

import ast

import pytest

from tests import source_tree

FILE_LINES = 500
BODY_LINES = 50
PARAMETERS = 5
NESTING = 3
PUBLIC_METHODS = 12
#: Names under which anything, and so nothing, can be found.
NAMELESS = {"utils", "util", "helpers", "common", "misc"}

#: The places that may catch everything: the edge of a worker and the edge of a request.
#: (path, qualified name of the function) of each.
EDGES = [
    ("provisioner_conductor/worker.py", "Workers._work"),
]

FOLDERS = (*source_tree.PACKAGES, "db_migrations", "bench", "devstack", "docs")
BROAD = {"Exception", "BaseException"}
LEVELS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With,
          ast.AsyncWith, ast.Match)
SCOPES = (*source_tree.FUNCTIONS, ast.ClassDef)


def body_lines(function) -> int:
    """Lines of a function without its decorators and docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        doc = function.body[0]
        lines -= doc.end_lineno - doc.lineno + 1
    return lines


def parameters(function, is_method: bool) -> int:
    """Parameters of all kinds, without a method's self or cls."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    count = len(positional) + len(args.kwonlyargs) + bool(args.vararg) + bool(args.kwarg)
    bound = is_method and positional and positional[0].arg in ("self", "cls")
    return count - bool(bound)


def nesting(node: ast.AST) -> int:
    """Depth of compound statements below a node; ``elif`` does not count as a level."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, SCOPES):
            level = isinstance(child, LEVELS) and not is_elif(node, child)
            deepest = max(deepest, level + nesting(child))
    return deepest


def is_elif(parent: ast.AST, child: ast.AST) -> bool:
    return (isinstance(parent, ast.If) and isinstance(child, ast.If)
            and parent.orelse == [child] and child.col_offset == parent.col_offset)


def public_methods(cls: ast.ClassDef) -> int:
    """Public functions of a class; a property with its setter counts once."""
    return len({node.name for node in cls.body
                if isinstance(node, source_tree.FUNCTIONS) and not node.name.startswith("_")})


def is_broad(node: ast.AST) -> bool:
    """``except:``, ``except Exception`` in any form, and ``suppress(Exception)``."""
    if isinstance(node, ast.ExceptHandler):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    elif isinstance(node, ast.Call) and called(node).endswith("suppress"):
        kinds = node.args
    else:
        return False
    return any(kind is None or ast.unparse(kind).split(".")[-1] in BROAD for kind in kinds)


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def broad_excepts(module: source_tree.Module):
    """Yield (line, innermost function, or "") of all that catches everything."""
    tree = module.tree
    inside = {}
    for name, function, _ in source_tree.functions(tree):
        inside |= dict.fromkeys(ast.walk(function), name)
    for node in ast.walk(tree):
        if is_broad(node):
            yield node.lineno, inside.get(node, "")


def file_findings(module: source_tree.Module):
    lines = len(module.source.splitlines())
    if lines > FILE_LINES:
        yield f"{module.path}: {lines} lines, at most {FILE_LINES}"
    if module.name.split(".")[-1] in NAMELESS:
        yield f"{module.path}: a function lives with its noun, not in a module of this name"


def function_findings(module: source_tree.Module):
    for name, function, is_method in source_tree.functions(module.tree):
        counts = ((body_lines(function), BODY_LINES, "lines in the body"),
                  (parameters(function, is_method), PARAMETERS, "parameters"),
                  (nesting(function), NESTING, "levels of nesting"))
        for count, limit, what in counts:
            if count > limit:
                yield f"{module.path}:{function.lineno} {name}: {count} {what}, at most {limit}"


def class_findings(module: source_tree.Module):
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and public_methods(node) > PUBLIC_METHODS:
            yield (f"{module.path}:{node.lineno} {node.name}: {public_methods(node)} public "
                   f"methods, at most {PUBLIC_METHODS}")


def edge_findings(module: source_tree.Module, edges):
    if "/versions/" in module.path:
        return
    for line, function in broad_excepts(module):
        if (module.path, function) not in edges:
            yield f"{module.path}:{line} {function or 'module'}: catches everything"


@pytest.fixture(scope="module")
def tree():
    found = source_tree.modules(*FOLDERS)
    assert len(found) > 10
    return found


@pytest.mark.parametrize("findings", [file_findings, function_findings, class_findings])
def test_limits_hold(tree, findings):
    assert [line for module in tree for line in findings(module)] == []


def test_only_the_edges_catch_everything(tree):
    assert [line for module in tree for line in edge_findings(module, EDGES)] == []


def test_each_edge_is_still_one(tree):
    real = {(module.path, name) for module in tree for _, name in broad_excepts(module)}
    assert set(EDGES) <= real


def test_tests_are_short_files_too():
    assert [line for module in source_tree.modules("tests")
            for line in file_findings(module)] == []


def sample(source: str) -> source_tree.Module:
    return source_tree.module("provisioner/sample.py", source)


@pytest.mark.parametrize(("source", "finding"), [
    ("def f():\n" + "    pass\n" * 50, "51 lines in the body"),
    ("def f(a, b, /, c, *, d, e, **f):\n    pass", "6 parameters"),
    ("class C:\n    def f(self, a, b, c, *d, e, f):\n        pass", "6 parameters"),
    ("class C:\n    @staticmethod\n    def f(a, b, c, d, e, f):\n        pass", "6 parameters"),
    ("def f(x):\n for a in x:\n  if a:\n   with a:\n    if x:\n     pass", "4 levels"),
    ("def f(x):\n try:\n  pass\n except OSError:\n  if x:\n   if x:\n    if x:\n     pass",
     "4 levels"),
    ("def f(x):\n if x:\n  pass\n else:\n  if x:\n   pass\n  elif x:\n   while x:\n    if x:\n"
     "     pass", "4 levels"),
])
def test_functions_over_a_limit_are_found(source, finding):
    findings = list(function_findings(sample(source)))
    assert len(findings) == 1
    assert finding in findings[0]


@pytest.mark.parametrize("source", [
    'def f():\n    """Doc.\n' + "    line\n" * 60 + '    """\n' + "    pass\n" * 49,
    "class C:\n    def f(self, a, b, *, c, d, e):\n        pass",
    "def f(x):\n if x:\n  pass\n elif x:\n  pass\n elif x:\n  pass\n elif x:\n  pass",
    "def f(x):\n if x:\n  if x:\n   if x:\n    def g():\n     if x:\n      pass",
])
def test_functions_within_the_limits_pass(source):
    assert list(function_findings(sample(source))) == []


@pytest.mark.parametrize(("source", "where"), [
    ("try:\n    pass\nexcept:\n    pass", ""),
    ("def f():\n    try:\n        pass\n    except (OSError, Exception):\n        pass", "f"),
    ("class C:\n    def f(self):\n        try:\n            pass\n"
     "        except builtins.BaseException:\n            pass", "C.f"),
    ("def f():\n    with contextlib.suppress(Exception):\n        pass", "f"),
])
def test_broad_excepts_are_found_outside_the_edges(source, where):
    assert [name for _, name in broad_excepts(sample(source))] == [where]
    assert len(list(edge_findings(sample(source), []))) == 1
    assert list(edge_findings(sample(source), [("provisioner/sample.py", where)])) == []


def test_files_and_classes_over_a_limit_are_found():
    assert len(list(file_findings(sample("\n" * 501)))) == 1
    assert len(list(file_findings(source_tree.module("provisioner/db/utils.py", "")))) == 1
    methods = "".join(f"    def m{i}(self):\n        pass\n" for i in range(13))
    assert len(list(class_findings(sample("class C:\n" + methods)))) == 1
