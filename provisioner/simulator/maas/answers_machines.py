"""Operations on machines: ``machines/`` and ``machines/{system_id}/``."""

from provisioner.simulator.maas import bson, results
from provisioner.simulator.maas import machine as m
from provisioner.simulator.maas.errors import (
    ApiError,
    choice,
    conflict,
    invalid,
    required,
    unavailable,
)
from provisioner.simulator.maas.layouts import Layout
from provisioner.simulator.maas.lifecycle import Lifecycle, reset_network
from provisioner.simulator.maas.machine import Machine, Power
from provisioner.simulator.maas.region import IMAGES, Region
from provisioner.simulator.maas.routing import Answer, Call, operation
from provisioner.simulator.maas.storage import EDITABLE as STORAGE_EDITABLE
from provisioner.simulator.maas.storage import Filesystem

POWER_TYPES = ("amt", "apc", "hmc", "ipmi", "manual", "openbmc", "redfish", "virsh", "webhook")
IPMI = {"power_driver": "LAN_2_0", "power_user": "", "power_pass": "", "power_boot_type": "auto",
         "cipher_suite_id": "3", "privilege_level": "OPERATOR", "k_g": "", "mac_address": "",
         "workaround_flags": ["opensesspriv"]}
_PREFIX = "power_parameters_"


def whole(region: Region, machine: Machine) -> dict:
    return region.view(machine)


def one(call: Call) -> Machine:
    return call.region.machine(call.part["system_id"])


def unlocked(call: Call) -> Machine:
    """:raises ApiError: 403 if it is locked"""
    machine = one(call)
    if machine.locked:
        raise ApiError(403, "")
    return machine


def _matches(call: Call, machine: Machine) -> bool:
    wanted = {
        "id": [machine.system_id], "hostname": [machine.hostname, machine.fqdn],
        "mac_address": machine.macs, "domain": [machine.domain.name],
        "zone": [machine.zone["name"]], "pool": [machine.pool["name"]],
        "agent_name": [machine.agent_name], "tags": call.region.tags_of(machine)}
    for name, have in wanted.items():
        asked = call.many(name)
        if asked and not {value.lower() for value in asked} & {value.lower() for value in have}:
            return False
    statuses = [_status(label) for label in call.many("status")]
    return not statuses or machine.status in statuses


def _status(label: str) -> int:
    if label not in m.LABELS:
        raise choice("status", label)
    return m.LABELS[label]


@operation("machines/")
def machines(call: Call) -> list:
    for label in call.many("status"):
        _status(label)
    return [whole(call.region, machine) for machine in call.region.machines.values()
            if _matches(call, machine)]


@operation("nodes/")
def nodes(call: Call) -> list:
    return machines(call)


@operation("machines/", op="is_registered")
def is_registered(call: Call) -> bool:
    return call.region.by_mac(call.one("mac_address", "")) is not None


@operation("machines/", op="list_allocated")
def list_allocated(call: Call) -> list:
    return [whole(call.region, machine) for machine in call.region.machines.values()
            if machine.owner == call.user.name]


@operation("machines/", op="power_parameters", admin=True)
def all_power_parameters(call: Call) -> dict:
    ids = call.many("id")
    return {own: machine.power.parameters for own, machine in call.region.machines.items()
            if not ids or own in ids}


def _power(call: Call, present: Power | None = None) -> Power:
    kind = call.one("power_type", present.kind if present else "")
    if kind and kind not in POWER_TYPES:
        raise choice("power_type", kind)
    given = {name.removeprefix(_PREFIX): call.one(name) for name in call.args
             if name.startswith(_PREFIX) and not name.endswith("skip_check")}
    kept = present.parameters if present and present.kind == kind else {}
    defaults = IPMI if kind == "ipmi" else {}
    parameters = {**defaults, **kept, **given}
    if kind == "ipmi" and not parameters.get("power_address"):
        raise required("power_parameters")
    return Power(kind, parameters if kind != "manual" else {},
                 present.state if present else "unknown")


def _check_new(call: Call, macs: list[str], hostname: str) -> None:
    if not call.one("architecture"):
        raise required("architecture")
    wrong: dict = {}
    for mac in macs:
        owner = call.region.by_mac(mac)
        if owner:
            wrong["mac_addresses"] = [f"MAC address {mac} already in use on {owner.hostname}."]
            if call.one("power_type") == "manual":
                wrong["power_type"] = ["Can't set power type to manual without network "
                                       "interfaces"]
    if any(known.hostname == hostname for known in call.region.machines.values()):
        wrong["hostname"] = ["Node with this Hostname already exists."]
    if wrong:
        raise ApiError(400, wrong)


