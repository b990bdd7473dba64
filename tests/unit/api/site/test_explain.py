"""Why a node is where it is."""

import uuid

import pytest

from provisioner.db import conductors, events, nodes, tasks
from provisioner.steps import DONE, STARTED, StepSpec


class Case:
    """A node, and what the engine would write."""

    def __init__(self, api):
        self.api = api
        with api.database.writer() as tx:
            self.node = nodes.create(tx, {"name": "node-001", "driver": "fake-hardware"})

    def task(self, **values):
        """A task of three steps, at its second one."""
        with self.api.database.writer() as tx:
            task = tasks.insert(tx, tasks.NewTask(
                "deploy", [StepSpec(name) for name in ("a", "deploy.write", "c")],
                node=self.node))
            first, second, _ = (row.position for row in tasks.steps_of(tx, task))
            tasks.update_step(tx, task, first, state=DONE, attempt=1)
            tasks.update_step(tx, task, second, state=STARTED, attempt=1, started_at=tx.now(-5))
            nodes.update_engine(tx, self.node, {"task": task})
            tasks.update(tx, task, **{name: tx.now(value) if name in ("deadline", "run_until")
                                      else value for name, value in values.items()})
        return task

    def write(self, **values):
        with self.api.database.writer() as tx:
            nodes.update_engine(tx, self.node, values)

    def hold(self, lease, hostname="conductor-1"):
        """A conductor holds the node, with so many seconds of lease left."""
        me = conductors.Registration(str(uuid.uuid4()), hostname, "", 1, {})
        with self.api.database.writer() as tx:
            conductors.register(tx, me, lease)
            nodes.update_engine(tx, self.node, {"incarnation": me.incarnation})

    def explained(self):
        answer = self.api.http.get("/api/v1.1/nodes/node-001/explain")
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def case(site_api):
    return Case(site_api)


def test_idle_node(case):
    told = case.explained()
    assert told["why"] == "Nothing is going on: the node is enroll."
    assert told["remedy"] == "Possible now: manage."
    assert (told["task"], told["step"], told["late"], told["owner"]) == (None, None, False, None)
    assert told["since"].endswith("+00:00")


def test_waiting_in_time_and_late(case):
    task = case.task(state=tasks.WAITING, wait_for="agent", deadline=60,
                     wait_late="The ramdisk did not call. Look at the console.")
    told = case.explained()
    assert told["why"].startswith(
        "Step 2 of 3 (deploy.write) of task deploy waits for agent until ")
    assert (told["waiting_for"], told["late"]) == ("agent", False)
    assert "console" in told["remedy"]
    assert told["until"] in told["why"]
    with case.api.database.writer() as tx:
        tasks.update(tx, task, deadline=tx.now(-1))
    told = case.explained()
    assert told["late"]
    assert told["remedy"] == "The ramdisk did not call. Look at the console."


def test_running_under_a_live_conductor(case):
    case.task(state=tasks.RUNNING, run_until=60)
    case.hold(600)
    told = case.explained()
    assert told["why"] == "Step 2 of 3 (deploy.write) of task deploy runs on conductor conductor-1."
    assert told["owner"] == {"conductor": "conductor-1", "alive": True}
    assert told["step"]["position"] == 2


def test_running_under_a_dead_conductor(case):
    case.task(state=tasks.RUNNING, run_until=60)
    case.hold(-1)
    told = case.explained()
    assert "no longer renews its lease" in told["why"]
    assert told["owner"]["alive"] is False


def test_runnable_with_and_without_somebody_to_run_it(case):
    case.task(state=tasks.RUNNABLE)
    assert "takes it within seconds" in case.explained()["why"]
    case.api.bury()
    told = case.explained()
    assert "no live conductor serves hardware type fake-hardware" in told["why"]
    assert told["remedy"].startswith("Start a conductor")


def test_maintenance_names_its_reason(case):
    case.write(maintenance=True, maintenance_reason="fan is broken.")
    told = case.explained()
    assert told["why"] == "The node is in maintenance: fan is broken."
    assert told["maintenance"] is True and told["remedy"]


def test_failed_task_says_what_and_what_to_do(case):
    case.task(state=tasks.FAILED, error={"code": "Unreachable", "message": "No answer.",
                                         "remedy": "Check the cabling."})
    case.write(task=None, provision_state="deploy failed", last_error="No answer.")
    told = case.explained()
    assert told["why"] == ("Step 2 of 3 (deploy.write) of task deploy has failed: No answer.")
    assert told["remedy"] == "Check the cabling."
    assert told["task"]["state"] == "failed"


def test_parked_task_needs_a_person(case):
    case.task(state=tasks.PARKED)
    case.write(task=None, provision_state="deploy failed")
    assert "resume, skip or fail" in case.explained()["remedy"]


def test_error_without_a_task_names_the_ways_out(case):
    case.write(provision_state="error", last_error="It fell over.")
    told = case.explained()
    assert "It fell over." in told["why"]
    assert told["remedy"] == "Possible now: delete, rebuild."


def test_old_failure_of_a_healthy_node_is_not_the_reason(case):
    case.task(state=tasks.FAILED, error={"message": "No answer."})
    case.write(task=None, provision_state="active")
    assert case.explained()["why"] == "Nothing is going on: the node is active."


def test_last_events_come_newest_first(case):
    with case.api.database.writer() as tx:
        for number in range(12):
            events.append(tx, events.Event("test", str(number), node=case.node))
        events.append(tx, events.Event("test", "noise", node=case.node, severity="debug"))
    told = [event["message"] for event in case.explained()["last_events"]]
    assert told == [str(number) for number in range(11, 1, -1)]


@pytest.mark.parametrize("ident", ["nobody", "00000000-0000-0000-0000-000000000000"])
def test_unknown_node_is_404(site_api, ident):
    assert site_api.http.get(f"/api/v1.1/nodes/{ident}/explain").status_code == 404
