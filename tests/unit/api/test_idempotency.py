"""Proof that a repeated request is one task, also when the API dies between accept and answer."""

from provisioner import exceptions
from provisioner.db import tasks

PATH = "/v1/nodes/node-1/states/power"


def put(api, target, **headers):
    return api.ask("PUT", PATH, json={"target": target},
                   headers={name.replace("_", "-"): value for name, value in headers.items()})


def all_tasks(api):
    with api.database.reader() as tx:
        return tasks.find(tx, tasks.TaskFilter())


def test_an_answer_that_never_arrived(api):
    """Accepted by the conductor, then the API process dies: the client asks another one."""
    api.node(name="node-1")
    key, accept = "same", api.conductor.accept
    lost = []

    def accept_and_die(request):
        lost.append(accept(request)["task"])
        return {"error": exceptions.ProvisionerError("the process is gone").as_dict()}
    api.conductor.accept = accept_and_die
    assert put(api, "power on", Idempotency_Key=key).status_code == 500
    api.conductor.accept = accept
    answer = put(api, "power on", Idempotency_Key=key)
    assert answer.status_code == 202
    assert [answer.headers["X-Provisioner-Task"]] == lost
    assert [task.uuid for task in all_tasks(api)] == lost


def test_off_then_on_under_one_global_id_are_two(api):
    api.node(name="node-1")
    given = "req-11111111-2222-3333-4444-555555555555"
    assert put(api, "power off", X_OpenStack_Request_ID=given).status_code == 202
    api.change(api.row("node-1").uuid, task=None)
    assert put(api, "power on", X_OpenStack_Request_ID=given).status_code == 202
    assert len({task.uuid for task in all_tasks(api)}) == 2
    assert len({task.request_key for task in all_tasks(api)}) == 2


def test_a_repeated_verb_finds_its_task_though_the_state_has_moved(api):
    node = api.node(name="node-1")
    path = "/v1/nodes/node-1/states/provision"
    sent = {"json": {"target": "manage"}, "headers": {"Idempotency-Key": "k"}}
    first = api.ask("PUT", path, **sent)
    api.change(node, provision_state="manageable", target_provision_state=None, task=None)
    again = api.ask("PUT", path, **sent)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.headers["X-Provisioner-Task"] == again.headers["X-Provisioner-Task"]
    assert len(api.conductor.requests) == 1


def test_what_crosses_the_bus(api):
    node = api.node(name="node-1", driver_info={"fake_passphrase": "hunter2"})
    assert put(api, "soft power off").status_code == 202
    request = api.conductor.requests[0]
    assert request["action"] == "power" and request["node"] == node
    assert request["args"] == {"target": "soft power off", "timeout": None}
    assert request["hardware_type"] == "fake-hardware" and request["conductor_group"] == ""
    assert request["request_id"].startswith("req-") and len(request["request_digest"]) == 64
    assert "hunter2" not in str(request)


def test_a_refusal_of_the_conductor_is_the_answer(api):
    api.node(name="node-1")
    api.conductor.refuse = exceptions.InvalidSetting("driver_info/x is missing.", remedy="Set x.")
    answer = put(api, "power on")
    assert answer.status_code == 400 and "x is missing. Set x." in answer.text


def test_nobody_serves_the_node(api):
    node = api.node(name="node-1")
    api.change(node, conductor_group="elsewhere")
    answer = put(api, "power on")
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert all_tasks(api) == []