@operation("machines/", "POST", anonymous=True)
def create(call: Call) -> dict:
    """Enlist; an administrator's request commissions at once unless told otherwise."""
    macs = [mac.lower() for mac in call.many("mac_addresses")]
    hostname = call.one("hostname") or f"host-{call.region.ids.new('hostname')}"
    _check_new(call, macs, hostname)
    machine = call.region.add_machine(hostname, macs, _power(call))
    machine.architecture = call.one("architecture")
    machine.description = call.one("description", "")
    machine.min_hwe_kernel = call.one("min_hwe_kernel", "")
    _place(call, machine)
    if call.user is None:
        return {key: value for key, value in whole(call.region, machine).items()
                if key in _ANONYMOUS}
    if call.user.admin and call.flag("commission", True):
        Lifecycle(call.region).commission(machine, call.user.name, set())
    return whole(call.region, machine)


_ANONYMOUS = ("system_id", "hostname", "domain", "architecture", "power_type", "power_state",
              "status", "status_name", "status_message", "status_action", "zone", "netboot",
              "node_type", "fqdn", "resource_uri")


def _place(call: Call, machine: Machine) -> None:
    """Domain, zone and pool, as far as they are given."""
    site = call.region.site
    for name, table in (("domain", site.domains.values()), ("pool", site.pools.values()),
                        ("zone", site.zones.values())):
        wanted = call.one(name)
        if not wanted:
            continue
        found = next((known for known in table if wanted in (
            getattr(known, "name", None) or known["name"],)), None)
        if found is None:
            raise choice(name, wanted)
        setattr(machine, name, found)


@operation("machines/", "POST", "allocate")
def allocate(call: Call) -> dict:
    own, wanted = call.one("system_id"), call.one("name")
    known_tags = call.region.site.tags
    lacking = [tag for tag in call.many("tags") if tag not in known_tags]
    if lacking:
        raise invalid(tags="No such tag(s): " + ", ".join(f"'{tag}'" for tag in lacking) + ".")
    memory = call.number("mem", 0)
    for machine in call.region.machines.values():
        fits = (own in (None, machine.system_id) and wanted in (None, machine.hostname)
                and machine.hardware.memory >= memory
                and set(call.many("tags")) <= set(call.region.tags_of(machine)))
        if fits and machine.status == m.READY:
            return _allocated(call, machine)
    if own:
        raise conflict(f"No machine with system ID {own} available.")
    asked = [(name, values) for name, values in call.args.items()]
    raise conflict(f"No available machine matches constraints: {asked}")


def _allocated(call: Call, machine: Machine) -> dict:
    view = whole(call.region, machine)
    if not call.flag("dry_run"):
        machine.owner = call.user.name
        machine.agent_name = call.one("agent_name", "")
        Lifecycle(call.region).enter(machine, m.ALLOCATED)
        machine.life.message = view["status_message"]
        view = whole(call.region, machine)
    return {**view, "constraints_by_type": {}}


@operation("machines/", "POST", "release")
def release_many(call: Call) -> list:
    asked = call.many("machines")
    unknown = [own for own in asked if own not in call.region.machines]
    if unknown:
        raise ApiError(400, f"Unknown machine(s): {', '.join(sorted(unknown))}.")
    released = []
    for own in asked:
        machine = call.region.machines[own]
        if machine.status != m.READY:
            Lifecycle(call.region).release(machine, call.flag("erase"))
            released.append(own)
    return released


@operation("machines/", "POST", "accept_all")
def accept_all(call: Call) -> list:
    return _accept(call, [own for own, known in call.region.machines.items()
                          if known.status == m.NEW])


@operation("machines/", "POST", "accept")
def accept(call: Call) -> list:
    return _accept(call, call.many("machines"))


def _accept(call: Call, ids: list[str]) -> list:
    chosen = [call.region.machine(own) for own in ids]
    for machine in chosen:
        Lifecycle(call.region).commission(machine, call.user.name, set())
    return [whole(call.region, machine) for machine in chosen]


@operation("machines/", "POST", "set_zone", admin=True)
def set_zone(call: Call) -> None:
    zone = call.region.site.zones.find(call.one("zone", ""))
    for own in call.many("nodes"):
        call.region.machine(own).zone = zone


@operation("machines/", "POST", "clone", admin=True)
def clone(call: Call) -> None:
    source = call.region.machine(call.one("source", ""))
    for own in call.many("destinations"):
        target = call.region.machine(own)
        have = target.disks.boot.size if target.disks.boot else 0
        if source.disks.boot and have < source.disks.boot.size:
            raise invalid(destinations=f"{own} ({target.hostname}) is invalid: destination boot "
                                       "disk is smaller than source boot disk")


