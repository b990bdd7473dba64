"""A region in the state in which a recorded exchange found the real one."""

from provisioner.simulator.maas import machine as m
from provisioner.simulator.maas.answers_machines import IPMI
from provisioner.simulator.maas.interface import Interface
from provisioner.simulator.maas.layouts import Layout
from provisioner.simulator.maas.lifecycle import discover
from provisioner.simulator.maas.machine import LABELS, Machine, Power
from provisioner.simulator.maas.plant import GIGA, Drive, Hardware, Nic
from provisioner.simulator.maas.region import Pace, Region
from provisioner.simulator.maas.results import result_set
from provisioner.simulator.maas.routing import User
from provisioner.simulator.maas.storage import (
    Bcache,
    BlockDevice,
    CacheSet,
    Filesystem,
    Raid,
    VolumeGroup,
)

#: system id -> (name, MAC, power type)
_MACHINES = {
    "nc4wxb": ("node02", "52:54:00:bb:00:02", "redfish"),
    "er3cht": ("node03", "52:54:00:bb:00:03", "ipmi"),
    "q8gswq": ("node04", "52:54:00:bb:00:04", "ipmi"),
    "wy6ehd": ("node12", "52:54:00:bb:00:12", "ipmi"),
    "rqw87h": ("node01x", "52:54:00:bb:00:0a", "ipmi"),
    "b4b3fd": ("node05", "52:54:00:bb:00:05", ""),
    "t44c4c": ("node77", "52:54:00:bb:00:77", "ipmi")}
_NEW = ("wy6ehd", "b4b3fd", "t44c4c")
#: exchange -> status of the machine before it, where the name does not tell
_BEFORE = {
    "err-409-allocate-again": "allocated", "err-409-allocate-deployed": "deployed",
    "err-400-commission-deployed": "deployed", "err-400-commission-twice": "commissioning",
    "err-409-deploy-deployed": "deployed", "err-409-deploy-deploying": "deploying",
    "err-409-interface-while-deploying": "deploying",
    "err-409-partition-while-deploying": "deploying",
    "err-409-storage-while-deployed": "deployed",
    "err-409-storage-while-deploying": "deploying", "err-409-unlock-twice": "deployed",
    "err-400-test-entering-rescue": "entering_rescue_mode",
    "machine-abort-commissioning": "commissioning", "machine-abort-deploying": "deploying",
    "machine-abort-testing": "testing", "machine-exit-rescue-mode": "rescue_mode",
    "machine-get-curtin-config": "deployed", "machine-get-rescue": "rescue_mode",
    "machine-get-locked": "deployed", "machine-get-deploying-rebooting": "deploying",
    "machine-lock": "deployed", "machine-unlock": "deployed", "machine-mark-fixed": "broken",
    "machine-power-off": "deployed", "machine-power-on": "deployed",
    "machine-query-power-state-off": "ready", "machine-release-allocated": "allocated",
    "machine-release-failed-deployment": "failed_deployment",
    "machine-release-idempotent": "ready", "machine-release": "deployed",
    "machine-rescue-mode": "deployed", "machine-get-releasing": "ready",
    "machine-get-failed-commissioning": "failed_commissioning"}
_LOCKED = ("machine-unlock", "machine-get-locked", "err-403-delete-locked",
           "err-403-power-off-locked", "err-403-release-locked", "err-403-update-locked")
#: exchanges that find the disks divided
_DIVIDED = ("-complex", "partition-format", "partition-mount", "partition-get",
            "partitions-list", "raid", "volume-group-get", "volume-groups-list",
            "logical-volume", "bcache")


