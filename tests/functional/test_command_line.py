"""``provisioner`` as a person uses it, against a real service and simulated machines."""

import datetime
import json
import os
import re
import subprocess

import pytest

from tests import deployment
from tests.machine_room import machine_room

PATIENCE = 90
SITE = ("--site", "test")


class CommandLine:
    """``provisioner``, one process for each command."""

    def __init__(self, url: str):
        self._environment = {**os.environ, "PYTHONPATH": str(deployment.ROOT),
                             "PROVISIONER_URL": url, "PYTHONWARNINGS": "ignore"}

    def begin(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            deployment.python("provisioner.cli", *words), env=self._environment,
            cwd=deployment.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit status, output, errors."""
        with self.begin(*words) as process:
            output, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, output, errors

    def do(self, *words: str) -> str:
        status, output, errors = self.run(*words)
        assert status == 0, (words, output, errors)
        return output

    def show(self, *words: str):
        return json.loads(self.do(*words, "-f", "json"))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with machine_room(tmp_path_factory.mktemp("room"), 3, power_timeout=3,
                      agent_timeout=PATIENCE, step_attempts=1) as made:
        yield made


@pytest.fixture(scope="module")
def cli(room):
    return CommandLine(room.url)


@pytest.fixture(scope="module")
def prepared(room, cli, tmp_path_factory):
    """The site's design, its nodes prepared by commands; the design's digest."""
    path = tmp_path_factory.mktemp("site") / "site.yaml"
    path.write_text(deployment.site_of(room.fleet)[0])
    assert "0 errors" in cli.do("design", "validate", str(path))
    digest = cli.show("design", "create", str(path))["digest"]
    watched = cli.do("task", "create", "prepare_site", *SITE, "--design", digest, "--watch")
    assert re.search(r"prepare_site succeeded after \d+:\d\d[.]", watched), watched
    watched = cli.do("task", "create", "prepare_nodes", *SITE, "--watch")
    for name in ("node-001", "node-002", "node-003"):
        assert re.search(rf"^\S+ {name} \w+: (waiting|running) \d+/\d+ ", watched, re.M), watched
        assert re.search(rf"^{name} +succeeded +\d+:\d\d$", watched, re.M), watched
    return digest


def _destroyed(cli, *names):
    """Bring nodes back to available; a site's own verb does it."""
    words = [word for name in names for word in ("--node", name)]
    cli.do("task", "create", "destroy_nodes", *SITE, *words, "--watch")


def test_a_failure_is_watched_explained_and_retried(room, cli, prepared):
    room.fleet.faults("node-002", bad_checksum=True)
    status, output, _ = cli.run("task", "create", "deploy_nodes", *SITE, "--node", "node-001",
                                "--node", "node-002", "--watch")
    assert status == 1
    assert re.search(r"^node-001 +succeeded", output, re.M), output
    assert re.search(r"^node-002: .*sha256 is .*expected", output, re.M), output
    assert re.search(r"^  To do: \w+", output, re.M), output
    task = cli.show("task", "list", *SITE, "--action", "deploy_nodes")[0]
    assert task["State"] == "failed"
    told = cli.show("node", "explain", "node-002")
    assert "agent.image" in told["why"] and "sha256" in told["why"] and told["remedy"]
    room.at_rest()
    room.fleet.faults("node-002", bad_checksum=False)
    before = len(room.fleet.log(node="node-001", changes=True))
    assert "deploy_nodes succeeded" in cli.do("task", "retry", task["UUID"], "--watch")
    assert len(room.fleet.log(node="node-001", changes=True)) == before
    states = {row["Name"]: row["State"] for row in cli.show("node", "list")}
    assert (states["node-001"], states["node-002"]) == ("active", "active")
    assert cli.run("task", "retry", task["UUID"])[0] == 1
    _destroyed(cli, "node-001", "node-002")


def test_what_a_node_waits_for_and_a_cancel_in_mid_deploy(room, cli, prepared, eventually):
    name = "node-003"
    room.fleet.faults(name, boot_delay=600)
    created = cli.show("task", "create", "deploy_nodes", *SITE, "--node", name)
    with cli.begin("task", "watch", created["uuid"]) as watching:
        eventually(lambda: room.node(name)["provision_state"] == "wait call-back", 30)
        told = cli.show("node", "explain", name)
        assert (told["waiting_for"], told["late"]) == ("agent", False), told
        assert re.search(r"step \d+ of \d+ [(]agent[.]wait[)] of task deploy waits for agent",
                         told["why"], re.I), told
        since, until = (datetime.datetime.fromisoformat(told[key]) for key in ("since", "until"))
        assert datetime.timedelta(seconds=PATIENCE - 5) < until - since <= datetime.timedelta(
            seconds=PATIENCE + 5)
        assert "console" in told["remedy"], told
        cli.do("task", "cancel", created["uuid"], "--reason", "wrong rack")
        output, _ = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 1
    assert re.search(r"deploy_nodes cancelled after", output), output
    node = room.settled(name)
    assert node["provision_state"] == "deploy failed" and "abort" in node["last_error"]
    room.at_rest()
    events = [event["message"] for event in cli.show("node", "explain", name)["last_events"]]
    assert any("cancel" in event.lower() for event in events), events
    room.fleet.faults(name, boot_delay=0.5)
    assert "deploy_nodes succeeded" in cli.do("task", "retry", created["uuid"], "--watch")
    _destroyed(cli, name)


@pytest.mark.parametrize(("words", "status", "said"), [
    (("task", "create", "fly"), 2, "invalid choice"),
    (("task", "show", "nothing"), 1, "There is no task nothing.\n  To do: "),
    (("node", "show", "nobody"), 1, "Node nobody could not be found."),
    (("task", "create", "deploy_nodes", "--site", "nowhere"), 1, "Site nowhere has no design"),
    (("design", "validate", "/nowhere.yaml"), 1, "/nowhere.yaml: No such file"),
    (("--url", "gopher://x", "node", "list"), 1, "is not a URL of a service"),
])
def test_misuse_is_told_in_a_line(cli, words, status, said):
    ended, _, errors = cli.run(*words)
    assert (ended, said in errors, "Traceback" in errors) == (status, True, False), errors
