"""The states of a machine, what moves it between them, and what that does to it."""

import ipaddress

from provisioner.simulator.maas import machine as m
from provisioner.simulator.maas.errors import ApiError, conflict, invalid, unavailable
from provisioner.simulator.maas.interface import Interface
from provisioner.simulator.maas.layouts import Layout
from provisioner.simulator.maas.machine import Machine
from provisioner.simulator.maas.region import Region
from provisioner.simulator.maas.results import result_set
from provisioner.simulator.maas.storage import BlockDevice

_COMMISSIONABLE = {m.NEW, m.READY, m.FAILED_COMMISSIONING, m.BROKEN}
_RELEASABLE = {m.ALLOCATED, 5, m.DEPLOYING, m.DEPLOYED, m.BROKEN, m.FAILED_DEPLOYMENT,
               m.FAILED_ERASING, m.FAILED_RELEASING, m.READY}
_RESCUABLE = {m.NEW, m.READY, m.ALLOCATED, m.DEPLOYED, m.BROKEN, m.FAILED_COMMISSIONING,
              m.FAILED_DEPLOYMENT, m.FAILED_TESTING}
_LEAVABLE = {m.RESCUE, m.ENTERING_RESCUE, m.FAILED_RESCUE, m.FAILED_EXIT}
#: transitional status -> attribute of the pace
_PACES = {m.COMMISSIONING: "commissioning", m.TESTING: "testing", m.DEPLOYING: "deploying",
          m.RELEASING: "releasing", m.ERASING: "erasing", m.ENTERING_RESCUE: "rescue",
          m.EXITING_RESCUE: "rescue"}


