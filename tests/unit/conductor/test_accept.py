"""Accepting: one transaction from a request to a task, or nothing."""

import dataclasses

import pytest
import sqlalchemy as sa

from provisioner import exceptions, states
from provisioner.db import agents, fences, models, nodes, signals, tasks
from provisioner.steps import Done, Wait
from tests.cluster import BOX
from tests.invariants import violations
from tests.unit.conductor.conftest import SPECS


@pytest.fixture
def process(on):
    return on.processes[0]


def count(on, table=models.tasks):
    with on.database.reader() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(table))


def change(on, node, **values):
    with on.database.writer() as tx:
        nodes.update_engine(tx, node, values)


def available(on, **values):
    return on.node(provision_state=states.AVAILABLE, **values)


# --- the request key ----------------------------------------------------------------------------


def test_the_same_key_finds_the_same_task_wherever_it_is_asked(on, process):
    node = available(on)
    other = on.start("b")
    request = on.ask("deploy", node)
    first = process.acceptor.accept(request)
    assert other.acceptor.accept(request) == first
    on.run(first)
    assert process.acceptor.accept(request) == first, "also when it has ended"
    assert count(on) == 1


def test_a_key_is_for_one_request_only(on, process):
    request = on.ask("deploy", available(on))
    process.acceptor.accept(request)
    with pytest.raises(exceptions.KeyReused):
        process.acceptor.accept(dataclasses.replace(request, request_digest="another"))
    assert count(on) == 1


def test_a_known_key_is_answered_even_too_late(on, process):
    request = on.ask("deploy", available(on))
    first = process.acceptor.accept(request)
    on.pass_time(60.0)
    assert process.acceptor.accept(request) == first


def test_a_request_that_comes_too_late_is_never_accepted(on, process):
    node = available(on)
    request = on.ask("deploy", node)
    on.pass_time(15.1)
    with pytest.raises(exceptions.Unavailable):
        process.acceptor.accept(request)
    assert count(on) == 0
    assert on.get(node).provision_state == states.AVAILABLE


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "values", "error"), [
    ("deploy", {"provision_state": "manageable"}, exceptions.InvalidState),
    ("delete", {"provision_state": "available"}, exceptions.InvalidState),
    ("deploy", {"maintenance": True}, exceptions.InMaintenance),
    ("rebuild", {"provision_state": "active", "maintenance": True}, exceptions.InMaintenance),
    ("rebuild", {"provision_state": "active", "protected": True}, exceptions.NodeProtected),
    ("delete", {"provision_state": "active", "protected": True}, exceptions.NodeProtected),
    ("provide", {"provision_state": "manageable", "retired": True}, exceptions.Invalid),
    ("deploy", {"driver": "ipmi"}, exceptions.InvalidSetting),
    ("deploy", {"driver_info": {"fake_power_delay": "soon"}}, exceptions.InvalidSetting),
    ("dance", {}, exceptions.Invalid)])
def test_a_refused_request_leaves_nothing_behind(on, action, values, error):
    node = available(on)
    change(on, node, **values)
    before = on.get(node)
    with pytest.raises(error):
        on.accept(action, node)
    assert on.get(node) == before
    assert (count(on), count(on, models.steps), count(on, models.events)) == (0, 0, 0)


@pytest.mark.parametrize("target", ["dance", None])
def test_an_unknown_power_target_is_refused(on, target):
    with pytest.raises(exceptions.Invalid):
        on.accept("power", available(on), args={"target": target})


def test_a_machine_that_may_not_be_off_is_not_switched_off(on):
    node = available(on, disable_power_off=True)
    with pytest.raises(exceptions.Conflict):
        on.accept("power", node, args={"target": states.POWER_OFF})


def test_a_node_that_is_not_there(on):
    with pytest.raises(exceptions.NotFound):
        on.accept("deploy", "nowhere")


@pytest.mark.parametrize("action", ["manage", "power", "delete"])
def test_cleaning_up_is_possible_in_maintenance(on, action):
    start = {"manage": states.ENROLL, "delete": states.ACTIVE}.get(action, states.AVAILABLE)
    node = on.node(provision_state=start, maintenance=True)
    task = on.accept(action, node, args={"target": states.POWER_ON})
    assert on.run(task).state == tasks.SUCCEEDED


# --- one task per node --------------------------------------------------------------------------


def test_a_second_verb_is_refused_while_the_first_has_not_ended(on, process):
    node = available(on)
    task = on.accept("deploy", node)
    for action in ("deploy", "power"):
        with pytest.raises(exceptions.ProvisionerError) as refused:
            on.accept(action, node, args={"target": states.POWER_ON})
        assert isinstance(refused.value, exceptions.NodeBusy | exceptions.InvalidState)
    with pytest.raises(exceptions.NodeBusy):
        on.accept("power", node, args={"target": states.POWER_ON})
    assert on.run(task).state == tasks.SUCCEEDED
    assert count(on) == 1


