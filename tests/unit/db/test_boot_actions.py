"""Keys and boot actions of deployments, on every database."""

import pytest

from provisioner import exceptions
from provisioner.db import boot_actions
from provisioner.db.boot_actions import Deployment, NewAction

KEY, OTHER = bytes(32), bytes(31) + b"x"
ONE, TWO = "0" * 26, "1" * 26


def begin(database, task="task-1", key=KEY, lifetime=60.0, actions=()):
    with database.writer() as tx:
        boot_actions.begin(tx, Deployment("uuid-1", "node-1", task, "digest", key, lifetime),
                           actions)


def admits(database, key, ident="node-1"):
    with database.reader() as tx:
        row = boot_actions.key_of(tx, ident)
        return row is not None and boot_actions.admits(tx, row, key)


def newest(database):
    with database.reader() as tx:
        return [(row.action_id, row.status) for row in boot_actions.newest(tx, "uuid-1")]


def test_a_key_is_good_until_it_expires_or_another_one_is_given(database):
    assert not admits(database, KEY)
    begin(database)
    assert admits(database, KEY) and admits(database, KEY, "uuid-1")
    assert not admits(database, OTHER) and not admits(database, b"")
    begin(database, "task-2", OTHER)
    assert admits(database, OTHER) and not admits(database, KEY)
    begin(database, "task-2", OTHER, lifetime=-0.1)
    assert not admits(database, OTHER)
    with database.writer() as tx:
        boot_actions.forget_key(tx, "uuid-1")
        assert boot_actions.key_of(tx, "node-1") is None


def test_the_newest_deployment_counts_and_a_repetition_replaces(database):
    begin(database, actions=[NewAction(ONE, "a", True), NewAction(TWO, "b", False)])
    assert newest(database) == [(ONE, "incomplete"), (TWO, "unreported")]
    begin(database, actions=[NewAction(TWO, "b", True)])
    assert newest(database) == [(TWO, "incomplete")]
    begin(database, "task-2", actions=[NewAction(ONE, "a", True)])
    assert newest(database) == [(ONE, "incomplete")]
    with database.reader() as tx:
        assert [row.action_id for row in boot_actions.of_task(tx, "task-1")] == [TWO]


def report(database, *args):
    with database.writer() as tx:
        return boot_actions.report(tx, *args)


def test_messages_add_up_until_the_end(database):
    begin(database, actions=[NewAction(ONE, "a", True)])
    report(database, ONE, None, [{"message": "1"}])
    row = report(database, ONE, "failure", [{"message": "2"}])
    assert (row.status, row.details) == ("failure", [{"message": "1"}, {"message": "2"}])
    assert row.reported_at is not None
    with pytest.raises(exceptions.Conflict):
        report(database, ONE, "success", [])


def test_reports_at_the_same_time_lose_nothing(database, in_thread):
    begin(database, actions=[NewAction(ONE, "a", True)])
    waiting = [in_thread(report, database, ONE, None, [{"message": str(number)}])
               for number in range(8)]
    for future in waiting:
        future.result(30)
    with database.reader() as tx:
        found = boot_actions.get(tx, ONE)
    assert sorted(entry["message"] for entry in found.details) == [str(n) for n in range(8)]
