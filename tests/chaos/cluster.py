"""Two conductors, an API process and a fleet, each real, on real services.

Network: the fleet and the API share one namespace, in which all machines' addresses are local;
each conductor has a namespace and a wire of its own to it. Conductor ``c<i>`` is seen by the
machines as ``10.98.<i>.2``. Database and bus are reached through ways that a test can cut.
"""

import contextlib
import dataclasses
import pathlib

import sqlalchemy as sa

from provisioner import secrets
from provisioner.db import schema
from provisioner.db.session import Database
from tests import deployment, simulated
from tests.chaos import history
from tests.chaos.namespaces import Namespace, Way, connect, ip

API_PORT = 6385
FLEET_NETWORK = "10.99.0.0/16"
IMAGES = "10.99.255.1:6480"
LEASE, MARGIN = 6.0, 1.0
OPTIONS = {"lease": LEASE, "lease_margin": MARGIN, "lease_interval": 1.5, "agent_poll": 1.0,
           "power_poll": 0.5, "sweep_interval": 0.5, "power_sync_interval": 0,
           "enabled_hardware_types": "ipmi"}


@dataclasses.dataclass
class Cluster:
    """:ivar conductors: process by hostname (``c1``, ``c2``) :ivar design: digest in the database
    :ivar image: SHA-256 of the image that the design names"""

    folder: pathlib.Path
    fleet: simulated.Fleet
    client: deployment.Client
    database: Database
    conductors: dict[str, deployment.Process]
    senders: dict[str, str]
    design: str
    image: str

    def check(self, allowed_strays: int = 0) -> list[history.Stray]:
        """Everybody is deployed, and the history proves the protocol."""
        deployment.assert_deployed(self.fleet, self.client, self.image)
        return history.check(self.database, self.fleet.log(), self.senders, allowed_strays)

    def commands(self, hostname: str) -> int:
        """How many changing commands the machines have had from one conductor."""
        return sum(1 for line in self.fleet.log(changes=True)
                   if self.senders.get(line["from"]) == hostname)


class Builder:
    """Makes a cluster piece by piece; everything ends with ``stack``."""

    def __init__(self, folder: pathlib.Path, database_url: str, bus_url: str, stack):
        self._folder, self._stack = folder, stack
        self._database_url, self._bus_url = database_url, bus_url
        self._home = self._namespace("fleet")
        ip("-n", self._home.name, "route", "add", "local", FLEET_NETWORK, "dev", "lo")
        self._key = folder / "secret.keys"
        secrets.add_key(str(self._key))

    def _namespace(self, role: str) -> Namespace:
        made = Namespace(role)
        self._stack.callback(made.delete)
        return made

    def _services_in(self, namespace: Namespace) -> None:
        """Let the services' URLs be right inside too."""
        for url in (self._database_url, self._bus_url):
            parts = sa.make_url(url)
            way = Way(namespace, parts.port, None, (parts.host, parts.port))
            self._stack.callback(way.close)

    def config(self, name: str, **conductor) -> pathlib.Path:
        return deployment.write_config(self._folder / f"{name}.conf", {
            "DEFAULT": {"transport_url": self._bus_url},
            "database": {"connection": self._database_url.replace("%", "%%")},
            "secrets": {"key_file": self._key},
            "api": {"port": API_PORT, "require_agent_tls": False,
                    "ramdisk_heartbeat_timeout": 5},
            "conductor": {**OPTIONS, "ramdisk_api_url": f"http://127.0.0.1:{API_PORT}",
                          **conductor}})

    def conductor(self, number: int) -> deployment.Process:
        namespace = self._namespace(f"c{number}")
        subnet = f"10.98.{number}"
        connect(self._home, namespace, subnet)
        ip("-n", namespace.name, "route", "add", "default", "via", f"{subnet}.1")
        self._services_in(namespace)
        config = self.config(f"c{number}", host=f"c{number}")
        return self._stack.enter_context(deployment.process(namespace.command(
            *deployment.python("provisioner_conductor", "--config-file", str(config))),
            self._folder / f"c{number}.log"))

    def api(self) -> deployment.Client:
        self._services_in(self._home)
        config = self.config("api")
        self._stack.enter_context(deployment.process(self._home.command(
            *deployment.python("provisioner_api", "--config-file", str(config))),
            self._folder / "api.log"))
        way = Way(None, 0, self._home, ("127.0.0.1", API_PORT))
        self._stack.callback(way.close)
        return deployment.Client(f"http://127.0.0.1:{way.port}")

    def machines(self, count: int, args=()) -> tuple[simulated.Fleet, str, str]:
        """The fleet, its documents and its image's SHA-256."""
        fleet = self._stack.enter_context(simulated.fleet(
            count, self._folder, namespace=self._home.name,
            args=("--network", FLEET_NETWORK, "--images", IMAGES, *args)))
        with self._home.entered():
            text, image = deployment.site_of(fleet, FLEET_NETWORK)
        return fleet, text, image


@contextlib.contextmanager
def cluster(folder: pathlib.Path, database_url: str, bus_url: str, nodes: int, args=()):
    """A cluster whose nodes are prepared, ready to be deployed."""
    with contextlib.ExitStack() as stack:
        database = Database(database_url)
        stack.callback(database.dispose)
        schema.upgrade(database)
        builder = Builder(folder, database_url, bus_url, stack)
        fleet, text, image = builder.machines(nodes, args)
        conductors = {f"c{number}": builder.conductor(number) for number in (1, 2)}
        client = builder.api()
        design = client.create_design(text)
        for action in ("prepare_site", "prepare_nodes"):
            client.run(action, design, 180)
        yield Cluster(folder, fleet, client, database, conductors,
                      {f"10.98.{number}.2": f"c{number}" for number in (1, 2)}, design, image)
