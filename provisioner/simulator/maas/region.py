"""All that a region knows."""

import dataclasses
import random
import string
import time
from collections.abc import Callable, Iterable

from provisioner.simulator.maas.errors import missing
from provisioner.simulator.maas.faults import RegionFaults
from provisioner.simulator.maas.interface import Interface, Link
from provisioner.simulator.maas.machine import Machine, Power
from provisioner.simulator.maas.oauth import Token
from provisioner.simulator.maas.plant import Hardware, unknown
from provisioner.simulator.maas.routing import ROOT, User
from provisioner.simulator.maas.sites import Ids, Sites

_ID_LETTERS = "abcdefghkmnpqrtwxy346789"
SETTINGS = {
    "maas_name": "simulated", "default_osystem": "ubuntu", "default_distro_series": "jammy",
    "commissioning_distro_series": "jammy", "default_min_hwe_kernel": "", "kernel_opts": None,
    "default_storage_layout": "flat", "ntp_servers": "ntp.ubuntu.com", "upstream_dns": None,
    "http_proxy": None, "enable_http_proxy": True, "node_timeout": 30,
    "enable_disk_erasing_on_release": False, "maas_auto_ipmi_user": "maas",
    "network_discovery": "enabled", "auto_vlan_creation": True, "release_notifications": True}
#: (name, architecture with kernel) of the images that are there
IMAGES = (("ubuntu/jammy", "amd64/ga-22.04"), ("ubuntu/jammy", "amd64/hwe-22.04"),
          ("ubuntu/focal", "amd64/ga-20.04"), ("custom/demo-os", "amd64/generic"))


@dataclasses.dataclass
class Pace:
    """How long things take, in seconds."""

    commissioning: float = 0.5
    testing: float = 0.2
    deploying: float = 1.0
    releasing: float = 0.2
    erasing: float = 0.5
    rescue: float = 0.3
    power: float = 0.0


def _repository(number: int, name: str, host: str) -> dict:
    return {"name": name, "url": f"http://{host}", "distributions": [], "disabled_pockets": [],
            "disabled_components": [], "disable_sources": True, "components": [],
            "arches": ["amd64", "i386"], "key": "", "enabled": True, "id": number,
            "resource_uri": f"{ROOT}package-repositories/{number}/"}


class Region:
    """State and clock. Used by one thread at a time.

    :ivar events: oldest first
    :ivar requests: how many came, by ``METHOD path op``, ids left out
    """

    def __init__(self, plant: Iterable[Hardware] = (), pace: Pace | None = None, seed: int = 0,
                 clock: Callable[[], float] = time.time):
        self.plant, self.pace, self._clock = list(plant), pace or Pace(), clock
        self._random = random.Random(seed)
        self.faults, self.ids = RegionFaults(), Ids()
        self.site = Sites(self.ids)
        self.machines: dict[str, Machine] = {}
        self.settings = dict(SETTINGS)
        self.events: list[dict] = []
        self.keys: list[dict] = []
        self.repositories = {
            1: _repository(1, "main_archive", "archive.ubuntu.com/ubuntu"),
            2: _repository(2, "ports_archive", "ports.ubuntu.com/ubuntu-ports")}
        self.ids.start(repository=3)
        self.importing = False
        self.requests: dict[str, int] = {}
        self.tokens: list[Token] = []
        self.new_token(User("admin"), "MAAS consumer")

    def _key(self, length: int) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=length))

    def new_token(self, user: User, name: str) -> Token:
        token = Token(user, self._key(18), self._key(18), self._key(32), name)
        self.tokens.append(token)
        return token

    def now(self) -> float:
        return self._clock() + self.faults.clock_skew

    def machine(self, system_id: str, kind: str = "Machine") -> Machine:
        """:raises ApiError: 404"""
        if system_id not in self.machines:
            raise missing(kind)
        return self.machines[system_id]

    def by_mac(self, mac: str) -> Machine | None:
        return next((one for one in self.machines.values() if mac.lower() in one.macs), None)

    def hardware_of(self, macs: list[str], bmc: str | None, name: str) -> Hardware:
        """The machine of the plant that has one of these addresses."""
        for one in self.plant:
            if {nic.mac for nic in one.nics} & set(macs) or (bmc and one.bmc == bmc):
                return one
        return unknown(name, macs)

    def add_machine(self, hostname: str, macs: list[str], power: Power,
                    system_id: str | None = None) -> Machine:
        """A new record, of a machine in status New; the first MAC boots."""
        hardware = self.hardware_of(macs, power.parameters.get("power_address"), hostname)
        own = system_id or "".join(self._random.choices(_ID_LETTERS, k=6))
        machine = Machine(own, hostname, "amd64/generic", self.site.domains[0],
                          self.site.zones["default"], self.site.pools[0], hardware, power)
        for number, mac in enumerate(macs):
            machine.interfaces.append(Interface(
                self.ids.new("interface"), f"eth{number}", "physical", mac))
        self.machines[own] = machine
        return machine

    def link(self, mode: str, **more) -> Link:
        return Link(self.ids.new("link"), mode, **more)

    def event(self, machine: Machine, kind: str, level: str = "INFO",
              description: str = "") -> None:
        """Note what happened; it is also the machine's status message."""
        machine.life.message = kind if not description else f"{kind} - {description}"
        created = time.strftime("%a, %d %b. %Y %H:%M:%S", time.gmtime(self.now()))
        self.events.append({
            "username": "unknown", "node": machine.system_id, "hostname": machine.hostname,
            "id": self.ids.new("event"), "level": level, "created": created, "type": kind,
            "description": description})

    def tags_of(self, machine: Machine) -> list[str]:
        return [name for name, tag in self.site.tags.items()
                if machine.system_id in tag["members"]]

    def view(self, machine: Machine) -> dict:
        return machine.view(self.tags_of(machine))