class Lifecycle:
    """Moves the machines of one region."""

    def __init__(self, region: Region):
        self._region = region

    def advance(self) -> None:
        """Carry out whatever has come due."""
        for machine in list(self._region.machines.values()):
            life = machine.life
            while life.due is not None and life.due <= self._region.now() and (
                    not machine.faults.stuck):
                self._end(machine)
            if machine.power.busy_until <= self._region.now():
                machine.power.state = self._shown(machine)

    @staticmethod
    def _shown(machine: Machine) -> str:
        if machine.power.kind in ("", "manual") or machine.power.state == "unknown":
            return machine.power.state
        return "on" if machine.hardware.power else "off"

    def reach(self, machine: Machine) -> None:
        """:raises ApiError: 503 or 500: its BMC cannot be reached"""
        if not machine.power.kind:
            raise ApiError(500, "Unconfigured power type. Please configure the power type and "
                                "try again.")
        if self._region.faults.rack_down or machine.faults.bmc_dead:
            raise unavailable("No rack controllers can access the BMC of node "
                              f"{machine.hostname}")

    def switch(self, machine: Machine, on: bool) -> None:
        """Power a machine; shows after the pace of its BMC. :raises ApiError: 503"""
        now, power = self._region.now(), machine.power
        if power.busy_until > now and machine.hardware.power != on:
            raise unavailable("PowerActionAlreadyInProgress: Unable to change power state to "
                              f"'{'on' if on else 'off'}' for node {machine.hostname}: another "
                              "action is already in progress for that node.")
        machine.hardware.power = on
        if power.state == "unknown" and power.kind != "manual":
            power.state = "off"
        power.busy_until = now + self._region.pace.power + machine.faults.power_delay

    def enter(self, machine: Machine, status: int, event: str = "") -> None:
        """From now on the machine has that status."""
        life = machine.life
        life.status = status
        pace = _PACES.get(status)
        life.due = self._region.now() + getattr(self._region.pace, pace) if pace else None
        self._region.event(machine, event or m.STATUSES[status])

    def commission(self, machine: Machine, user: str, keep: set[str]) -> None:
        """:param keep: ``network`` and ``storage`` where they are not to be reset"""
        if machine.status not in _COMMISSIONABLE:
            raise invalid(all_="Commission is not available because of the current state of the "
                               "node.")
        self.reach(machine)
        machine.life.before, machine.life.results["keep"] = machine.status, keep
        machine.owner = user
        machine.life.results["commissioning"] = result_set(self._region, machine, 0, status=1)
        self.switch(machine, True)
        self.enter(machine, m.COMMISSIONING)

    def test(self, machine: Machine) -> None:
        if machine.life.due is not None:
            raise invalid(all_="Test is not available because of the current state of the node.")
        self.reach(machine)
        machine.life.before = machine.status
        machine.life.results["testing"] = result_set(self._region, machine, 2, status=1)
        self.switch(machine, True)
        self.enter(machine, m.TESTING)

    def deploy(self, machine: Machine, user: str) -> None:
        """What is to be installed has been written into the record before."""
        if machine.status not in (m.READY, m.ALLOCATED):
            raise conflict(f"Can't deploy a machine that is in the '{machine.status_name}' "
                           "state")
        if not any(one.mount_point == "/" for one in machine.disks.filesystems()):
            raise invalid(storage="Mount the root '/' filesystem to be able to deploy this "
                                  "node.")
        self.reach(machine)
        self._assign(machine)
        machine.owner = machine.owner or user
        machine.life.results["installation"] = result_set(self._region, machine, 1, status=1)
        machine.netboot = True
        self.switch(machine, True)
        self.enter(machine, m.DEPLOYING)

    def release(self, machine: Machine, erase: bool) -> None:
        if machine.status not in _RELEASABLE:
            raise conflict("Machine cannot be released in its current state "
                           f"('{machine.status_name}').")
        if machine.status == m.READY:
            return
        self._forget_install(machine)
        if erase:
            self.reach(machine)
            machine.life.before = machine.status
            self.switch(machine, True)
            self.enter(machine, m.ERASING)
            return
        if not machine.hardware.power:
            self._released(machine)
            return
        self.reach(machine)
        self.enter(machine, m.RELEASING)

    def abort(self, machine: Machine) -> None:
        back = {m.COMMISSIONING: machine.life.before, m.DEPLOYING: m.ALLOCATED,
                m.ERASING: m.FAILED_ERASING, m.TESTING: machine.life.before}
        if machine.status not in back:
            raise conflict(f"Cannot abort in current state: node {machine.system_id} is in "
                           f"state {machine.status_name}.")
        self.switch(machine, False)
        if machine.status == m.COMMISSIONING:
            machine.owner = None
        self.enter(machine, back[machine.status], f"Aborted {machine.status_name.lower()}")

    def enter_rescue(self, machine: Machine) -> None:
        if machine.status not in _RESCUABLE:
            raise conflict(f"Cannot enter rescue mode in current state: node "
                           f"{machine.system_id} is in state {machine.status_name}.")
        self.reach(machine)
        machine.life.before = machine.status
        self.switch(machine, True)
        self.enter(machine, m.ENTERING_RESCUE)

    def leave_rescue(self, machine: Machine) -> None:
        if machine.status not in _LEAVABLE:
            raise conflict(f"Cannot exit rescue mode in current state: node "
                           f"{machine.system_id} is in state {machine.status_name}.")
        self.reach(machine)
        self.enter(machine, m.EXITING_RESCUE)

    def break_(self, machine: Machine) -> None:
        machine.owner = None
        self.enter(machine, m.BROKEN, "Marked broken")

    def _assign(self, machine: Machine) -> None:
        """Give each AUTO link a free address. :raises ApiError: 503, none is left"""
        for link in (link for one in machine.interfaces for link in one.links):
            if link.mode == "auto" and link.subnet and not link.address:
                link.address = self._free(link.subnet)

    def _free(self, subnet) -> str:
        taken = {link.address for one in self._region.machines.values()
                 for interface in one.interfaces for link in interface.links}
        ranges = [one for one in self._region.site.ranges.values() if one.subnet is subnet]
        for address in ipaddress.ip_network(subnet.cidr).hosts():
            text = str(address)
            if text not in taken and text != subnet.gateway_ip and not any(
                    one.contains(text) for one in ranges):
                return text
        raise unavailable(f"No more IPs available in subnet: {subnet.cidr}.")

    def _forget_install(self, machine: Machine) -> None:
        machine.install = m.Install()
        for link in (link for one in machine.interfaces for link in one.links):
            if link.mode == "auto":
                link.address = None

    def _released(self, machine: Machine) -> None:
        machine.owner, machine.agent_name, machine.locked = None, "", False
        machine.annotations, machine.netboot = {}, True
        self.enter(machine, m.READY, "Released")

    def _end(self, machine: Machine) -> None:
        """The present status has lasted its time."""
        status, machine.life.due = machine.status, None
        if status == m.COMMISSIONING:
            self._commissioned(machine)
        elif status == m.TESTING:
            self._tested(machine)
        elif status == m.DEPLOYING:
            self._deployed(machine)
        elif status in (m.RELEASING, m.ERASING):
            self._emptied(machine)
        elif status == m.ENTERING_RESCUE:
            self.enter(machine, m.RESCUE)
        else:
            machine.hardware.power = machine.life.before not in (m.READY, m.BROKEN)
            self.enter(machine, machine.life.before, "Exited rescue mode")

    def _commissioned(self, machine: Machine) -> None:
        failed = machine.faults.fail_commissioning
        keep = machine.life.results.pop("keep", set())
        machine.life.results["commissioning"] = result_set(
            self._region, machine, 0, 3 if failed else 2)
        machine.owner, machine.known = None, True
        machine.hardware.power = False
        if failed:
            self.enter(machine, m.FAILED_COMMISSIONING, "Failed commissioning")
            return
        discover(self._region, machine, keep)
        if machine.faults.fail_testing:
            self.enter(machine, m.FAILED_TESTING)
        else:
            self.enter(machine, m.READY)

    def _tested(self, machine: Machine) -> None:
        failed = machine.faults.fail_testing
        machine.life.results["testing"] = result_set(self._region, machine, 2,
                                                     3 if failed else 2)
        machine.hardware.power = machine.life.before in (m.DEPLOYED, m.ALLOCATED)
        self.enter(machine, m.FAILED_TESTING if failed else machine.life.before)

    def _deployed(self, machine: Machine) -> None:
        failed = machine.faults.fail_deployment
        machine.life.results["installation"] = result_set(self._region, machine, 1,
                                                          3 if failed else 2)
        machine.netboot = failed
        self.enter(machine, m.FAILED_DEPLOYMENT if failed else m.DEPLOYED)

    def _emptied(self, machine: Machine) -> None:
        erasing = machine.status == m.ERASING
        if erasing and machine.faults.fail_erasing:
            self.enter(machine, m.FAILED_ERASING)
        elif machine.faults.fail_release:
            self.enter(machine, m.FAILED_RELEASING)
        else:
            machine.hardware.power = False
            self._released(machine)


