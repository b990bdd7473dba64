"""A machine's record in the region: its numbers, its configuration, its view."""

import dataclasses

from provisioner.simulator.maas.faults import MachineFaults
from provisioner.simulator.maas.interface import Interface
from provisioner.simulator.maas.network import Domain
from provisioner.simulator.maas.plant import Hardware
from provisioner.simulator.maas.routing import ROOT
from provisioner.simulator.maas.storage import (
    Bcache,
    BlockDevice,
    CacheSet,
    Filesystem,
    Raid,
    VolumeGroup,
)

STATUSES = {
    0: "New", 1: "Commissioning", 2: "Failed commissioning", 3: "Missing", 4: "Ready",
    5: "Reserved", 6: "Deployed", 7: "Retired", 8: "Broken", 9: "Deploying", 10: "Allocated",
    11: "Failed deployment", 12: "Releasing", 13: "Releasing failed", 14: "Disk erasing",
    15: "Failed disk erasing", 16: "Rescue mode", 17: "Entering rescue mode",
    18: "Failed to enter rescue mode", 19: "Exiting rescue mode",
    20: "Failed to exit rescue mode", 21: "Testing", 22: "Failed testing"}
#: short label that filters take -> number
LABELS = {name.lower().replace(" ", "_"): number for number, name in STATUSES.items()}
NEW, COMMISSIONING, FAILED_COMMISSIONING, READY, DEPLOYED, BROKEN = 0, 1, 2, 4, 6, 8
DEPLOYING, ALLOCATED, FAILED_DEPLOYMENT, RELEASING, FAILED_RELEASING = 9, 10, 11, 12, 13
ERASING, FAILED_ERASING, RESCUE, ENTERING_RESCUE, FAILED_RESCUE = 14, 15, 16, 17, 18
EXITING_RESCUE, FAILED_EXIT, TESTING, FAILED_TESTING = 19, 20, 21, 22
_TESTS = ("cpu", "memory", "storage", "network", "interface", "other")
_INFO = ("system_vendor", "system_product", "system_family", "system_version", "system_sku",
         "system_serial", "cpu_model", "mainboard_vendor", "mainboard_product",
         "mainboard_serial", "mainboard_version", "mainboard_firmware_vendor",
         "mainboard_firmware_date", "mainboard_firmware_version", "chassis_vendor",
         "chassis_type", "chassis_serial", "chassis_version")
_RESULTS = {-1: "Unknown", 0: "Pending", 1: "Running", 2: "Passed", 3: "Failed", 5: "Aborted"}


@dataclasses.dataclass
class Power:
    """How the region reaches a machine's BMC, and what it last knew of its power.

    :ivar kind: power type, ``""`` if there is none
    :ivar busy_until: a power action is under way until then
    """

    kind: str = ""
    parameters: dict = dataclasses.field(default_factory=dict)
    state: str = "unknown"
    busy_until: float = 0.0


@dataclasses.dataclass
class Disks:
    """All block devices of a machine, and what they are parts of."""

    devices: list[BlockDevice] = dataclasses.field(default_factory=list)
    boot: BlockDevice | None = None
    groups: list[VolumeGroup] = dataclasses.field(default_factory=list)
    raids: list[Raid] = dataclasses.field(default_factory=list)
    cache_sets: list[CacheSet] = dataclasses.field(default_factory=list)
    bcaches: list[Bcache] = dataclasses.field(default_factory=list)
    special: list[Filesystem] = dataclasses.field(default_factory=list)

    def filesystems(self) -> list[Filesystem]:
        found = [part.filesystem for device in self.devices for part in device.partitions]
        found += [device.filesystem for device in self.devices]
        return [one for one in found if one is not None]


@dataclasses.dataclass
class Life:
    """Where a machine stands in its life.

    :ivar before: status to come back to
    :ivar due: when the present status ends by itself; None: it does not
    :ivar results: newest result set of each kind
    """

    status: int = NEW
    before: int = NEW
    due: float | None = None
    message: str | None = None
    results: dict = dataclasses.field(default_factory=dict)
    erase: bool = False


@dataclasses.dataclass
class Install:
    """What is installed, or going to be."""

    osystem: str = ""
    series: str = ""
    kernel: str | None = None
    user_data: str = ""


