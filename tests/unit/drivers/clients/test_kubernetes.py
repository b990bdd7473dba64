"""The client of Kubernetes against a server that speaks its API."""

import pytest
import yaml

from provisioner import exceptions
from provisioner.drivers.clients.kubernetes import KubernetesPool, Request
from provisioner.simulator.kubernetes import KubernetesApi


@pytest.fixture
def server():
    made = KubernetesApi({"node-1": {"zone": "a"}})
    yield made
    made.close()


@pytest.fixture
def settings(server, tmp_path):
    (tmp_path / "token").write_text("token\n")
    return {"api_url": server.url, "token_file": str(tmp_path / "token"), "verify": True}


def exchange(settings, *args, check=lambda: None, timeout=5.0):
    return KubernetesPool().transport(settings).exchange(Request(*args), timeout, check)


def test_reads_and_changes_labels(server, settings):
    assert exchange(settings, "node-1") == {"labels": {"zone": "a"}, "owned": []}
    shown = exchange(settings, "node-1", {"role": "x", "zone": None}, ("role",))
    assert shown == {"labels": {"role": "x"}, "owned": ["role"]}
    assert server.labels("node-1") == {"role": "x"}


def test_a_kubeconfig_leads_to_the_cluster(server, tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "token"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}]}))
    assert exchange({"kubeconfig": str(path)}, "node-1")["labels"] == {"zone": "a"}
    with pytest.raises(exceptions.InvalidSetting):
        exchange({"kubeconfig": str(path), "context": "other"}, "node-1")


def test_nothing_is_sent_when_the_check_refuses(server, settings):
    def refuse():
        raise exceptions.LeaseLost("")
    with pytest.raises(exceptions.LeaseLost):
        exchange(settings, "node-1", {"role": "x"}, check=refuse)
    assert server.requests == []


@pytest.mark.parametrize(("status", "error"), [
    (401, exceptions.LoginRefused), (403, exceptions.LoginRefused), (404, exceptions.NotFound),
    (422, exceptions.Invalid), (429, exceptions.Unreachable), (500, exceptions.Unreachable)])
def test_errors_are_told_apart_and_nothing_is_sent_twice(server, settings, status, error):
    server.failures.append(status)
    with pytest.raises(error) as caught:
        exchange(settings, "node-1", {"role": "x"})
    assert caught.value.remedy
    assert server.requests == [("PATCH", "node-1")]


def test_a_label_that_cannot_be_is_named(settings):
    with pytest.raises(exceptions.Invalid, match="role=two words"):
        exchange(settings, "node-1", {"role": "two words"})


def test_nobody_there(server, settings):
    server.close()
    with pytest.raises(exceptions.Unreachable):
        exchange(settings, "node-1")


@pytest.mark.parametrize("settings", [
    {}, {"kubeconfig": "/nowhere"}, {"api_url": "http://127.0.0.1:1", "token_file": "/nowhere"}])
def test_settings_that_lead_nowhere(settings):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        exchange(settings, "node-1")
    assert "kubeconfig" in caught.value.remedy