def discover(region: Region, machine: Machine, keep: set[str]) -> None:
    """What commissioning finds: interfaces, disks; and what it makes of them."""
    hardware = machine.hardware
    known = {one.mac: one for one in machine.interfaces if one.kind == "physical"}
    for nic in hardware.nics:
        if nic.mac not in known:
            known[nic.mac] = Interface(region.ids.new("interface"), nic.name, "physical",
                                       nic.mac)
            machine.interfaces.append(known[nic.mac])
        known[nic.mac].pci = nic.pci
        known[nic.mac].name = nic.name
    if "network" not in keep:
        reset_network(region, machine)
    have = {device.name for device in machine.disks.devices}
    for drive in hardware.drives:
        if drive.name not in have:
            machine.disks.devices.append(BlockDevice(
                region.ids.new("blockdevice"), drive.name, drive.size,
                block_size=drive.block_size, model=drive.model, serial=drive.serial,
                id_path=f"/dev/{drive.name}", tags=list(drive.tags)))
    machine.disks.boot = machine.disks.boot or next(iter(machine.disks.devices), None)
    if "storage" not in keep:
        Layout(machine.disks, region.ids.new).apply(
            region.settings["default_storage_layout"], {})


def reset_network(region: Region, machine: Machine) -> None:
    """Back to what commissioning leaves: AUTO on the boot interface, no devices built."""
    machine.interfaces = [one for one in machine.interfaces if one.kind == "physical"]
    machine.gateways = {}
    boot_subnet = next(iter(region.site.subnets.values()), None)
    for number, one in enumerate(machine.interfaces):
        one.params, one.links, one.parents = {}, [], []
        if boot_subnet is None:
            continue
        one.vlan = boot_subnet.vlan
        if number == 0:
            one.links = [region.link("auto", subnet=boot_subnet)]
            one.discovered = [region.link("dhcp", subnet=boot_subnet, address=str(
                boot_subnet.network.network_address + 12))]
        else:
            one.links = [region.link("link_up")]
