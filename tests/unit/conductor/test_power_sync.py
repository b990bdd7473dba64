"""Reading the fleet's power: everybody's turn comes, and nobody's wish is overwritten."""

import pytest

from provisioner import states
from provisioner.db import nodes
from provisioner.rpc.client import MembershipView
from provisioner_conductor import power_sync
from provisioner_conductor.power_sync import POWER_FAILURE, PowerSync, Reading


@pytest.fixture
def process(on):
    return on.processes[0]


@pytest.fixture
def sync(on, process):
    return PowerSync(process.services, process.lease,
                     MembershipView(process.database, on.clock))


def active(on, **values):
    return on.node(provision_state=states.ACTIVE, **values)


def test_nodes_that_nobody_reads_do_not_hide_ours(on, sync, monkeypatch):
    monkeypatch.setattr(power_sync, "BATCH", 2)
    for _ in range(5):
        active(on, conductor_group="elsewhere")
    own = [active(on) for _ in range(3)]
    assert sync.run() == 3
    assert all(on.get(node).power_state for node in own)
    assert sync.run() == 0, "they were read just now"


def test_a_maintenance_that_a_person_has_set_meanwhile_stays(on, sync):
    node = active(on, maintenance=True, fault=POWER_FAILURE, maintenance_reason="no answer")
    seen = on.get(node)
    on.pass_time(1.0)
    with on.database.writer() as tx:
        nodes.update_user(tx, seen, {"maintenance_reason": "the fan is being replaced"})
    sync.record(Reading(seen, states.POWER_ON))
    assert (on.get(node).maintenance, on.get(node).maintenance_reason) == (
        True, "the fan is being replaced")
    sync.record(Reading(on.get(node), states.POWER_ON))
    assert on.get(node).maintenance is False
