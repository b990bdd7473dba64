"""Leases: renewed while they last, never revived, declared dead by others."""

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner.db import conductors
from provisioner.db.models import conductor_drivers, new_uuid
from provisioner.db.models import conductors as table
from tests.unit.db import rows


def row_of(database, holder):
    with database.reader() as tx:
        return tx.one(sa.select(table, (table.c.lease_until > tx.now()).label("valid")).where(
            table.c.incarnation == holder.incarnation))


def renew(database, holder, lease=60.0):
    return database.write(lambda tx: conductors.renew(tx, holder.incarnation, lease))


def live_names(database):
    with database.reader() as tx:
        return [row.hostname for row in conductors.live(tx)]


def test_a_lease_is_renewed_while_it_lasts(database):
    me = rows.conductor(database, lease=30)
    before = row_of(database, me).lease_until
    assert renew(database, me, 60)
    assert row_of(database, me).lease_until > before


def test_an_ended_lease_is_never_revived(database):
    me = rows.conductor(database, lease=-0.001)
    assert not renew(database, me)
    assert not row_of(database, me).valid


def test_a_dead_incarnation_is_never_revived(database):
    """Not even if its lease were to last: ``dead`` is final."""
    me = rows.conductor(database, lease=-1)
    assert database.write(conductors.declare_dead) == 1
    database.write(lambda tx: tx.execute(sa.update(table).values(lease_until=tx.now(60))))
    assert not renew(database, me)


def test_only_ended_leases_are_declared_dead(database):
    rows.conductor(database, "a", lease=60)
    gone = rows.conductor(database, "b", lease=-1)
    assert database.write(conductors.declare_dead) == 1
    assert database.write(conductors.declare_dead) == 0
    assert live_names(database) == ["a"]
    assert row_of(database, gone).dead_at is not None


def test_declaring_dead_waits_for_a_renewal_and_spares_it(database, in_thread, until_blocked):
    """The renewal had passed its check before the lease ended, and has not committed yet."""
    me = rows.conductor(database, lease=-0.001)
    with database.writer() as tx:
        tx.execute(sa.update(table).where(table.c.incarnation == me.incarnation).values(
            lease_until=tx.now(60)))
        declaring = in_thread(database.write, conductors.declare_dead)
        until_blocked(declaring)
    assert declaring.result(30) == 0
    assert live_names(database) == ["a"]
    assert renew(database, me)


def test_renewing_waits_for_the_declaration_and_fails(database, in_thread, until_blocked):
    me = rows.conductor(database, lease=60)
    with database.writer() as tx:
        # Declared dead while the lease, as the renewal sees it, has not ended.
        tx.execute(sa.update(table).where(table.c.incarnation == me.incarnation).values(
            dead=True, live_name=None, dead_at=tx.now()))
        renewing = in_thread(renew, database, me)
        until_blocked(renewing)
    assert renewing.result(30) is False
    assert live_names(database) == []


def test_one_living_incarnation_for_each_hostname(database):
    rows.conductor(database, "a", lease=-1)
    with pytest.raises(db_exception.DBDuplicateEntry):
        rows.conductor(database, "a")
    database.write(conductors.declare_dead)
    rows.conductor(database, "a")
    rows.conductor(database, "b")
    assert live_names(database) == ["a", "b"]


def test_of_two_that_register_at_once_one_lives(database, in_thread, until_blocked):
    first = conductors.Registration(new_uuid(), "a", "", 1, {})
    with database.writer() as tx:
        conductors.register(tx, first, 60)
        second = in_thread(rows.conductor, database, "a")
        until_blocked(second)
    with pytest.raises(db_exception.DBDuplicateEntry):
        second.result(30)
    with database.reader() as tx:
        assert [row.incarnation for row in conductors.live(tx)] == [first.incarnation]


def test_resigning_moves_the_work_at_once(database):
    """Dated back by the margin: nobody has to wait for a write under way."""
    me = rows.conductor(database)
    database.write(lambda tx: conductors.resign(tx, me.incarnation, 2.0))
    with database.reader() as tx:
        assert tx.one(sa.select(table.c.id).where(table.c.dead_at <= tx.now(-2.0))) is not None
    assert not renew(database, me)
    rows.conductor(database, "a")


def test_burying_ends_all_earlier_incarnations_of_a_host(database):
    rows.conductor(database, "a")
    other = rows.conductor(database, "b")
    assert database.write(lambda tx: conductors.bury(tx, "a", 2.0)) == 1
    assert live_names(database) == ["b"]
    assert renew(database, other)


def test_newest_shows_each_host_once(database):
    rows.dead_conductor(database, "a")
    second = rows.conductor(database, "a")
    gone = rows.dead_conductor(database, "b")
    with database.reader() as tx:
        found = conductors.newest(tx)
    assert [(row.hostname, row.incarnation) for row in found] == [
        ("a", second.incarnation), ("b", gone.incarnation)]


def test_offers_are_kept_as_they_came(database):
    offer = {"interfaces": {"power": ["ipmitool", "fake"]}, "settings": {"ipmi_port": {"n": 623}}}
    me = conductors.Registration(new_uuid(), "a", "rack1", 3, {"ipmi": offer})
    database.write(lambda tx: conductors.register(tx, me, 60))
    with database.reader() as tx:
        found, = conductors.offers(tx, [me.incarnation])
        alive, = conductors.live(tx)
        assert conductors.offers(tx, []) == []
    assert (found.hardware_type, found.interfaces, found.settings) == (
        "ipmi", offer["interfaces"], offer["settings"])
    assert (alive.conductor_group, alive.weight) == ("rack1", 3)


def test_forgetting_spares_the_young_and_the_living(database):
    rows.dead_conductor(database, "old", ago=1000)
    young = rows.dead_conductor(database, "young", ago=10)
    alive = rows.conductor(database, "alive")
    assert database.write(lambda tx: conductors.forget(tx, 100)) == 1
    assert row_of(database, young) is not None
    assert row_of(database, alive) is not None
    with database.reader() as tx:
        assert tx.all(sa.select(conductor_drivers)) == []
