"""Tasks: inserted once, found when due, paged."""

import pytest
from oslo_db import exception as db_exception

from provisioner.db import fences, models, nodes, tasks
from provisioner.db.tasks import NewTask, TaskFilter
from provisioner.steps import StepSpec
from tests.unit.db import rows


def insert(database, **values):
    return database.write(lambda tx: tasks.insert(tx, NewTask(**{
        "action": "power", "steps": [StepSpec("set_power", {})], **values})))


def due(database, incarnation="me", margin=0.0, limit=1000):
    with database.reader() as tx:
        return {row.uuid: row for row in tasks.due(tx, incarnation, margin, limit)}


def take(database, uuid, holder):
    def work(tx):
        row = tasks.get(tx, uuid)
        epoch = nodes.get(tx, row.node).epoch if row.node else row.epoch
        fence = fences.take_task(tx, row, epoch, holder)
        tasks.update(tx, uuid, state="running", run_until=tx.now(60))
        return fence
    return database.write(work)


def test_a_new_task_is_runnable_and_whole(database):
    specs = [StepSpec("a", {"x": 1}, "deploy"), StepSpec("b")]
    uuid = insert(database, steps=specs, args={"target": "power on"}, node_filter={"names": []})
    with database.reader() as tx:
        task = tasks.get(tx, uuid)
        steps = tasks.steps_of(tx, uuid)
        assert tasks.steps_of_many(tx, [uuid, "x"]) == {uuid: steps}
    assert (task.state, task.root, task.args, task.node_filter) == (
        "runnable", uuid, {"target": "power on"}, {"names": []})
    assert [(step.position, step.name, step.args, step.event, step.state) for step in steps] == [
        (tasks.SPACING, "a", {"x": 1}, "deploy", "pending"),
        (2 * tasks.SPACING, "b", {}, None, "pending")]
    assert uuid in due(database)


def test_steps_are_put_between_others(database):
    uuid = insert(database, steps=[StepSpec("a"), StepSpec("d")])
    database.write(lambda tx: tasks.insert_steps(
        tx, uuid, [StepSpec("b"), StepSpec("c")], tasks.SPACING + 1, 1))
    with database.reader() as tx:
        assert [step.name for step in tasks.steps_of(tx, uuid)] == list("abcd")


def test_a_task_without_steps_has_succeeded(database):
    task = rows.read_task(database, insert(database, steps=[]))
    assert (task.state, task.finished_at is None) == ("succeeded", False)
    assert due(database) == {}


def test_a_request_is_accepted_once(database, in_thread, until_blocked):
    with database.writer() as tx:
        first = tasks.insert(tx, NewTask("power", [], request_key="user/key"))
        second = in_thread(insert, database, request_key="user/key")
        until_blocked(second)
    with pytest.raises(db_exception.DBDuplicateEntry):
        second.result(30)
    with database.reader() as tx:
        assert tasks.by_request_key(tx, "user/key").uuid == first
        assert tasks.by_request_key(tx, "USER/key") is None
    insert(database, request_key="USER/key")
    insert(database)
    insert(database)


def test_a_child_is_made_once_for_each_retry(database):
    parent, node = insert(database), rows.node(database)
    child = {"parent": parent, "node": node, "action": "deploy"}
    insert(database, **child)
    with pytest.raises(db_exception.DBDuplicateEntry):
        insert(database, **child)
    insert(database, retry=1, **child)
    insert(database, **{**child, "action": "clean"})
    with database.reader() as tx:
        assert [(row.action, row.retry) for row in tasks.children(tx, parent)] == [
            ("deploy", 0), ("deploy", 1), ("clean", 0)]


def test_due_tells_the_fence_and_where_to_run(database):
    node = rows.node(database, conductor_group="rack1")
    rows.set_node(database, node, epoch=7)
    uuid = rows.task(database, node)
    row = due(database)[uuid]
    assert (row.node, row.state, row.fence_epoch, row.owner, row.driver, row.conductor_group,
            row.overrun) == (node, "runnable", 7, None, "fake-hardware", "rack1", None)


def test_work_of_the_living_is_not_due(database):
    node = rows.node(database)
    for uuid in (rows.task(database, node), rows.task(database)):
        take(database, uuid, rows.conductor(database, uuid))
    assert due(database) == {}


