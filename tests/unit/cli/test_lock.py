"""``lock ...`` against a served API."""

import json

from tests.unit.api.site.harness import EXAMPLE


def test_a_lock_is_set_listed_and_let_go(run):
    digest = run("design", "create", str(EXAMPLE), "-f", "value", "-c", "digest")[1].strip()
    assert run("lock", "set", "north", digest[:10])[0] == 0
    rows = json.loads(run("lock", "list", "-f", "json")[1])
    assert [(row["Site"], row["Design"], row["Task"]) for row in rows] == [("north", digest, "")]
    assert run("design", "delete", digest)[0] == 1
    assert run("lock", "delete", "north")[0] == 0
    assert json.loads(run("lock", "list", "-f", "json")[1]) == []
    assert run("lock", "delete", "north")[0] == 1
    assert run("design", "delete", digest)[0] == 0
