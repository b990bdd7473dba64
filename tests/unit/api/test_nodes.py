"""What the cases cannot say: races, counts of queries, fields in all versions."""

import threading

import pytest
import sqlalchemy as sa

from provisioner.context import RequestContext
from provisioner.db.models import nodes
from provisioner_api import microversion
from provisioner_api.schemas import node as schema
from provisioner_api.schemas import port as port_schema


@pytest.mark.parametrize("version", range(1, microversion.MAXIMUM + 1, 7))
def test_a_node_has_the_fields_of_its_version(api, version):
    node = api.node()
    shown = api.ask("GET", f"/v1/nodes/{node}", version=f"1.{version}").json
    wanted = {name for name, since in schema.VERSIONS.items() if since <= version}
    assert set(shown) - {"links", "ports", "states"} == wanted


def test_every_field_is_a_column_or_computed():
    assert set(schema.VERSIONS) - schema.COMPUTED <= set(nodes.c.keys())
    assert max(schema.VERSIONS.values()) <= microversion.MAXIMUM
    assert max(port_schema.VERSIONS.values()) <= microversion.MAXIMUM


def test_a_list_is_a_handful_of_queries(api):
    for number in range(30):
        api.node(name=f"node-{number}")
    seen = []
    sa.event.listen(api.database.engine, "before_cursor_execute",
                    lambda *arguments: seen.append(arguments[2]))
    answer = api.ask("GET", "/v1/nodes/detail")
    assert len(answer.json["nodes"]) == 30
    assert len([one for one in seen if one.startswith("SELECT")]) <= 4, seen


def test_following_next_finds_every_node_once(api):
    wanted = {api.node(name=f"node-{number}", resource_class="ab"[number % 2])
              for number in range(7)}
    for query in ("", "sort_key=resource_class", "sort_key=name&sort_dir=desc", "sort_key=owner"):
        path, found = f"/v1/nodes?limit=3&{query}", []
        while path:
            body = api.ask("GET", path).json
            found += [node["uuid"] for node in body["nodes"]]
            path = body.get("next")
        assert len(found) == 7 and set(found) == wanted, query


def test_patches_at_the_same_time_lose_nothing(api):
    api.node(name="n")
    answers = []

    def add(key):
        answers.append(api.app.test_client().patch(
            "/v1/nodes/n", headers={"X-OpenStack-Ironic-API-Version": "1.50"},
            json=[{"op": "add", "path": f"/extra/{key}", "value": 1}]).status_code)
    threads = [threading.Thread(target=add, args=(f"key{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert len(api.row("n").extra) == 8


def test_a_node_with_a_task_stays(api):
    node = api.node(name="n")
    api.change(node, maintenance=True)
    api.task(node)
    answer = api.ask("DELETE", "/v1/nodes/n")
    assert answer.status_code == 409 and "locked" in answer.text


def test_a_project_sees_only_its_nodes(api, monkeypatch):
    mine, other = api.node(name="mine", owner="p"), api.node(name="other", owner="q")
    port = api.ask("POST", "/v1/ports", json={"node_uuid": mine,
                                              "address": "52:54:00:aa:00:01"}).json["uuid"]
    member = _Member()
    monkeypatch.setattr(_edge(api), "strategy", member)
    listed = api.ask("GET", "/v1/nodes").json["nodes"]
    assert [node["uuid"] for node in listed] == [mine]
    assert api.ask("GET", "/v1/nodes/other").status_code == 404
    assert api.ask("GET", "/v1/nodes?project=q").status_code == 403
    assert api.ask("GET", f"/v1/ports?node={other}").status_code == 404
    assert api.ask("POST", "/v1/nodes", json={"driver": "fake-hardware"}).status_code == 403
    assert api.ask("PUT", "/v1/nodes/mine/maintenance").status_code == 202
    assert api.ask("DELETE", "/v1/nodes/mine").status_code == 403
    move = [{"op": "replace", "path": "/node_uuid", "value": other}]
    assert api.ask("PATCH", f"/v1/ports/{port}", json=move).status_code == 400
    give = [{"op": "replace", "path": "/owner", "value": "q"}]
    assert api.ask("PATCH", "/v1/nodes/mine", json=give).status_code == 403
    change = [{"op": "add", "path": "/extra/a", "value": 1}]
    assert api.ask("PATCH", "/v1/nodes/mine", json=change).status_code == 200


class _Member:
    """A caller with a token of project p."""

    def identify(self, environ, request_id):
        return RequestContext(request_id, user="u", project="p", roles=("member", "reader"))


def _edge(api):
    return api.app.before_request_funcs[None][0].__self__
