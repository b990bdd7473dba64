"""relabel_nodes: labels of the design reach the cluster, once, and are read back."""

import pytest

from provisioner import states
from provisioner.db import tasks
from provisioner.drivers.clients.kubernetes import KubernetesPool
from provisioner.simulator.kubernetes import KubernetesApi
from tests.cluster_site import SITE, prepared, small_site

NAMES = ("node-001", "node-010")
DESIGN = small_site(NAMES)


@pytest.fixture
def kubernetes(on, tmp_path):
    """A cluster that the conductor is configured for; node-010 has the label role=storage."""
    made = KubernetesApi({"node-001": {"zone": "a"}, "node-010": {"zone": "a"}})
    (tmp_path / "token").write_text("token")
    on.conf.set_override("api_url", made.url, "kubernetes")
    on.conf.set_override("token_file", str(tmp_path / "token"), "kubernetes")
    on.live()[0].hardware.pools["kubernetes"] = KubernetesPool()
    prepared(on, DESIGN, provision_state=states.ACTIVE)
    yield made
    on.conf.clear_override("api_url", "kubernetes")
    on.conf.clear_override("token_file", "kubernetes")
    made.close()


def relabel(on):
    return on.run(on.accept("relabel_nodes", site=SITE, design=DESIGN.digest))


def test_labels_are_set_and_nothing_is_sent_again(on, kubernetes):
    assert relabel(on).result["successes"] == list(NAMES)
    assert kubernetes.labels("node-010") == {"zone": "a", "role": "storage"}
    assert kubernetes.labels("node-001") == {"zone": "a"}
    assert ("PATCH", "node-001") not in kubernetes.requests
    kubernetes.requests.clear()
    relabel(on)
    assert {method for method, _ in kubernetes.requests} == {"GET"}


def test_labels_of_an_earlier_design_go_and_those_of_others_stay(on, kubernetes):
    kubernetes.nodes["node-001"] = {"labels": {"old": "x", "zone": "a"},
                                    "annotations": {"provisioner.labels": "gone,old"}}
    relabel(on)
    assert kubernetes.nodes["node-001"] == {"labels": {"zone": "a"}, "annotations": {}}


def test_a_node_outside_the_cluster_fails_alone(on, kubernetes):
    del kubernetes.nodes["node-001"]
    row = relabel(on)
    assert (row.state, row.result["status"]) == (tasks.FAILED, "partial_success")
    (told,) = [entry for entry in row.result["messages"] if entry["error"]]
    assert told["context"] == "node-001"
    assert "no node node-001" in told["message"]
    kubernetes.nodes["node-001"] = {"labels": {}, "annotations": {}}
    on.accept("retry", args={"task": row.uuid})
    assert on.run(row.uuid).state == tasks.SUCCEEDED


def test_labels_that_do_not_stay_are_told_of(on, kubernetes):
    kubernetes.forgets = True
    row = relabel(on)
    assert row.result["failures"] == ["node-010"]
    assert "does not keep the labels role" in row.error["message"]


def test_without_a_cluster_it_says_what_to_set(on):
    on.live()[0].hardware.pools["kubernetes"] = KubernetesPool()
    prepared(on, DESIGN, provision_state=states.ACTIVE)
    row = relabel(on)
    assert row.state == tasks.FAILED
    assert "api_url" in row.result["messages"][0]["message"]