def test_a_node_in_a_hardware_call_is_busy(on, process):
    node = available(on)
    with on.database.writer() as tx:
        fences.take_node(tx, on.get(node), process.lease.current.holder)
    with pytest.raises(exceptions.NodeBusy):
        on.accept("deploy", node)
    assert on.get(node).provision_state == states.AVAILABLE
    assert count(on) == 0


def test_accepting_ends_the_epoch_of_whoever_read_the_node_before(on, process):
    """A power reading or a user's patch that is under way is not written over the new task."""
    node = available(on)
    before = on.get(node)
    on.accept("deploy", node)
    with on.database.writer() as tx:
        assert not nodes.record_power(tx, before, {"power_state": states.POWER_OFF})
    assert on.get(node).epoch > before.epoch


def test_the_node_shows_at_once_where_it_goes(on):
    node = available(on, last_error="old")
    task = on.accept("deploy", node)
    row = on.get(node)
    assert (row.provision_state, row.target_provision_state, row.task, row.last_error) == (
        states.DEPLOYING, states.ACTIVE, task, None)
    assert (row.reservation, row.incarnation) == (None, None)


# --- delete in place of a deployment, abort -----------------------------------------------------


def waiting_for_agent(on):
    """A deployment whose ramdisk never calls."""
    node = on.node(agent=True, provision_state=states.AVAILABLE)
    on.world.silent.add(node)
    task = on.accept("deploy", node)
    while on.get(node).provision_state != states.DEPLOY_WAIT:
        on.step()
    return node, task


def test_a_delete_takes_the_place_of_a_deployment_that_waits_for_its_agent(on):
    node, old = waiting_for_agent(on)
    on.world.silent.clear()
    new = on.accept("delete", node)
    row = on.task(old)
    assert (row.state, row.error["code"]) == (tasks.CANCELLED, "Superseded")
    assert (on.get(node).task, on.get(node).provision_state) == (new, states.DELETING)
    assert on.run(new).state == tasks.SUCCEEDED
    assert on.get(node).provision_state == states.AVAILABLE
    assert "write_image" not in [step for _, step in on.world.ran]
    assert violations(on.database) == []


def test_no_other_verb_takes_its_place(on):
    node, task = waiting_for_agent(on)
    with pytest.raises(exceptions.NodeBusy):
        on.accept("power", node, args={"target": states.POWER_OFF})
    assert on.get(node).task == task


def test_a_delete_does_not_interrupt_a_step(on, script):
    node = on.node(provision_state=states.DEPLOYING, target_provision_state=states.ACTIVE)
    refused = []

    def answer(context):
        change(on, node, provision_state=states.DEPLOY_WAIT)
        with pytest.raises(exceptions.NodeBusy):
            on.accept("delete", node)
        refused.append(True)
        change(on, node, provision_state=states.DEPLOYING)
        return Done()
    script.answer = answer
    task = on.insert(node, SPECS["repeat"], action="deploy")
    assert on.run(task).state == tasks.SUCCEEDED
    assert refused


def test_a_superseded_child_wakes_its_parent(on, script):
    node = on.node(provision_state=states.DEPLOY_WAIT)
    with on.database.writer() as tx:
        parent = tasks.insert(tx, tasks.NewTask(action="deploy_nodes", steps=[SPECS["repeat"]]))
        child = tasks.insert(tx, tasks.NewTask(action="deploy", steps=[SPECS["repeat"]], node=node,
                                               parent=parent))
        nodes.update_engine(tx, node, {"task": child})
    before = on.task(parent).wake
    on.accept("delete", node)
    assert on.task(parent).wake == before + 1


def test_an_abort_ends_a_wait_for_the_agent(on):
    node, task = waiting_for_agent(on)
    assert on.accept("abort", node) == task
    row = on.run(task)
    assert (row.state, row.error["code"]) == (tasks.CANCELLED, "Cancelled")
    found = on.get(node)
    assert (found.provision_state, found.task) == (states.DEPLOY_FAILED, None)
    assert found.last_error
    assert not found.maintenance
    assert violations(on.database) == []
    on.world.silent.clear()
    assert on.run(on.accept("deploy", node)).state == tasks.SUCCEEDED


@pytest.mark.parametrize("state", [states.AVAILABLE, states.DEPLOYING, states.ACTIVE])
def test_an_abort_is_refused_where_the_state_machine_has_none(on, state):
    with pytest.raises(exceptions.InvalidState):
        on.accept("abort", on.node(provision_state=state))


def test_an_abort_without_a_task_is_refused(on):
    with pytest.raises(exceptions.Conflict):
        on.accept("abort", on.node(provision_state=states.CLEAN_WAIT))


def test_an_agent_of_an_earlier_boot_is_forgotten_before_the_next(on):
    node = on.node(agent=True, provision_state=states.AVAILABLE)
    with on.database.writer() as tx:
        agents.give_token(tx, node, BOX.seal_text("old"))
        agents.heartbeat(tx, node, {"url": "http://agent.invalid/old"})
    assert on.run(on.accept("deploy", node)).state == tasks.SUCCEEDED
    assert tuple(step for _, step in on.world.ran) == ("write_image",)


