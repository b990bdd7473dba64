import pytest

from provisioner import exceptions
from provisioner_api import patch

ALLOWED = {"extra", "name"}
DOCUMENT = {"extra": {"a": {"b": 1}, "list": [1, 2], "x/y": 1, "m~n": 2}, "name": "old"}


def applied(*operations):
    return patch.apply(DOCUMENT, patch.parse(list(operations), ALLOWED))


@pytest.mark.parametrize("operation, extra", [
    ({"op": "add", "path": "/extra/a/c", "value": 2}, {"a": {"b": 1, "c": 2}}),
    ({"op": "replace", "path": "/extra/a", "value": None}, {"a": None}),
    ({"op": "remove", "path": "/extra/a/b"}, {"a": {}}),
    ({"op": "add", "path": "/extra/list/0", "value": 0}, {"list": [0, 1, 2]}),
    ({"op": "add", "path": "/extra/list/2", "value": 3}, {"list": [1, 2, 3]}),
    ({"op": "replace", "path": "/extra/list/1", "value": 3}, {"list": [1, 3]}),
    ({"op": "remove", "path": "/extra/list/0"}, {"list": [2]}),
    ({"op": "replace", "path": "/extra/x~1y", "value": 2}, {"x/y": 2}),
    ({"op": "replace", "path": "/extra/m~0n", "value": 3}, {"m~n": 3}),
    ({"op": "add", "path": "/extra/with space.", "value": 1}, {"with space.": 1})])
def test_one_operation(operation, extra):
    assert applied(operation) == {"extra": {**DOCUMENT["extra"], **extra}}


def test_the_document_stays_as_it_is():
    value = {"deep": []}
    result = applied({"op": "add", "path": "/extra/a/c", "value": value},
                     {"op": "add", "path": "/extra/a/c/deep/-", "value": 1})
    assert result["extra"]["a"]["c"] == {"deep": [1]}
    assert value == {"deep": []} and DOCUMENT["extra"]["a"] == {"b": 1}


def test_operations_are_in_order():
    result = applied({"op": "remove", "path": "/extra/a"},
                     {"op": "add", "path": "/extra/a", "value": 1},
                     {"op": "remove", "path": "/name"})
    assert result["extra"]["a"] == 1 and result["name"] is patch.REMOVED


@pytest.mark.parametrize("operation", [
    {"op": "remove", "path": "/extra/nothing"}, {"op": "replace", "path": "/extra/no", "value": 1},
    {"op": "remove", "path": "/extra/list/2"}, {"op": "remove", "path": "/extra/list/-"},
    {"op": "add", "path": "/extra/list/9", "value": 1}, {"op": "remove", "path": "/extra/list/-1"},
    {"op": "replace", "path": "/extra/list/01", "value": 1},
    {"op": "add", "path": "/extra/a/b/c", "value": 1}, {"op": "add", "path": "/name/x", "value": 1},
    {"op": "add", "path": "/extra/no/where", "value": 1}])
def test_paths_that_do_not_fit(operation):
    with pytest.raises(exceptions.Invalid, match="Couldn't apply patch"):
        applied(operation)


@pytest.mark.parametrize("body", [
    {}, None, "x", [1], [{}], [{"op": "add"}], [{"op": "add", "path": "/name"}],
    [{"op": ["add"], "path": "/name", "value": 1}], [{"op": "add", "path": 1, "value": 1}],
    [{"op": "add", "path": "", "value": 1}], [{"op": "add", "path": "/", "value": 1}],
    [{"op": "add", "path": "/extra//x", "value": 1}], [{"op": "add", "path": "/uuid", "value": 1}],
    [{"op": "add", "path": "/extra/~2", "value": 1}],
    [{"op": "copy", "path": "/name", "from": "/extra"}],
    [{"op": "add", "path": "/extra/x/$sealed", "value": "y"}]])
def test_what_is_no_patch(body):
    with pytest.raises(exceptions.Invalid):
        patch.parse(body, ALLOWED)
