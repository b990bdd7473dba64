"""What inspection leaves behind: build data, and where ports hang by LLDP."""

import pytest

from provisioner import states
from provisioner.db import build_data, ports, tasks
from provisioner_conductor import learnt, lldp

MAC = "52:54:00:00:00:01"
HEARD = [[1, "0400005e005301"], [2, "05" + b"Gi1/0/7".hex()], [3, "0078"],
         [5, b"tor1".hex()], [0, ""]]
LINK = {"switch_id": "00:00:5e:00:53:01", "port_id": "Gi1/0/7", "switch_info": "tor1"}


@pytest.mark.parametrize(("tlvs", "link"), [
    (HEARD, LINK),
    ([[2, "0300005e005302"]], {"port_id": "00:00:5e:00:53:02"}),
    ([[1, "05c0a80001"], [2, "04ff"], [5, "ff00ff"]], {"switch_info": "\ufffd\0\ufffd"}),
    ([[1, "04"], [2, ""], [5, ""]], {}),
    ([["x", 1], [1], None, [2, "zz"]], {}), (None, {}), ("lldp", {})])
def test_links_are_read_from_what_was_heard(tlvs, link):
    expected = {key: text for key, text in link.items() if text.isprintable()}
    assert lldp.local_link(tlvs) == expected


def keep(on, node, inventory, plugins=None):
    with on.database.writer() as tx:
        learnt.keep(tx, on.get(node), "task-1", inventory, plugins or {})


def link_of(on, node):
    with on.database.reader() as tx:
        return ports.of_node(tx, node)[0].local_link_connection


def test_a_port_learns_its_link_and_keeps_what_people_wrote(on):
    node = on.node("machine")
    keep(on, node, {"interfaces": [{"mac_address": MAC.upper(), "lldp": HEARD}]})
    assert link_of(on, node) == LINK
    other = [[2, "05" + b"Gi9".hex()]]
    keep(on, node, {"interfaces": [{"mac_address": MAC, "lldp": other}]})
    assert link_of(on, node) == LINK


def test_each_source_is_a_record(on):
    node = on.node("machine")
    keep(on, node, {"cpu": {"count": 4}}, {"lshw": "<list/>", "pci_devices": [{"bus": "x"}],
                                           "logs": "text", "empty": {}})
    with on.database.reader() as tx:
        found = {row.generator: (row.data_format, row.data_element)
                 for row in build_data.of_node(tx, "machine")}
    assert found == {
        "inventory": ("application/json", '{"cpu": {"count": 4}}'),
        "lshw": ("text/xml", "<list/>"), "logs": ("text/plain", "text"),
        "pci_devices": ("application/json", '[{"bus": "x"}]')}


@pytest.mark.parametrize("agent", [True, False])
def test_an_inspection_leaves_build_data_under_its_task(on, agent):
    node = on.node("machine", agent=agent, provision_state=states.MANAGEABLE)
    task = on.accept("inspect", node)
    assert on.run(task).state == tasks.SUCCEEDED
    with on.database.reader() as tx:
        (record,) = build_data.of_tasks(tx, [task])[task]
    assert (record.node_name, record.generator) == ("machine", "inventory")