def stage(name: str) -> Region:
    """The region before the exchange of that name."""
    hardware = _hardware(name)
    region = Region([hardware], Pace(commissioning=60, deploying=60, releasing=60, erasing=60,
                                     testing=60, rescue=60))
    region.new_token(User("bob", admin=False), "user")
    _networks(region, name)
    region.ids.start(interface=21, blockdevice=18, partition=13, group=6, cacheset=2, link=38,
                     resultset=22)
    for own, (hostname, mac, power) in _MACHINES.items():
        if own == "nc4wxb" and name in ("machine-create-nocommission", "machine-update"):
            continue
        parameters = {**IPMI, "power_address": f"10.0.0.{mac[-2:]}", "power_user": "u",
                      "power_pass": "p"} if power else {}
        machine = region.add_machine(hostname, [mac], Power(power, parameters, "off"), own)
        _discovered(region, machine, name)
    region.machines["t44c4c"].faults.bmc_dead = True
    if name == "err-500-accept-all-nopower":
        region.machines = {"b4b3fd": region.machines["b4b3fd"]}
    _groups(region, name)
    _special(region, name)
    return region


def _hardware(name: str) -> Hardware:
    nics = tuple(Nic(f"eth{number}", f"52:54:00:bb:{'00' if not number else f'e{number}'}:02",
                     f"0000:0{number}:00.0") for number in range(3))
    drives = (Drive("nvme0n1", 250 * GIGA), Drive("sda", 500 * GIGA),
              Drive("sdb", 500 * GIGA), Drive("sdc", 1000 * GIGA))
    return Hardware("node02", nics, drives, "10.0.0.02")


def _networks(region: Region, name: str) -> None:
    site = region.site
    if name == "fabric-create":
        return
    fabric = site.add_fabric("prov-fabric", "10g")
    first = site.vlan_of(fabric, 0)
    if name == "space-create":
        return
    site.spaces["provspace"] = {"name": "provspace", "id": region.ids.new("space")}
    first.space = "provspace"
    if name == "vlan-create":
        return
    tagged = site.add_vlan(fabric, 101, "storage", 9000)
    if name != "subnet-create":
        pxe = site.add_subnet("pxe-subnet", "192.168.100.0/24", first,
                              gateway_ip="192.168.100.1", dns_servers=["8.8.8.8"])
        if name != "subnet-create-tagged":
            site.add_subnet("storage-subnet", "192.168.101.0/24", tagged)
        if not name.startswith("iprange-create"):
            owner = {"is_superuser": True, "username": "admin", "is_local": True,
                     "email": "admin@example.com",
                     "resource_uri": "/MAAS/api/2.0/users/admin/"}
            site.add_range("dynamic", ("192.168.100.100", "192.168.100.150"), pxe, "", owner)
        if name == "static-routes-list":
            site.add_route(pxe, site.subnets[2], "192.168.100.254", 100)


def _groups(region: Region, name: str) -> None:
    """Tags, zones, pools and keys."""
    if name not in ("zone-create",):
        region.site.add_zone("az1", "rack row 1")
    if name != "resourcepool-create":
        region.site.add_pool("poolA", "A")
    for tag in ("compute", "virt"):
        if not name.startswith("tag-create"):
            region.site.tags[tag] = {
                "name": tag, "definition": "", "comment": "", "kernel_opts": "",
                "resource_uri": f"/MAAS/api/2.0/tags/{tag}/",
                "members": {"wy6ehd"} if not name.startswith("tag-update") else set()}
    if name == "sshkeys-list":
        region.keys.append({"key": "ssh-rsa AAAA user@example", "keysource": None, "id": 1})


def _status(name: str, own: str) -> int:
    if name in _BEFORE:
        return LABELS[_BEFORE[name]]
    if name in _LOCKED:
        return m.DEPLOYED
    told = name.removeprefix("machine-get-").replace("-", "_")
    if name.startswith("machine-get-") and told in LABELS:
        return LABELS[told]
    return m.NEW if own in _NEW else m.READY


def _discovered(region: Region, machine: Machine, name: str) -> None:
    status = _status(name, machine.system_id)
    machine.life.status = status
    if status == m.NEW:
        return
    machine.known = True
    discover(region, machine, set())
    machine.life.results["commissioning"] = result_set(region, machine, 0, 2)
    if name in ("node-results-installation", "node-result-current-installation"):
        machine.life.results["installation"] = result_set(region, machine, 1, 2)
    if status not in (m.READY, m.BROKEN):
        machine.owner = "admin"
    machine.hardware.power = status in (m.DEPLOYED, m.DEPLOYING) and name not in (
        "machine-release", "machine-power-on")
    machine.locked = name in _LOCKED
    if status in (m.COMMISSIONING, m.TESTING, m.DEPLOYING, m.ENTERING_RESCUE):
        machine.life.due = region.now() + 60