@operation("machines/{system_id}/")
def get(call: Call) -> dict:
    return whole(call.region, one(call))


@operation("nodes/{system_id}/")
def get_node(call: Call) -> dict:
    return whole(call.region, call.region.machine(call.part["system_id"], "Node"))


@operation("machines/{system_id}/", "PUT")
def update(call: Call) -> dict:
    machine = unlocked(call)
    if not call.user.admin:
        raise ApiError(403, "")
    hostname = call.one("hostname")
    others = [known for known in call.region.machines.values() if known is not machine]
    if hostname and any(known.hostname == hostname for known in others):
        raise invalid(hostname="Node with this Hostname already exists.")
    power = _power(call, machine.power)
    machine.hostname = hostname or machine.hostname
    machine.description = call.one("description", machine.description)
    machine.architecture = call.one("architecture") or machine.architecture
    machine.power = power
    _place(call, machine)
    return whole(call.region, machine)


@operation("machines/{system_id}/", "DELETE")
def delete(call: Call) -> Answer:
    machine = unlocked(call)
    del call.region.machines[machine.system_id]
    for tag in call.region.site.tags.values():
        tag["members"].discard(machine.system_id)
    return Answer("", 204)


@operation("machines/{system_id}/", op="power_parameters")
def power_parameters(call: Call) -> dict:
    if not call.user.admin:
        raise ApiError(403, "")
    return one(call).power.parameters


@operation("machines/{system_id}/", op="query_power_state")
def query_power_state(call: Call) -> dict:
    machine = one(call)
    if not machine.power.kind:
        raise unavailable("No BMC is defined.  Cannot power control node.")
    if machine.power.kind == "manual":
        return {"state": "unknown"}
    Lifecycle(call.region).reach(machine)
    if machine.power.busy_until <= call.region.now():
        machine.power.state = "on" if machine.hardware.power else "off"
    return {"state": machine.power.state}


@operation("machines/{system_id}/", op="details")
def details(call: Call) -> Answer:
    machine = one(call)
    known = {"lshw": results.lshw(machine).encode(), "lldp": results.output(
        machine, "maas-capture-lldpd", False).encode()} if machine.known else {}
    return Answer(bson.encode({key: known.get(key) for key in ("lshw", "lldp")}), 200,
                  "application/bson")


@operation("machines/{system_id}/", op="get_curtin_config")
def curtin_config(call: Call) -> Answer:
    machine = one(call)
    if machine.status not in (m.DEPLOYING, m.DEPLOYED, m.FAILED_DEPLOYMENT):
        raise ApiError(400, f"Machine {machine.system_id} is not in a deployment state.")
    return Answer(f"install:\n  log_file: /tmp/install.log\nkernel: {machine.install.kernel}\n")


@operation("machines/{system_id}/", op="get_token")
def node_token(call: Call) -> None:
    one(call)


def _verb(op: str, act, *, locked: bool = False, admin: bool = False) -> None:
    """Register a changing operation that answers the whole machine.

    :param act: ``(call, machine, lifecycle)``
    :param locked: whether a locked machine takes it
    """
    def function(call: Call) -> dict:
        machine = one(call) if locked else unlocked(call)
        answer = act(call, machine, Lifecycle(call.region))
        return whole(call.region, machine) if answer is None else answer
    operation("machines/{system_id}/", "POST", op, admin=admin)(function)


def _commission(call: Call, machine: Machine, life: Lifecycle) -> None:
    keep = {name for name in ("network", "storage")
            if call.flag({"network": "skip_networking"}.get(name, "skip_storage"))}
    life.commission(machine, call.user.name, keep)


def _series(call: Call) -> tuple[str, str]:
    """Operating system and release. :raises ApiError: there is no such image"""
    series = call.one("distro_series") or call.region.settings["default_distro_series"]
    known = sorted({name for name, _ in IMAGES})
    system, _, release = series.rpartition("/")
    wanted = [series] if system else [
        f"{call.one('osystem') or one_}/{series}" for one_ in ("ubuntu", "custom")]
    found = next((name for name in wanted if name in known), None)
    if found is None:
        listed = ", ".join(f"'{name}'" for name in ["", *known])
        raise invalid(distro_series=f"'{series}' is not a valid distro_series.  It should be "
                                    f"one of: {listed}.")
    system, _, release = found.partition("/")
    return system, release


