"""Agents: one token for each boot."""

import pytest
from oslo_db import exception as db_exception

from provisioner.db import agents, boot_scripts
from tests.unit.db import rows


def give(database, node, sealed):
    return database.write(lambda tx: agents.give_token(tx, node, sealed))


def agent_of(database, node):
    with database.reader() as tx:
        return agents.get(tx, node)


def test_a_token_is_given_once(database):
    node = rows.node(database)
    assert give(database, node, "first")
    assert not give(database, node, "second")
    assert agent_of(database, node).token == "first"
    database.write(lambda tx: agents.reset(tx, node))
    assert give(database, node, "third"), "a new boot gets a new token"


def test_of_two_lookups_at_once_one_gets_the_token(database, in_thread, until_blocked):
    node = rows.node(database)
    with database.writer() as tx:
        assert agents.give_token(tx, node, "first")
        late = in_thread(give, database, node, "second")
        until_blocked(late)
    try:
        assert late.result(30) is False
    except db_exception.DBDuplicateEntry:
        assert not database.is_sqlite, "one writer at a time sees the other's row"
    assert agent_of(database, node).token == "first"


def test_a_heartbeat_is_recorded(database):
    node = rows.node(database)
    give(database, node, "sealed")
    database.write(lambda tx: agents.heartbeat(tx, node, {
        "url": "https://192.0.2.1:9999", "version": "9.1", "verify_ca": "x" * 5000}))
    agent = agent_of(database, node)
    assert (agent.url, agent.version, len(agent.verify_ca)) == (
        "https://192.0.2.1:9999", "9.1", 5000)
    with database.reader() as tx:
        assert abs((tx.read_now() - agent.last_heartbeat).total_seconds()) < 60


def test_an_inventory_is_replaced(database):
    node = rows.node(database)
    for number in (1, 2):
        database.write(lambda tx, number=number: agents.put_inventory(
            tx, node, {"cpu": {"count": number}}, {"n": "é" * 100000}))
    with database.reader() as tx:
        found = agents.inventory(tx, node)
        assert agents.inventory(tx, "nobody") is None
    assert (found.inventory, len(found.plugin_data["n"])) == ({"cpu": {"count": 2}}, 100000)


def test_boot_scripts_are_found_by_address(database):
    first, second = rows.node(database), rows.node(database)
    one, two, three = (f"52:54:00:00:00:0{number}" for number in (1, 2, 3))

    def script(address):
        with database.reader() as tx:
            row = boot_scripts.get(tx, address)
            return row and (row.node_uuid, row.script)
    database.write(lambda tx: boot_scripts.put(tx, first, [one, two, one], "a"))
    assert script(one) == script(two) == (first, "a")
    database.write(lambda tx: boot_scripts.put(tx, first, [two], "b"))
    assert (script(one), script(two)) == (None, (first, "b"))
    database.write(lambda tx: boot_scripts.put(tx, second, [two, three], "c"))
    assert script(two) == script(three) == (second, "c"), "an address moves with its card"
    database.write(lambda tx: boot_scripts.remove(tx, second))
    assert (script(two), script(three)) == (None, None)


@pytest.mark.parametrize("again", ["same", "other"])
def test_a_token_row_without_token_gets_one(database, again):
    """A heartbeat-less row (after an upgrade) does not stop a machine from its token."""
    node = rows.node(database)
    database.write(lambda tx: tx.execute(agents.node_agents.insert().values(node_uuid=node)))
    assert give(database, node, "first")
    assert not give(database, node, "first" if again == "same" else "second")
