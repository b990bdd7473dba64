"""A request whose answer never came is repeated: it happens once.

An API process, a conductor, PostgreSQL and RabbitMQ, all real. What the bus has to say to one of
them is held back, so that the API can be killed at an exact moment: when its request has been
recorded as a task and the answer is on its way, or when the conductor has not yet read it.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess

import pytest
import requests
import sqlalchemy as sa

from provisioner import secrets
from provisioner.db import schema
from provisioner.db.models import tasks
from provisioner.db.session import Database
from tests import deployment
from tests.held_link import HeldLink

pytestmark = pytest.mark.services
VERSION = {"X-OpenStack-Ironic-API-Version": "1.89"}
SITE = deployment.ROOT / "etc/provisioner/examples/small/site.yaml"
OPTIONS = {"host": "c1", "sweep_interval": 0.2, "power_poll": 0.1, "power_sync_interval": 0,
           "enabled_hardware_types": "fake-hardware"}


@dataclasses.dataclass
class Cluster:
    """:ivar links: what the bus says to ``api`` and to ``conductor``"""

    folder: pathlib.Path
    url: str
    database: Database
    links: dict[str, HeldLink]
    stack: contextlib.ExitStack
    api: deployment.Process | None = None

    @property
    def client(self) -> deployment.Client:
        return deployment.Client(self.url)

    def start_api(self) -> None:
        self.api = self.stack.enter_context(deployment.process(deployment.python(
            "provisioner_api", "--config-file", str(self.folder / "api.conf")),
            self.folder / "api.log"))
        assert self.client.call("GET", "/healthcheck").status_code == 200

    def tasks(self, action: str) -> list[sa.Row]:
        with self.database.reader() as tx:
            return tx.all(sa.select(tasks).where(tasks.c.action == action).order_by(tasks.c.id))

    def kill_api_at(self, moment: str, action: str, eventually) -> None:
        """Kill it once the request is ``recorded``, or ``unread`` by the conductor; then let
        everything pass again, and start another API process."""
        if moment == "recorded":
            eventually(lambda: self.tasks(action), 10)
        else:
            eventually(lambda: b'"accept"' in self.links["conductor"].held.replace(b"\\", b""))
            assert not self.tasks(action)
        self.api.kill()
        for link in self.links.values():
            link.release()
        self.start_api()


@pytest.fixture
def cluster(tmp_path, postgresql_url, rabbitmq_url, free_port):
    with contextlib.ExitStack() as stack:
        database = Database(postgresql_url)
        stack.callback(database.dispose)
        schema.upgrade(database)
        secrets.add_key(str(tmp_path / "secret.keys"))
        bus, port, links = sa.make_url(rabbitmq_url), free_port(), {}
        for name in ("api", "conductor"):
            links[name] = HeldLink((bus.host, bus.port))
            stack.callback(links[name].close)
            through = bus.set(host="127.0.0.1", port=links[name].port)
            deployment.write_config(tmp_path / f"{name}.conf", {
                "DEFAULT": {"transport_url": through.render_as_string(hide_password=False)},
                "database": {"connection": postgresql_url.replace("%", "%%")},
                "secrets": {"key_file": tmp_path / "secret.keys"},
                "api": {"port": port}, "conductor": OPTIONS})
        made = Cluster(tmp_path, f"http://127.0.0.1:{port}", database, links, stack)
        stack.enter_context(deployment.process(deployment.python(
            "provisioner_conductor", "--config-file", str(tmp_path / "conductor.conf")),
            tmp_path / "conductor.log"))
        made.start_api()
        yield made


@pytest.fixture
def node(cluster, eventually):
    """A node of fake hardware, once a conductor serves it."""
    eventually(lambda: cluster.client.call(
        "GET", "/v1/drivers", headers=VERSION).json()["drivers"], 30)
    made = cluster.client.call("POST", "/v1/nodes", headers=VERSION, json={
        "name": "n1", "driver": "fake-hardware"})
    assert made.status_code == 201, made.text
    # The first call over the bus opens its connections, for which the bus must be heard.
    assert cluster.client.call("GET", "/v1/nodes/n1/validate", headers=VERSION).status_code == 200
    return "n1"


def _put(cluster, node, what, target, **headers):
    return requests.put(f"{cluster.url}/v1/nodes/{node}/states/{what}", json={"target": target},
                        headers={**VERSION, **headers}, timeout=60)


def _ended(cluster, uuid):
    return cluster.client.wait(uuid, 30)["state"]


@pytest.mark.parametrize(("moment", "what", "target", "action"), [
    ("recorded", "provision", "manage", "manage"), ("unread", "power", "power on", "power")])
def test_api_killed_between_accept_and_answer(cluster, node, moment, what, target, action,
                                              eventually):
    key = {"Idempotency-Key": "the-same"}
    cluster.links["api" if moment == "recorded" else "conductor"].hold()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(_put, cluster, node, what, target, **key)
        cluster.kill_api_at(moment, action, eventually)
        with pytest.raises(requests.ConnectionError):
            first.result(30)
    again = _put(cluster, node, what, target, **key)
    assert again.status_code == 202, again.text
    task, = cluster.tasks(action)
    assert again.headers["X-Provisioner-Task"] == task.uuid
    assert _ended(cluster, task.uuid) == "succeeded"
    once_more = _put(cluster, node, what, target, **key)
    assert once_more.headers["X-Provisioner-Task"] == task.uuid
    assert len(cluster.tasks(action)) == 1
    other = _put(cluster, node, what, "power off" if what == "power" else "provide", **key)
    assert other.status_code == 422 and "Idempotency-Key" in other.text


def _cli(cluster, *words):
    return subprocess.Popen(
        deployment.python("provisioner.cli", *words), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=deployment.ROOT,
        env={**os.environ, "PYTHONPATH": str(deployment.ROOT),
             "PROVISIONER_URL": cluster.url, "PYTHONWARNINGS": "ignore"})


def test_our_command_line_repeats_by_itself(cluster, node, eventually):
    design = cluster.client.create_design(SITE.read_text())
    cluster.links["api"].hold()
    with _cli(cluster, "task", "create", "validate_design", "--design", design, "-f",
              "json") as cli:
        cluster.kill_api_at("recorded", "validate_design", eventually)
        shown, errors = cli.communicate(timeout=60)
    assert cli.returncode == 0, errors
    task, = cluster.tasks("validate_design")
    assert json.loads(shown)["uuid"] == task.uuid
    assert _ended(cluster, task.uuid) == "succeeded"


def test_one_request_id_of_openstack_spans_two_requests(cluster, node, eventually):
    spanning = {"X-OpenStack-Request-ID": "req-3a3f2a1e-1111-4222-8333-444455556666"}
    for target in ("power on", "power off", "power on"):
        answer = _put(cluster, node, "power", target, **spanning)
        assert answer.status_code == 202, answer.text
        assert _ended(cluster, answer.headers["X-Provisioner-Task"]) == "succeeded"
    asked = [task.args["target"] for task in cluster.tasks("power")]
    assert asked == ["power on", "power off", "power on"]
    shown = cluster.client.call("GET", f"/v1/nodes/{node}", headers=VERSION).json()
    assert shown["power_state"] == "power on"
