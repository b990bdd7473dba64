"""Site tasks: children on nodes, so many at a time, until too many have failed."""

import pytest

from provisioner import exceptions, states
from provisioner.db import designs, nodes, signals, tasks
from provisioner.steps import Done, Failed, Wait
from tests.cluster_site import SITE, prepared, small_site, store
from tests.invariants import violations
from tests.unit.conductor.conftest import SPECS

NAMES = ("node-001", "node-002", "node-003", "node-004")
DESIGN = small_site(NAMES)


@pytest.fixture
def site(on):
    """Four nodes of a site, available."""
    prepared(on, DESIGN, provision_state=states.AVAILABLE)
    return on


def ask(on, action, **args):
    return on.accept(action, site=SITE, design=DESIGN.digest, args=args)


def children(on, task):
    with on.database.reader() as tx:
        return tasks.children(tx, task)


def change(on, name, **values):
    with on.database.writer() as tx:
        nodes.update_engine(tx, nodes.get(tx, name).uuid, values)


def failing(*names):
    """Disturb the first step of each of these nodes' tasks."""
    def disturb(context, call):
        if context.node is not None and context.node.name in names:
            return Failed(exceptions.LoginRefused("Wrong password.").as_dict())
        return call()
    return disturb


def names_of(on, rows):
    known = {row.uuid: name for name, row in on.names().items()}
    return [known[row.node] for row in rows]


# --- what is there ------------------------------------------------------------------------------


def test_a_child_is_the_node_s_own_task_and_has_its_parentage(site):
    task = ask(site, "deploy_nodes")
    assert site.run(task).state == tasks.SUCCEEDED
    found = children(site, task)
    assert sorted(names_of(site, found)) == list(NAMES)
    assert {(row.parent, row.root, row.action, row.retry, row.state) for row in found} == {
        (task, task, "deploy", 0, "succeeded")}
    assert site.task(task).result["successes"] == list(NAMES)
    assert violations(site.database) == []


def test_at_most_so_many_run_at_once(site):
    task = ask(site, "deploy_nodes", max_parallel=2)
    most = 0
    while site.task(task).state not in tasks.ENDED:
        site.step()
        running = [row for row in children(site, task) if row.state not in tasks.ENDED]
        most = max(most, len(running))
    assert most == 2
    assert site.task(task).result["successes"] == list(NAMES)


def test_nodes_behind_refused_ones_are_not_forgotten(site):
    """With room for one at a time, those on which none can be started take no room."""
    for name in NAMES[:2]:
        change(site, name, maintenance=True)
    row = site.run(ask(site, "deploy_nodes", max_parallel=1))
    assert (row.state, row.error["code"]) == (tasks.FAILED, "NodesFailed")
    assert (row.result["failures"], row.result["successes"], row.result["status"]) == (
        list(NAMES[:2]), list(NAMES[2:]), "partial_success")
    assert all("maintenance" in entry["message"] for entry in row.result["messages"])


def test_nodes_behind_a_busy_one_do_not_wait_for_it(site, script):
    """The busy one gets its child when its own task has ended."""
    script.answer = lambda context: Done() if done else _wait()
    done = []
    own = site.insert(site.names()[NAMES[0]].uuid, SPECS["repeat"])
    task = ask(site, "deploy_nodes", max_parallel=1)
    for _ in range(60):
        site.step()
    deployed = [name for name, row in site.names().items()
                if row.provision_state == states.ACTIVE]
    assert sorted(deployed) == list(NAMES[1:])
    assert site.task(task).state == tasks.WAITING
    done.append(True)
    with site.database.writer() as tx:
        signals.send(tx, own, "poke")
    assert site.run(task).state == tasks.SUCCEEDED


def _wait():
    return Wait("person", until=10000.0, poll=1000.0, late="late")


@pytest.mark.parametrize(("threshold", "started"), [(0, 1), (1, 2), (None, 4)])
def test_too_many_failures_start_no_more(site, threshold, started):
    site.disturb = failing(*NAMES)
    task = ask(site, "deploy_nodes", max_parallel=1, max_failures=threshold)
    row = site.run(task)
    assert row.state == tasks.FAILED
    assert len(children(site, task)) == started
    assert row.result["failures"] == list(NAMES), "those not started are told of as well"
    not_started = [entry for entry in row.result["messages"]
                   if entry["message"].startswith("Not started")]
    assert len(not_started) == len(NAMES) - started


def test_a_failed_child_says_what_and_where(site):
    site.disturb = failing(NAMES[1])
    row = site.run(ask(site, "deploy_nodes"))
    assert row.result["status"] == "partial_success"
    (told,) = [entry for entry in row.result["messages"] if entry["error"]]
    assert told["context"] == NAMES[1]
    assert "in step bootaction.context" in told["message"]
    assert "Wrong password." in told["message"]
    assert NAMES[1] in row.error["message"]


# --- retry --------------------------------------------------------------------------------------


def test_only_what_failed_is_retried(site):
    site.disturb = failing(NAMES[1], NAMES[3])
    task = ask(site, "deploy_nodes")
    assert site.run(task).state == tasks.FAILED
    site.disturb = lambda context, call: call()
    site.accept("retry", args={"task": task})
    assert site.run(task).state == tasks.SUCCEEDED
    again = [row for row in children(site, task) if row.retry == 1]
    assert sorted(names_of(site, again)) == [NAMES[1], NAMES[3]]
    assert len(children(site, task)) == 6
    assert site.task(task).result["successes"] == list(NAMES)
    assert violations(site.database) == []


def test_a_repetition_finds_the_children_that_were_made(site):
    """A crash between the children and the record of the wait makes none twice."""
    calls = []

    def disturb(context, call):
        outcome = call()
        if context.step.name == "site.children":
            calls.append(outcome)
            call()
        return outcome
    site.disturb = disturb
    task = ask(site, "deploy_nodes")
    site.run(task)
    assert len(children(site, task)) == len(NAMES)