@dataclasses.dataclass
class Machine:
    system_id: str
    hostname: str
    architecture: str
    domain: Domain
    zone: dict
    pool: dict
    hardware: Hardware
    power: Power
    description: str = ""
    owner: str | None = None
    agent_name: str = ""
    locked: bool = False
    netboot: bool = True
    known: bool = False
    min_hwe_kernel: str = ""
    interfaces: list[Interface] = dataclasses.field(default_factory=list)
    disks: Disks = dataclasses.field(default_factory=Disks)
    life: Life = dataclasses.field(default_factory=Life)
    install: Install = dataclasses.field(default_factory=Install)
    annotations: dict = dataclasses.field(default_factory=dict)
    gateways: dict = dataclasses.field(default_factory=dict)
    faults: MachineFaults = dataclasses.field(default_factory=MachineFaults)

    @property
    def status(self) -> int:
        return self.life.status

    @property
    def status_name(self) -> str:
        return STATUSES[self.life.status]

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain.name}"

    @property
    def macs(self) -> list[str]:
        return [one.mac for one in self.interfaces if one.kind == "physical"]

    def view(self, tags: list[str]) -> dict:
        """The whole record. :param tags: names of its tags"""
        return {**self._basics(tags), **self._state(), **self._tests(), **self._network(),
                **self._storage(), **self._hardware()}

    def _basics(self, tags: list[str]) -> dict:
        return {
            "system_id": self.system_id, "hostname": self.hostname, "fqdn": self.fqdn,
            "description": self.description, "domain": self.domain.view(),
            "architecture": self.architecture, "min_hwe_kernel": self.min_hwe_kernel,
            "node_type": 0, "node_type_name": "Machine", "zone": self.zone, "pool": self.pool,
            "pod": None, "parent": None, "tag_names": tags, "virtualmachine_id": None,
            "address_ttl": None, "disable_ipv4": False, "swap_size": None,
            "workload_annotations": dict(self.annotations), "owner_data": dict(self.annotations),
            "resource_uri": f"{ROOT}machines/{self.system_id}/"}

    def _state(self) -> dict:
        install = self.install
        return {
            "status": self.status, "status_name": self.status_name,
            "status_message": self.life.message, "status_action": "", "owner": self.owner,
            "locked": self.locked, "netboot": self.netboot, "power_type": self.power.kind,
            "power_state": self.power.state, "osystem": install.osystem,
            "distro_series": install.series, "hwe_kernel": install.kernel,
            "ephemeral_deploy": False, "enable_hw_sync": False, "last_sync": None,
            "next_sync": None, "sync_interval": None}

    def _tests(self) -> dict:
        shown: dict = {}
        results = self.life.results
        for kind in ("commissioning", "testing", "installation"):
            known = results.get(kind)
            shown[f"current_{kind}_result_id"] = known["id"] if known else None
            if kind != "installation":
                shown[f"{kind}_status"] = known["status"] if known else -1
                shown[f"{kind}_status_name"] = _RESULTS[shown[f"{kind}_status"]]
        for kind in _TESTS:
            shown[f"{kind}_test_status"], shown[f"{kind}_test_status_name"] = -1, "Unknown"
        return shown

    def _network(self) -> dict:
        views = [one.view(self.system_id, self.interfaces) for one in self.interfaces]
        gateway = {"gateway_ip": None, "link_id": None}
        return {"interface_set": views, "boot_interface": views[0] if views else None,
                "default_gateways": {"ipv4": self.gateways.get("ipv4", gateway),
                                     "ipv6": self.gateways.get("ipv6", gateway)}}

    def _storage(self) -> dict:
        disks, own = self.disks, self.system_id
        physical = [one.view(own) for one in disks.devices if one.physical]
        virtual = [one.view(own) for one in disks.devices if not one.physical]

        def stubs(items: list) -> list[dict]:
            return [{"system_id": own, "id": one.id, "__incomplete__": True} for one in items]
        return {"blockdevice_set": physical + virtual, "physicalblockdevice_set": physical,
                "virtualblockdevice_set": virtual, "volume_groups": stubs(disks.groups),
                "raids": stubs(disks.raids), "bcaches": stubs(disks.bcaches),
                "cache_sets": stubs(disks.cache_sets),
                "boot_disk": disks.boot.view(own) if disks.boot else None,
                "special_filesystems": [one.view() for one in disks.special],
                "storage": sum(one["size"] for one in physical) / 1e6}

    def _hardware(self) -> dict:
        """Nothing is known of the hardware before the first commissioning."""
        info = dict.fromkeys(_INFO, "Unknown")
        cpus, memory = (self.hardware.cpus, self.hardware.memory) if self.known else (0, 0)
        if self.known:
            info.update(system_vendor="Simulated", system_product="Machine",
                        system_serial=self.hardware.serial or "Unknown")
        return {"cpu_count": cpus, "cpu_speed": 2400 if self.known else 0, "memory": memory,
                "hardware_uuid": None, "hardware_info": info, "bios_boot_method": None,
                "numanode_set": [{"index": 0, "memory": memory, "cores": list(range(cpus)),
                                  "hugepages_set": []}]}
