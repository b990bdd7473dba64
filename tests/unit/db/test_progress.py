"""The step that each part of a task is at, on every database."""

import pytest

from provisioner.db import progress, tasks
from provisioner.steps import DONE, SKIPPED, STARTED, StepSpec


@pytest.fixture
def parent(database):
    return database.write(lambda tx: tasks.insert(tx, tasks.NewTask("deploy_nodes", [])))


def add(database, parent, name, states):
    """A child with steps in these states; its uuid."""
    specs = [StepSpec(f"step-{number}") for number in range(1, len(states) + 1)]
    with database.writer() as tx:
        uuid = tasks.insert(tx, tasks.NewTask("deploy", specs, parent=parent, root=parent,
                                              node_name=name))
        for row, state in zip(tasks.steps_of(tx, uuid), states, strict=True):
            tasks.update_step(tx, uuid, row.position, state=state)
    return uuid


@pytest.mark.parametrize(("states", "name", "number"), [
    ([STARTED, "pending", "pending"], "step-1", 1), ([DONE, SKIPPED, "waiting"], "step-3", 3),
    ([DONE, "pending", SKIPPED], "step-2", 2), ([DONE, DONE], "step-2", 2)])
def test_current_step_is_the_first_one_not_over(database, parent, states, name, number):
    add(database, parent, "node-001", states)
    with database.reader() as tx:
        (row,) = progress.of_children(tx, parent)
    assert (row.step_name, row.step_number, row.step_total) == (name, number, len(states))
    assert row.step_state == states[number - 1]


def test_children_come_in_their_order_and_only_they(database, parent):
    first = add(database, parent, "node-002", ["pending"])
    second = add(database, parent, "node-001", [DONE, "pending"])
    add(database, first, "grandchild", ["pending"])
    bare = add(database, parent, "node-003", [])
    with database.reader() as tx:
        rows = progress.of_children(tx, parent)
    assert [row.uuid for row in rows] == [first, second, bare]
    assert [row.step_total for row in rows] == [1, 2, None]
    assert rows[2].step_name is None