def _deploy(call: Call, machine: Machine, life: Lifecycle) -> None:
    system, release = _series(call)
    kernel = call.one("hwe_kernel") or None
    kernels = {arch.partition("/")[2] for name, arch in IMAGES if name == f"{system}/{release}"}
    if kernel and system != "custom" and kernel not in kernels:
        raise invalid(hwe_kernel=f"{kernel} is not available for {system}/{release} on "
                                 f"{machine.architecture}.")
    life.deploy(machine, call.user.name)
    default = None if system == "custom" else sorted(kernels)[0]
    machine.install = m.Install(system, release, kernel or default, call.one("user_data", ""))
    machine.agent_name = call.one("agent_name", machine.agent_name)


def _power_on(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status in (m.NEW, m.READY) or machine.owner is None:
        raise conflict("Can't start node: it hasn't been allocated.")
    life.reach(machine)
    life.switch(machine, True)


def _power_off(call: Call, machine: Machine, life: Lifecycle) -> None:
    life.reach(machine)
    life.switch(machine, False)


def _mark_fixed(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status != m.BROKEN:
        raise conflict("Can't mark a non-broken node as 'Ready'.")
    life.enter(machine, m.READY, "Marked fixed")


def _override(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status != m.FAILED_TESTING:
        raise conflict("Unable to override node status. Node is not in 'Failed testing' status.")
    life.enter(machine, m.READY)


def _lock(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.locked:
        raise conflict("Machine is already locked")
    if machine.status not in (m.DEPLOYING, m.DEPLOYED):
        raise conflict("Can't lock, node is not deployed or deploying")
    machine.locked = True


def _unlock(call: Call, machine: Machine, life: Lifecycle) -> None:
    if not machine.locked:
        raise conflict("Machine is not locked")
    machine.locked = False


def _test(call: Call, machine: Machine, life: Lifecycle) -> None:
    for script in call.many("testing_scripts"):
        if script not in ("none", "smartctl-validate", "commissioning", "memtester"):
            raise choice("testing_scripts", script)
    life.test(machine)


def _annotate(call: Call, machine: Machine, life: Lifecycle) -> None:
    for name in call.args:
        value = call.one(name, "")
        machine.annotations[name] = value
        if not value:
            del machine.annotations[name]


def _layout(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status not in STORAGE_EDITABLE:
        raise conflict("Cannot change the storage layout on a machine that is not Ready.")
    options = {name: call.one(name) for name in call.args}
    Layout(machine.disks, call.region.ids.new).apply(call.one("storage_layout", ""), options)


def _restore_storage(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status not in STORAGE_EDITABLE:
        raise conflict("Machine must be in a ready state to restore storage configuration")
    Layout(machine.disks, call.region.ids.new).apply(
        call.region.settings["default_storage_layout"], {})


def _restore_network(call: Call, machine: Machine, life: Lifecycle) -> None:
    if machine.status not in (m.READY, m.ALLOCATED, m.BROKEN):
        raise conflict("Machine must be in a ready state to restore networking configuration")
    reset_network(call.region, machine)


def _restore_all(call: Call, machine: Machine, life: Lifecycle) -> None:
    _restore_network(call, machine, life)
    _restore_storage(call, machine, life)


def _clear_gateways(call: Call, machine: Machine, life: Lifecycle) -> None:
    machine.gateways = {}


def _mount_special(call: Call, machine: Machine, life: Lifecycle) -> None:
    machine.disks.special.append(Filesystem(
        call.one("fstype", ""), None, mount_point=call.one("mount_point"),
        mount_options=call.one("mount_options", "")))


def _unmount_special(call: Call, machine: Machine, life: Lifecycle) -> None:
    point = call.one("mount_point")
    machine.disks.special = [known for known in machine.disks.special
                             if known.mount_point != point]


for _op, _act in (
        ("commission", _commission), ("deploy", _deploy), ("power_on", _power_on),
        ("power_off", _power_off), ("mark_fixed", _mark_fixed), ("test", _test),
        ("override_failed_testing", _override), ("lock", _lock),
        ("set_workload_annotations", _annotate), ("set_owner_data", _annotate),
        ("set_storage_layout", _layout), ("restore_storage_configuration", _restore_storage),
        ("restore_networking_configuration", _restore_network),
        ("restore_default_configuration", _restore_all),
        ("clear_default_gateways", _clear_gateways), ("mount_special", _mount_special),
        ("unmount_special", _unmount_special),
        ("release", lambda call, machine, life: life.release(machine, call.flag("erase"))),
        ("abort", lambda call, machine, life: life.abort(machine)),
        ("rescue_mode", lambda call, machine, life: life.enter_rescue(machine)),
        ("exit_rescue_mode", lambda call, machine, life: life.leave_rescue(machine)),
        ("mark_broken", lambda call, machine, life: life.break_(machine))):
    _verb(_op, _act)
_verb("unlock", _unlock, locked=True)