# --- cancel -------------------------------------------------------------------------------------


def test_a_cancel_reaches_the_children(on):
    prepared(on, DESIGN, provision_state=states.MANAGEABLE, deploy_interface="direct",
             boot_interface="ipxe", inspect_interface="agent")
    on.world.silent.update(row.uuid for row in on.names().values())
    task = ask(on, "prepare_nodes")
    while {row.provision_state for row in on.names().values()} != {states.INSPECT_WAIT}:
        on.step()
    with on.database.writer() as tx:
        signals.send(tx, task, "cancel")
    assert on.run(task).state == tasks.CANCELLED
    for child in children(on, task):
        assert on.run(child.uuid).state == tasks.CANCELLED
    for row in on.names().values():
        assert (row.provision_state, row.task, row.reservation) == (
            states.INSPECT_FAILED, None, None)
    assert violations(on.database) == []
    on.world.silent.clear()
    on.accept("retry", args={"task": task})
    assert on.run(task).state == tasks.SUCCEEDED


def test_two_last_children_cannot_miss_each_other(site):
    """Whichever ends last wakes the parent, though both end while it runs."""
    task = ask(site, "deploy_nodes")
    inside = []

    def disturb(context, call):
        outcome = call()
        if context.step.name == "site.children" and not inside:
            inside.append(True)
            for _ in range(60):  # all children end while the parent is inside its step
                site.live()[0].sweep()
                site.clock.seconds += 1.0
                site.live()[0].lease.renew()
        return outcome
    site.disturb = disturb
    site.live()[0].sweep()
    assert {row.state for row in children(site, task)} == {"succeeded"}
    assert site.task(task).state == tasks.RUNNABLE, "not asleep until the next poll"
    site.clock.seconds += signals.GATHER
    site.live()[0].sweep()
    assert site.task(task).state == tasks.SUCCEEDED


def test_a_child_without_steps_does_not_leave_its_parent_asleep(on):
    """Fake hardware has nothing to clean: provide is over when it is accepted."""
    prepared(on, DESIGN, provision_state=states.MANAGEABLE)
    started = on.clock.seconds
    assert on.run(ask(on, "prepare_nodes")).state == tasks.SUCCEEDED
    assert on.clock.seconds - started < 10.0
    assert {row.provision_state for row in on.names().values()} == {states.AVAILABLE}


# --- designs and sites --------------------------------------------------------------------------


def test_nodes_that_prepare_site_has_not_written_are_told_of(on):
    store(on, DESIGN)
    row = on.run(ask(on, "deploy_nodes"))
    assert row.result["failures"] == list(NAMES)
    assert "prepare_site" in row.result["messages"][0]["message"]


def test_a_node_filter_that_selects_nothing_is_no_failure(site):
    nothing = {"filter_set": [{"node_names": ["node-999"]}]}
    task = site.accept("deploy_nodes", site=SITE, design=DESIGN.digest, node_filter=nothing)
    row = site.run(task)
    assert (row.state, row.error) == (tasks.SUCCEEDED, None)
    assert children(site, task) == []


def test_a_filter_that_cannot_be_right_fails_the_task_clearly(site):
    task = site.accept("deploy_nodes", site=SITE, design=DESIGN.digest,
                       node_filter={"filter_set": "all"})
    row = site.run(task)
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.FAILED, "InvalidRequest", "site.children")
    assert children(site, task) == []


def test_a_design_from_a_reference_is_pinned_by_its_first_step(on, tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(DESIGN.documents, encoding="utf-8")
    on.conf.set_override("design_file_roots", [str(tmp_path)], "api")
    try:
        task = on.accept("validate_design", site=SITE, design_ref=f"file://{file}")
        assert on.run(task).state == tasks.SUCCEEDED
    finally:
        on.conf.clear_override("design_file_roots", "api")
    assert on.task(task).design == DESIGN.digest
    file.write_text("changed: meanwhile", encoding="utf-8")
    with on.database.reader() as tx:
        stored = designs.get(tx, DESIGN.digest).documents
    assert on.live()[0].hardware.open_text(stored) == DESIGN.documents


def test_a_site_is_not_given_another_design_while_a_task_of_the_old_one_runs(on):
    other = small_site(NAMES[:3])
    prepared(on, DESIGN, provision_state=states.AVAILABLE)
    store(on, other)
    running = ask(on, "deploy_nodes")
    row = on.run(on.accept("prepare_site", site=SITE, design=other.digest))
    assert (row.state, row.error["code"], row.error["step"]) == (
        tasks.FAILED, "Conflict", "site.lock")
    on.run(running)
    row = on.run(on.accept("prepare_site", site=SITE, design=other.digest))
    assert row.state == tasks.SUCCEEDED
    with on.database.reader() as tx:
        assert designs.site(tx, SITE).design == other.digest


def test_a_node_that_somebody_else_leads_back_fails_alone(site):
    """Its verb is not started twice: a child's key is there once for each retry."""
    for name in NAMES:
        change(site, name, provision_state=states.MANAGEABLE, automated_clean=False)
    led_back = []

    def disturb(context, call):
        if context.step.name == "site.children" and not led_back and (
                site.names()[NAMES[0]].provision_state == states.AVAILABLE):
            led_back.append(True)
            change(site, NAMES[0], provision_state=states.MANAGEABLE)
        return call()
    site.disturb = disturb
    row = site.run(ask(site, "prepare_nodes"))
    assert led_back and row.state == tasks.FAILED
    assert row.result["failures"] == [NAMES[0]]
    assert row.result["successes"] == list(NAMES[1:])