# --- resume, skip, fail, retry ------------------------------------------------------------------


def parked(on, action="provide", state=states.CLEANING):
    """A node task that was parked in its first step."""
    node = on.node(provision_state=state)
    task = on.insert(node, SPECS["park"], action=action)
    on.die_at = len(on.points) + 5
    on.processes[0].sweep()
    on.start("b")
    on.pass_time(16.0)
    assert on.run(task).state == tasks.PARKED
    return node, task


@pytest.mark.parametrize("action", ["resume", "skip", "fail", "retry"])
def test_only_an_ended_task_goes_on(on, script, action):
    task = on.insert(on.node(), SPECS["repeat"])
    with pytest.raises(exceptions.InvalidState):
        on.accept(action, args={"task": task})
    on.run(task)
    with pytest.raises(exceptions.Invalid):
        on.accept(action, args={"task": task})
    with pytest.raises(exceptions.NotFound):
        on.accept(action, args={"task": "nothing"})


def test_a_parked_task_does_not_go_on_while_the_node_has_another(on, script):
    node, task = parked(on)
    on.accept("manage", node)
    change(on, node, task="another")
    with pytest.raises(exceptions.NodeBusy):
        on.accept("resume", args={"task": task})


def test_a_parked_task_does_not_go_on_once_the_node_has_moved_on(on, script):
    """Cleaning begun before it must not run on a machine that somebody uses now."""
    node, task = parked(on)
    on.run(on.accept("manage", node))
    for provision_state in (states.MANAGEABLE, states.ACTIVE, states.CLEAN_FAILED):
        change(on, node, provision_state=provision_state)
        with pytest.raises(exceptions.InvalidState):
            on.accept("resume", args={"task": task})
        assert on.get(node).provision_state == provision_state
    assert on.task(task).state == tasks.PARKED
    assert on.steps(task)[0].state == "parked"


def test_a_look_at_the_power_does_not_keep_a_parked_task_from_going_on(on, script):
    node, task = parked(on)
    on.run(on.accept("power", node, args={"target": states.POWER_ON}))
    on.accept("resume", args={"task": task})
    assert on.run(task).state == tasks.SUCCEEDED


def test_a_power_task_that_goes_on_leaves_the_provision_state_alone(on, script):
    node, task = parked(on, "power", states.AVAILABLE)
    change(on, node, provision_state=states.ACTIVE, maintenance=True)
    on.accept("resume", args={"task": task})
    assert on.run(task).state == tasks.SUCCEEDED
    assert on.get(node).provision_state == states.ACTIVE
    assert on.get(node).maintenance, "a person has set it"


def test_one_request_reopens_a_task_once(on, script):
    _, task = parked(on)
    acceptor = on.live()[0].acceptor
    request = on.ask("resume", args={"task": task})
    assert acceptor.accept(request) == acceptor.accept(request) == task
    on.run(task)
    assert acceptor.accept(request) == task
    assert on.task(task).state == tasks.SUCCEEDED
    with pytest.raises(exceptions.KeyReused):
        acceptor.accept(dataclasses.replace(request, request_digest="another"))


def site_task(on, *words):
    with on.database.writer() as tx:
        return tasks.insert(tx, tasks.NewTask(action="validate_design",
                                              steps=[SPECS[word] for word in words]))


def test_a_cancelled_site_task_can_be_retried(on, script):
    """The cancel was for the first time."""
    task = site_task(on, "repeat")
    script.answer = lambda context: Wait("x", until=100, poll=50, late="late")
    on.processes[0].sweep()
    with on.database.writer() as tx:
        signals.send(tx, task, "cancel")
    assert on.run(task).state == tasks.CANCELLED
    script.answer = lambda context: Done()
    on.accept("retry", args={"task": task})
    row = on.run(task)
    assert (row.state, row.retry, row.error) == (tasks.SUCCEEDED, 1, None)


def test_a_retry_repeats_what_has_not_worked(on, script):
    task = site_task(on, "repeat", "probe", "park")
    done = []

    def answer(context):
        if context.step.name == "test.probe" and not done:
            done.append(True)
            raise exceptions.Invalid("not yet")
        return Done()
    script.answer = answer
    assert on.run(task).state == tasks.FAILED
    on.accept("retry", args={"task": task})
    assert on.run(task).state == tasks.SUCCEEDED
    assert [context.step.name for context in script.contexts] == [
        "test.repeat", "test.probe", "test.probe", "test.park"]


def test_a_node_task_is_not_retried_but_asked_for_again(on, script):
    task = on.insert(on.node(), SPECS["repeat"])
    script.answer = lambda context: 1 / 0
    on.run(task)
    with pytest.raises(exceptions.Invalid):
        on.accept("retry", args={"task": task})
