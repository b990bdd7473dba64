"""Sealing anew while others write, on each kind of database."""

import contextlib

import pytest
import sqlalchemy as sa

from provisioner import exceptions, secrets
from provisioner.db import agents, nodes, signals
from provisioner.db.models import nodes as nodes_table
from provisioner.db.models import steps, tasks
from provisioner.dbsync.resealing import PASSES, Resealer
from tests.unit.db import rows

OLD, NEW = secrets.new_key(), secrets.new_key()
BEFORE, AFTER, ALONE = secrets.Box([OLD]), secrets.Box([NEW, OLD]), secrets.Box([NEW])


class Busy(secrets.Box):
    """A box that lets somebody else write just before each value is sealed anew."""

    def __init__(self, write):
        super().__init__([NEW, OLD])
        self._write = write

    def seal_text(self, plain):
        self._write()
        return super().seal_text(plain)


class Death(BaseException):
    """The end of the process."""


class Killed(secrets.Box):
    """A box that ends the process at the n-th value."""

    def __init__(self, number):
        super().__init__([NEW, OLD])
        self._left = number

    def seal_text(self, plain):
        if not self._left:
            raise Death
        self._left -= 1
        return super().seal_text(plain)


def make_node(database, password="old", **values):
    return rows.node(database, driver_info=BEFORE.seal(
        {"ipmi_address": "192.0.2.1", "ipmi_password": password}), **values)


def password_of(database, uuid, box=ALONE):
    return box.open(rows.read_node(database, uuid).driver_info)["ipmi_password"]


def test_everything_sealed_is_sealed_anew(database):
    node = make_node(database, instance_info=BEFORE.seal({"image_url": "u", "x": [{"token": "t"}]}))
    plain = rows.node(database, driver_info={"ipmi_address": "192.0.2.2", "$sealed_by": "nobody"})
    task = rows.task(database, args=BEFORE.seal({"configdrive": "c"}))
    with database.writer() as tx:
        agents.give_token(tx, node, BEFORE.seal_text("token"))
        signals.send(tx, task, "x", BEFORE.seal({"password": "s"}))
        tx.execute(sa.update(steps).values(args=BEFORE.seal({"password": "p"}),
                                           result=BEFORE.seal({"password": "r"})))
    before = rows.read_node(database, plain)

    outcome = Resealer(database, AFTER, ALONE).run()

    assert (outcome.resealed, outcome.unreadable) == (7, [])
    row = rows.read_node(database, node)
    assert password_of(database, node) == "old"
    assert row.driver_info["ipmi_address"] == "192.0.2.1"
    assert ALONE.open(row.instance_info) == {"image_url": "u", "x": [{"token": "t"}]}
    assert ALONE.open(rows.read_task(database, task).args) == {"configdrive": "c"}
    with database.reader() as tx:
        assert ALONE.open_text(agents.get(tx, node).token) == "token"
        assert ALONE.open(signals.of(tx, task)[0].data) == {"password": "s"}
        step = tx.one(sa.select(steps))
    assert (ALONE.open(step.args), ALONE.open(step.result)) == (
        {"password": "p"}, {"password": "r"})
    assert rows.read_node(database, plain) == before
    assert Resealer(database, AFTER, ALONE).run().resealed == 0


def test_batches_leave_nobody_out(database):
    made = [make_node(database, str(number)) for number in range(7)]
    task = rows.task(database)
    with database.writer() as tx:
        tx.execute(sa.delete(steps))
        tx.execute(sa.insert(steps), [
            {"task": key, "position": position, "name": "s", "state": "pending",
             "args": BEFORE.seal({"password": f"{key}{position}"})}
            for key in (task, "a", "z") for position in range(3)])
    assert Resealer(database, AFTER, ALONE, batch=2).run().resealed == 16
    assert [password_of(database, uuid) for uuid in made] == list("0123456")
    with database.reader() as tx:
        for step in tx.all(sa.select(steps)):
            assert ALONE.open(step.args) == {"password": f"{step.task}{step.position}"}


def test_a_change_by_somebody_else_is_kept(database):
    uuid = make_node(database)
    values = ["new"]

    def somebody():
        if not values:
            return
        info = BEFORE.seal({"ipmi_password": values.pop()})
        row = rows.read_node(database, uuid)
        database.write(lambda tx: nodes.update_user(tx, row, {"driver_info": info}))
    outcome = Resealer(database, Busy(somebody), ALONE).run()
    assert outcome.resealed == 1
    assert password_of(database, uuid) == "new"


def test_a_change_made_from_the_old_value_is_refused(database):
    """Else it would bring the value that the old key has sealed back."""
    uuid = make_node(database)
    seen = rows.read_node(database, uuid)
    Resealer(database, AFTER, ALONE).run()
    with pytest.raises(exceptions.Changed):
        database.write(lambda tx: nodes.update_user(
            tx, seen, {"driver_info": {**seen.driver_info, "ipmi_username": "admin"}}))
    assert password_of(database, uuid) == "old"


def test_a_column_that_never_rests_is_reported(sqlite):
    uuid = make_node(sqlite)
    writes = []

    def somebody():
        writes.append(1)
        sqlite.write(lambda tx: tx.execute(sa.update(nodes_table).where(
            nodes_table.c.uuid == uuid).values(driver_info=BEFORE.seal({"password": "x"}))))
    with pytest.raises(exceptions.Conflict, match="nodes.driver_info"):
        Resealer(sqlite, Busy(somebody), ALONE).run()
    assert len(writes) == PASSES


@pytest.mark.parametrize("number", range(6))
def test_killed_at_any_value_it_goes_on(sqlite, number):
    made = [make_node(sqlite, str(n)) for n in range(5)]
    with pytest.raises(Death) if number < 5 else contextlib.nullcontext():
        Resealer(sqlite, Killed(number), ALONE, batch=2).run()
    assert [password_of(sqlite, uuid, AFTER) for uuid in made] == list("01234")
    rest = Resealer(sqlite, AFTER, ALONE, batch=2).run().resealed
    assert rest == (5 - number // 2 * 2 if number < 5 else 0)
    assert [password_of(sqlite, uuid) for uuid in made] == list("01234")


def test_what_no_key_opens_is_named_and_left(sqlite):
    foreign = secrets.Box([secrets.new_key()]).seal({"password": "x"})
    lost, node = rows.node(sqlite, driver_info=foreign), make_node(sqlite)
    with sqlite.writer() as tx:
        tx.execute(sa.insert(tasks).values(
            uuid="t", action="x", state="failed", created_at=tx.now(), args={"$sealed": "x"}))
    outcome = Resealer(sqlite, AFTER, ALONE).run()
    assert outcome.resealed == 1
    assert outcome.unreadable == [
        f"nodes.driver_info {rows.read_node(sqlite, lost).id}", "tasks.args 1"]
    assert rows.read_node(sqlite, lost).driver_info == foreign
    assert password_of(sqlite, node) == "old"