def test_work_of_the_dead_is_due_after_the_margin(database):
    node = rows.node(database)
    on_node, alone = rows.task(database, node), rows.task(database)
    for uuid, name in ((on_node, "a"), (alone, "b")):
        take(database, uuid, rows.conductor(database, name, lease=-1))
    assert due(database) == {}, "an ended lease alone proves nothing"
    database.write(lambda tx: tx.execute(models.conductors.update().values(
        dead=True, dead_at=tx.now(-5))))
    assert due(database, margin=60) == {}
    found = due(database, margin=2)
    assert set(found) == {on_node, alone}
    assert found[on_node].state == found[alone].state == "running"
    assert found[on_node].fence_epoch == found[alone].fence_epoch == 1


def test_ones_own_running_work_is_listed_with_its_overrun(database):
    me = rows.conductor(database)
    uuid = rows.task(database, rows.node(database))
    take(database, uuid, me)
    row = due(database, me.incarnation)[uuid]
    assert (row.owner, row.overrun) == (me.incarnation, 0)
    database.write(lambda tx: tasks.update(tx, uuid, run_until=tx.now(-1)))
    assert due(database, me.incarnation)[uuid].overrun == 1


def test_only_the_task_of_the_node_is_due(database):
    node = rows.node(database)
    superseded, present = rows.task(database, node), rows.task(database, node)
    assert set(due(database)) == {present}
    assert superseded != present


def test_the_longest_due_come_first_and_only_so_many(database):
    late, later, latest = (insert(database) for _ in range(3))
    with database.writer() as tx:
        for uuid, seconds in ((late, -30), (later, -20), (latest, -10)):
            tasks.update(tx, uuid, due_at=tx.now(seconds))
    assert list(due(database)) == [late, later, latest]
    assert list(due(database, limit=2)) == [late, later]


@pytest.mark.parametrize("state", tasks.ENDED)
def test_ended_tasks_are_never_due(database, state):
    uuid = insert(database)
    database.write(lambda tx: tasks.update(tx, uuid, state=state))
    assert due(database) == {}


def test_filters_and_pages(database):
    top = insert(database, site="s1", action="deploy_nodes")
    node = rows.node(database)
    child = insert(database, parent=top, root=top, node=node)
    ended = insert(database, steps=[], site="s2")

    def find(limit=1000, **wanted):
        with database.reader() as tx:
            return [row.uuid for row in tasks.find(tx, TaskFilter(**wanted), limit)]
    assert find() == [ended, child, top], "newest first"
    assert find(top=True) == [ended, top]
    assert find(root=top) == [child, top]
    assert find(node=node) == [child]
    assert find(site="s1") == [top]
    assert find(action="power") == [ended, child]
    assert find(states=("runnable",)) == [child, top]
    assert find(2) == [ended, child]
    assert find(2, before=rows.read_task(database, child).id) == [top]
    with database.reader() as tx:
        assert tasks.count_states(tx) == {"runnable": 2, "succeeded": 1}


def test_updates_are_counted(database):
    uuid = insert(database)
    for number in (1, 2):
        database.write(lambda tx: tasks.update(tx, uuid, wait_for="agent"))
        assert rows.read_task(database, uuid).version == number
    database.write(lambda tx: tasks.update_step(
        tx, uuid, tasks.SPACING, state="running", attempt=1))
    with database.reader() as tx:
        step, = tasks.steps_of(tx, uuid)
    assert (step.state, step.attempt) == ("running", 1)


def test_an_ended_task_is_locked_as_it_was_read(database):
    uuid = insert(database)
    database.write(lambda tx: tasks.update(tx, uuid, state="failed"))
    seen = rows.read_task(database, uuid)
    assert database.write(lambda tx: tasks.lock(tx, seen))
    database.write(lambda tx: tasks.update(tx, uuid, state="runnable"))
    assert not database.write(lambda tx: tasks.lock(tx, seen))


def test_ready_tasks_come_page_by_page(database):
    made = [insert(database, steps=[StepSpec("test.x")]) for _ in range(5)]
    with database.reader() as tx:
        pages = [tasks.ready(tx, 2)]
        while pages[-1]:
            pages.append(tasks.ready(tx, 2, pages[-1][-1]))
    assert [row.uuid for page in pages for row in page] == made
