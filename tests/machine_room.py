"""A standalone service and a simulated fleet, both real processes, for acceptance tests.

::

    with machine_room(tmp_path, 3) as room:
        room.enrol("node-001")
        room.to("node-001", "manage")
        room.at_rest()
"""

import contextlib
import dataclasses
import os
import pathlib
import socket
import time

import sqlalchemy as sa

from provisioner.db.models import nodes, tasks
from provisioner.db.session import Database
from provisioner.simulator import design
from tests import deployment, simulated

#: quick everything: simulated machines boot in half a second
CONDUCTOR = {"sweep_interval": 0.2, "power_poll": 0.1, "agent_poll": 0.2,
             "power_sync_interval": 0}
API = {"ramdisk_heartbeat_timeout": 5}
VERSION = {"X-OpenStack-Ironic-API-Version": "1.110"}
#: seconds for whatever a test waits for
PATIENCE = 60.0


@dataclasses.dataclass
class Room:
    """:ivar client: of the API :ivar process: the service :ivar image: URL of the image to deploy
    :ivar digest: its SHA-256
    """

    folder: pathlib.Path
    fleet: simulated.Fleet
    client: deployment.Client
    process: deployment.Process
    database: Database
    image: str
    digest: str

    @property
    def url(self) -> str:
        return self.client.url

    def machine(self, name: str) -> dict:
        """Name, mac, address, bmc_port, user and password of a simulated machine."""
        return next(one for one in self.fleet.nodes if one["name"] == name)

    def driver_info(self, name: str, **changes) -> dict:
        """What leads to the machine's BMC and boots its ramdisk."""
        one = self.machine(name)
        return {"ipmi_address": one["address"], "ipmi_port": one["bmc_port"],
                "ipmi_username": one["user"], "ipmi_password": one["password"],
                "deploy_kernel": f"{self.fleet.images}/deploy.kernel",
                "deploy_ramdisk": f"{self.fleet.images}/deploy.ramdisk", **changes}

    def instance_info(self, **changes) -> dict:
        return {"image_source": self.image, "image_os_hash_algo": "sha256",
                "image_os_hash_value": self.digest, "image_disk_format": "raw", **changes}

    def ask(self, method: str, path: str, **more):
        """One request at the newest version; the answer, whatever its status."""
        headers = {**VERSION, **more.pop("headers", {})}
        return self.client.call(method, path, headers=headers, **more)

    def enrol(self, name: str, **driver_info) -> str:
        """Create the node and its port by the Bare Metal API; its uuid."""
        made = self.ask("POST", "/v1/nodes", json={
            "name": name, "driver": "ipmi",
            "driver_info": self.driver_info(name, **driver_info)})
        assert made.status_code == 201, made.text
        uuid = made.json()["uuid"]
        port = self.ask("POST", "/v1/ports", json={
            "node_uuid": uuid, "address": self.machine(name)["mac"]})
        assert port.status_code == 201, port.text
        return uuid

    def end_of_disk(self, name: str, size: int = 1 << 20) -> bytes:
        """The last bytes of a machine's disk."""
        path, = (self.folder / "simulator").rglob(f"{name}.raw")
        with path.open("rb") as disk:
            disk.seek(-size, os.SEEK_END)
            return disk.read()

    def node(self, name: str) -> dict:
        answer = self.ask("GET", f"/v1/nodes/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def patch(self, name: str, **values) -> dict:
        """Replace whole fields of a node."""
        answer = self.ask("PATCH", f"/v1/nodes/{name}", json=[
            {"op": "add", "path": f"/{field}", "value": value}
            for field, value in values.items()])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def verb(self, name: str, target: str, **more) -> None:
        answer = self.ask("PUT", f"/v1/nodes/{name}/states/provision",
                          json={"target": target, **more})
        assert answer.status_code == 202, answer.text

    def settled(self, name: str, seconds: float = PATIENCE) -> dict:
        """The node once nothing is under way on it."""
        deadline = time.monotonic() + seconds
        while self._task(name) is not None:
            assert time.monotonic() < deadline, (self.node(name), self.process.tail())
            time.sleep(0.05)
        return self.node(name)

    def to(self, name: str, target: str, state: str, **more) -> dict:
        """Ask for a verb and wait until it has led to ``state``."""
        self.verb(name, target, **more)
        node = self.settled(name)
        assert node["provision_state"] == state, (node["last_error"], self.process.tail())
        return node

    def _task(self, name: str) -> str | None:
        with self.database.reader() as tx:
            return tx.scalar(sa.select(nodes.c.task).where(nodes.c.name == name))

    def at_rest(self) -> None:
        """Nothing is locked: no node has a task or an owner, and every task has ended."""
        with self.database.reader() as tx:
            held = tx.all(sa.select(nodes.c.name, nodes.c.task, nodes.c.reservation,
                                    nodes.c.incarnation).where(
                sa.or_(nodes.c.task.is_not(None), nodes.c.reservation.is_not(None),
                       nodes.c.incarnation.is_not(None))))
            unfinished = tx.all(sa.select(tasks.c.uuid, tasks.c.action, tasks.c.state,
                                          tasks.c.incarnation).where(
                sa.or_(tasks.c.state.not_in(deployment.ENDED),
                       tasks.c.incarnation.is_not(None))))
        assert not held, held
        assert not unfinished, unfinished

    def count_tasks(self, **wanted) -> int:
        """How many tasks there are with these columns."""
        query = sa.select(sa.func.count()).select_from(tasks)
        for column, value in wanted.items():
            query = query.where(tasks.c[column] == value)
        with self.database.reader() as tx:
            return tx.scalar(query)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def machine_room(folder: pathlib.Path, machines: int, fleet_args=(), **conductor):
    """Both processes, until the block is left.

    :param conductor: options of ``[conductor]``, which win over ours
    """
    port = _port()
    boot_url = f"http://127.0.0.1:{port}/boot/{{mac}}.ipxe"
    config = deployment.write_config(folder / "standalone.conf", {
        "conductor": {**CONDUCTOR, **conductor}, "api": API})
    command = deployment.python(
        "provisioner_standalone", "--config-file", str(config), "--state-dir",
        str(folder / "state"), "--listen-port", str(port))
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(simulated.fleet(
            machines, folder, args=("--boot-url", boot_url, *fleet_args)))
        process = stack.enter_context(deployment.process(command, folder / "standalone.log"))
        client = deployment.Client(f"http://127.0.0.1:{port}")
        assert client.call("GET", "/healthcheck").status_code == 200
        database = Database(f"sqlite:///{folder}/state/provisioner.sqlite")
        stack.callback(database.dispose)
        image = f"{fleet.images}/demo-os.raw"
        yield Room(folder, fleet, client, process, database, image, design.image_digest(image))