def _special(region: Region, name: str) -> None:
    """What an exchange finds besides states."""
    machine = region.machines.get("nc4wxb")
    if machine is None or machine.status == m.NEW:
        return
    disks = {device.name: device for device in machine.disks.devices}
    machine.disks.boot = disks["sda"]
    keep_root = not name.startswith(("partition", "bcache", "raid", "volume", "logical",
                                     "blockdevice", "machine-get-ready-complex"))
    for device in disks.values():
        if not (keep_root and device.name == "nvme0n1"):
            device.partitions = []
    if any(part in name for part in _DIVIDED):
        _divide(region, machine, name)
    if name in ("interface-create-vlan", "interface-link-subnet-auto",
                "err-400-interface-disconnect-vlan"):
        _bond(region, machine, name)
    if name == "err-404-link-subnet-ip-in-use":
        machine.interfaces[0].links = [region.link(
            "static", subnet=region.site.subnets[1], address="192.168.100.60")]
    if name == "err-400-link-subnet-wrong-vlan":
        machine.interfaces[1].vlan = None
    if name == "interface-link-subnet-static":
        machine.interfaces[0].links = []
    if name == "interface-unlink-subnet":
        machine.interfaces[0].links[0].id = 38
    if name == "interface-delete":
        machine.interfaces[1].id = 27


def _divide(region: Region, machine: Machine, name: str) -> None:
    """The disks as the recorded ones were, up to what the exchange makes itself."""
    disks = {device.name: device for device in machine.disks.devices}
    region.ids.start(partition=13)
    layout = Layout(machine.disks, region.ids.new)
    efi, root = layout.cut(disks["sda"], GIGA, True), layout.cut(disks["sda"], 100 * GIGA)
    for _ in range(3):
        layout.cut(disks["sdc"], 100 * GIGA)
    if name not in ("partition-format", "partition-get"):
        efi.filesystem = Filesystem("fat32", "efi")
        root.filesystem = Filesystem("ext4", "root")
    if name.startswith("partition-create"):
        return
    group = VolumeGroup(6, "vgdata", [disks["sdb"]])
    machine.disks.groups.append(group)
    region.ids.start(blockdevice=23, group=7)
    disks["sdb"].filesystem, disks["sdb"].member = Filesystem("lvm-pv", None), "LVM volume"
    if name != "logical-volume-create":
        volume = layout.volume(group, "lvdata", 50 * GIGA)
        volume.filesystem = Filesystem("xfs")
    parts = disks["sdc"].partitions
    if name == "err-400-raid-level":
        parts[0].member = "Active raid-1 device for md0"
    if name not in ("raid-create",):
        made = BlockDevice(region.ids.new("blockdevice"), "md0", parts[0].size, physical=False,
                           uuid="0")
        machine.disks.devices.append(made)
        machine.disks.raids.append(Raid(7, "md0", "raid-1", parts[:2], [], made))
    if name != "bcache-cache-set-create":
        cache = CacheSet(2, "cache0", disks["nvme0n1"])
        machine.disks.cache_sets.append(cache)
        if name != "bcache-create":
            made = BlockDevice(region.ids.new("blockdevice"), "bcache0", parts[2].size,
                               physical=False, uuid="0")
            machine.disks.devices.append(made)
            machine.disks.bcaches.append(Bcache(8, "bcache0", cache, "writeback", parts[2],
                                                made))


def _bond(region: Region, machine: Machine, name: str) -> None:
    vlans = region.site.vlans
    bond = Interface(24, "bond0", "bond", "52:54:00:bb:e1:02", vlans[1],
                     machine.interfaces[1:3])
    machine.interfaces.append(bond)
    if name != "interface-create-vlan":
        machine.interfaces.append(Interface(25, "bond0.101", "vlan", bond.mac, vlans[2],
                                            [bond]))
