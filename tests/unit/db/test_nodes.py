"""Nodes: paging, filters, compare-and-set."""

import itertools

import pytest
from oslo_db import exception as db_exception

from provisioner import exceptions, states
from provisioner.db import fences, models, nodes, ports
from provisioner.db.nodes import NodeFilter, Page
from tests.unit.db import rows


def listed(database, page=None, **wanted):
    with database.reader() as tx:
        return nodes.find(tx, NodeFilter(**wanted), page or Page())


def uuids(found):
    return [row.uuid for row in found]


def all_pages(database, sort_key, descending, limit):
    marker, pages = None, []
    while True:
        page = listed(database, Page(limit, marker, sort_key, descending))
        pages.append(uuids(page))
        if len(page) < limit:
            return pages
        marker = page[-1].uuid


@pytest.fixture
def mixed(database):
    """Nodes with NULLs and ties in every sort key."""
    values = itertools.product([None, "b", "a"], [False, True], [None, "x"])
    for resource_class, maintenance, shard in values:
        rows.node(database, resource_class=resource_class, maintenance=maintenance, shard=shard)
    with database.writer() as tx:
        for number, row in enumerate(listed(database)):
            if number % 3:
                nodes.update_engine(tx, row.uuid, {})
            nodes.update_engine(tx, row.uuid, {"inspection_started_at": tx.now(number // 4)}
                                if number % 2 else {})


@pytest.mark.parametrize("descending", [False, True])
def test_pages_join_to_the_whole_list(database, mixed, descending):
    for sort_key in ("id", "uuid", "resource_class", "maintenance", "shard", "updated_at",
                     "inspection_started_at", "name"):
        whole = uuids(listed(database, Page(1000, None, sort_key, descending)))
        assert len(set(whole)) == 12
        for limit in (1, 5, 12):
            pages = all_pages(database, sort_key, descending, limit)
            assert list(itertools.chain(*pages)) == whole, (sort_key, limit)


@pytest.mark.parametrize("descending", [False, True])
def test_nulls_come_first_and_ties_by_id(database, mixed, descending):
    found = listed(database, Page(1000, None, "resource_class", descending))
    order = [(row.resource_class or "", row.id) for row in found]
    assert order == sorted(order, reverse=descending)


def test_an_unknown_marker_is_not_found(database):
    with pytest.raises(exceptions.NotFound, match="nowhere"):
        listed(database, Page(marker="nowhere"))


def test_a_page_goes_on_behind_a_marker_that_left_the_filter(database):
    made = [rows.node(database, resource_class="a") for _ in range(3)]
    rows.set_node(database, made[0], resource_class="b")
    found = listed(database, Page(10, made[0]), equal={"resource_class": "a"})
    assert uuids(found) == made[1:]


def test_only_the_columns_asked_for(database):
    uuid = rows.node(database, name="n", extra={"a": 1})
    with database.reader() as tx:
        row, = nodes.find(tx, NodeFilter(), Page(), ["extra", "uuid", "name"])
    assert row._asdict() == {"uuid": uuid, "extra": {"a": 1}, "name": "n"}


def test_filters(database):
    parent = rows.node(database, name="parent", owner="p1", instance_uuid=models.new_uuid())
    child = rows.node(database, name="child", parent_node=parent, shard="s1", lessee="p1")
    other = rows.node(database, name="other", shard="s2", description="100% ODD_name")
    assert uuids(listed(database)) == [parent, other]
    assert uuids(listed(database, children=True)) == [parent, child, other]
    assert uuids(listed(database, equal={"parent_node": parent})) == [child]
    assert uuids(listed(database, associated=True)) == [parent]
    assert uuids(listed(database, associated=False)) == [other]
    assert uuids(listed(database, sharded=True, children=True)) == [child, other]
    assert uuids(listed(database, sharded=False)) == [parent]
    assert uuids(listed(database, shards=("s1", "s2"), children=True)) == [child, other]
    assert uuids(listed(database, project="p1", children=True)) == [parent, child]
    assert uuids(listed(database, uuids=(other,))) == [other]
    assert uuids(listed(database, description_contains="0% ODD_")) == [other]
    assert uuids(listed(database, description_contains="0%_ODD")) == []
    assert uuids(listed(database, equal={"name": "other"}, sharded=True)) == [other]


def test_a_new_node(database):
    uuid = rows.node(database)
    node = rows.read_node(database, uuid)
    assert (node.provision_state, node.epoch, node.task, node.extra, node.maintenance) == (
        states.ENROLL, 0, None, {}, False)
    assert node.updated_at is None
    assert node.created_at is not None


@pytest.mark.parametrize("column", ["uuid", "name", "instance_uuid"])
def test_what_must_be_unique(database, column):
    value = models.new_uuid()
    rows.node(database, **{column: value})
    with pytest.raises(db_exception.DBDuplicateEntry):
        rows.node(database, **{column: value})
    rows.node(database)


def test_a_uuid_wins_over_a_name_that_looks_like_it(database):
    uuid = rows.node(database)
    impostor = rows.node(database, name=uuid)
    with database.reader() as tx:
        assert nodes.get(tx, uuid).uuid == uuid
        assert nodes.get(tx, impostor).uuid == impostor
        assert nodes.get(tx, "nobody") is None
        with pytest.raises(exceptions.NotFound):
            nodes.require(tx, "nobody")
        assert set(nodes.many(tx, [uuid, impostor, "x"])) == {uuid, impostor}
        assert set(nodes.by_names(tx, [uuid, "x"])) == {uuid}


def change(database, node, **values):
    database.write(lambda tx: nodes.update_user(tx, node, values))


def test_a_user_write_needs_the_newest_row(database):
    uuid = rows.node(database)
    first = rows.read_node(database, uuid)
    change(database, first, description="one")
    with pytest.raises(exceptions.Changed):
        change(database, first, description="two")
    second = rows.read_node(database, uuid)
    assert second.description == "one"
    change(database, second, description="three")
    with pytest.raises(exceptions.Changed):
        change(database, second, description="four")
    assert rows.read_node(database, uuid).description == "three"


def test_of_two_user_writes_at_once_one_fails(database, in_thread, until_blocked):
    uuid = rows.node(database)
    seen = rows.read_node(database, uuid)
    with database.writer() as tx:
        nodes.update_user(tx, seen, {"description": "first"})
        late = in_thread(change, database, seen, description="second")
        until_blocked(late)
    with pytest.raises(exceptions.Changed):
        late.result(30)
    assert rows.read_node(database, uuid).description == "first"


def test_engine_columns_are_not_for_users(database):
    node = rows.read_node(database, rows.node(database))
    with pytest.raises(ValueError, match="provision_state"):
        change(database, node, provision_state="active", description="x")


def test_deleting_takes_what_belongs_to_the_node(database):
    uuid, other = rows.node(database), rows.node(database)
    with database.writer() as tx:
        for number, node in enumerate((uuid, other)):
            nodes.set_traits(tx, node, ["CUSTOM_A"])
            ports.create(tx, {"node_uuid": node, "address": f"52:54:00:00:00:0{number}"})
    database.write(lambda tx: nodes.delete(tx, nodes.get(tx, uuid)))
    assert rows.read_node(database, uuid) is None
    with database.reader() as tx:
        assert ports.of_node(tx, uuid) == []
        assert len(ports.of_node(tx, other)) == 1
        assert nodes.traits(tx, [uuid, other]) == {other: ["CUSTOM_A"]}


def test_a_node_at_work_is_not_deleted(database):
    held, busy = rows.node(database), rows.node(database)
    me = rows.conductor(database)
    database.write(lambda tx: fences.take_node(tx, nodes.get(tx, held), me))
    before = rows.read_node(database, busy)
    rows.task(database, busy)
    for node in (before, rows.read_node(database, busy), rows.read_node(database, held)):
        with pytest.raises(exceptions.NodeBusy):
            database.write(lambda tx, node=node: nodes.delete(tx, node))
        assert rows.read_node(database, node.uuid) is not None



def test_traits_are_replaced_and_sorted(database):
    uuid = rows.node(database)
    for wanted in (["B", "A", "A"], ["C", "A"], []):
        database.write(lambda tx, wanted=wanted: nodes.set_traits(tx, uuid, wanted))
        with database.reader() as tx:
            assert nodes.traits(tx, [uuid]) == ({uuid: sorted(set(wanted))} if wanted else {})


def test_power_sync_reads_idle_nodes_page_by_page(database):
    """Idle: no task, nobody inside, no maintenance, no power change, a state that is synced."""
    made = {name: rows.node(database, name=name) for name in (
        "never", "old", "new", "busy", "maintained", "changing", "held")}
    for uuid in made.values():
        rows.set_node(database, uuid, provision_state=states.ACTIVE)
    ago = {"old": 600, "new": 5, "busy": 600, "maintained": 600, "changing": 600, "held": 600}
    with database.writer() as tx:
        for name, seconds in ago.items():
            nodes.update_engine(tx, made[name], {"power_read_at": tx.now(-seconds)})
    rows.task(database, made["busy"])
    rows.set_node(database, made["maintained"], maintenance=True)
    rows.set_node(database, made["changing"], target_power_state="power on")
    rows.set_node(database, made["held"], incarnation="i")
    enrolled = rows.node(database, name="enrolled")
    assert rows.read_node(database, enrolled).provision_state in states.SYNC_EXCLUDED
    with database.reader() as tx:
        found = nodes.for_power_sync(tx, 60, 10, "power failure")
        first = nodes.for_power_sync(tx, 60, 1, "power failure")
        rest = nodes.for_power_sync(tx, 60, 10, "power failure", first[0].id)
    assert {row.name for row in found} == {"never", "old"}
    assert [*first, *rest] == found and len(first) == 1


def test_a_power_read_is_dropped_if_somebody_had_the_node(database):
    uuid = rows.node(database)
    seen = rows.read_node(database, uuid)

    def record(node):
        return database.write(
            lambda tx: nodes.record_power(tx, node, {"power_state": "power off"}))
    rows.set_node(database, uuid, epoch=1)
    assert not record(seen)
    rows.set_node(database, uuid, task="t")
    assert not record(rows.read_node(database, uuid))
    rows.set_node(database, uuid, task=None)
    assert record(rows.read_node(database, uuid))
    assert rows.read_node(database, uuid).power_state == "power off"
