"""Model objects from documents and effective trees. Data here has passed the schema of its kind.

Objects of subtrees that several nodes share are built once and shared too.
"""

from typing import Any

from provisioner.site import inherit, model, storage

BOND_DEFAULTS = {"mode": "disabled", "hash": "layer3+4", "peer_rate": "fast", "mon_rate": 100,
                 "up_delay": 200, "down_delay": 200}
_MODE_SPELLINGS = {"balanced-rr": "balance-rr"}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _texts(mapping) -> dict[str, str]:
    return {key: str(value) for key, value in (mapping or {}).items() if value is not None}


def region(name: str, data: dict) -> model.Region:
    repositories = dict(data.get("repositories") or {})
    remove = bool(repositories.pop("remove_unlisted", False))
    keys = tuple(key.replace("\n", "") for key in data.get("authorized_keys") or ())
    return model.Region(name, tuple(data.get("tag_definitions") or ()), keys, repositories, remove)


def rack(name: str, data: dict) -> model.Rack:
    switches = {}
    for switch, given in (data.get("tor_switches") or {}).items():
        uri = given.get("sdn_api_uri") or given.get("sdn_api_url")
        switches[switch] = {"mgmt_ip": given.get("mgmt_ip"), "sdn_api_uri": uri}
    return model.Rack(name, switches, dict(data.get("location") or {}),
                      tuple(data.get("local_networks") or ()), _texts(data.get("labels")))


def link(name: str, data: dict) -> model.NetworkLink:
    written = data.get("bonding") or {}
    bonding = {**BOND_DEFAULTS, **written}
    bonding["mode"] = _MODE_SPELLINGS.get(bonding["mode"], bonding["mode"])
    trunking = data.get("trunking") or {}
    return model.NetworkLink(
        name, bonding, frozenset(written), data.get("mtu") or 1500,
        data.get("linkspeed") or "auto", trunking.get("mode") or "disabled",
        trunking.get("default_network"), tuple(data["allowed_networks"]), _labels(data))


def _labels(data):
    return {key: str(value) for key, value in (data.get("labels") or {}).items()}


def network(name: str, data: dict) -> model.Network:
    dns = data.get("dns") or {}
    servers = tuple(part.strip() for part in (dns.get("servers") or "").split(",") if part.strip())
    ranges = tuple(model.Range(item.get("type") or "", item.get("start") or "",
                               item.get("end") or "") for item in data.get("ranges") or ())
    routes = tuple(model.Route(item.get("subnet"), item.get("gateway"), item.get("metric"),
                               item.get("routedomain")) for item in data.get("routes") or ())
    return model.Network(
        name, data["cidr"], data.get("vlan"), data.get("mtu"), data.get("routedomain"), ranges,
        routes, dns.get("domain") or "local", servers, dict(data.get("dhcp_relay") or {}),
        _labels(data))


def hardware_profile(name: str, data: dict) -> model.HardwareProfile:
    aliases = {alias: model.DeviceAlias(alias, given["address"], given["bus_type"],
                                        given.get("dev_type"))
               for alias, given in (data.get("device_aliases") or {}).items()}
    plain = {key: data.get(key) for key in (
        "vendor", "generation", "hw_version", "bios_version", "boot_mode", "bootstrap_protocol",
        "pxe_interface")}
    return model.HardwareProfile(name=name, device_aliases=aliases,
                                 cpu_sets=dict(data.get("cpu_sets") or {}),
                                 hugepages=dict(data.get("hugepages") or {}), **plain)


def image(name: str, data: dict) -> model.Image:
    return model.Image(name, data["url"], data["sha256"].lower(), data["kernel"], data["ramdisk"],
                       data.get("disk_format", "raw"), data.get("kernel_params", ""))


def boot_action(name: str, data: dict) -> model.BootAction:
    return model.BootAction(name, data.get("signaling", True), tuple(data["assets"]),
                            data.get("node_filter"))


class Hosts:
    """Builds profiles and nodes out of effective trees, sharing what they share."""

    def __init__(self, hardware: dict[str, model.HardwareProfile],
                 networks: dict[str, model.Network]):
        self.hardware = hardware
        self.networks = networks
        self._shared: dict[int, Any] = {}

    def profile(self, name: str, tree: inherit.Branch) -> model.HostProfile:
        return model.HostProfile(name=name, **self._common(tree))

    def node(self, name: str, tree: inherit.Branch) -> model.BaremetalNode:
        common = self._common(tree)
        hardware = self.hardware.get(common["hardware_profile"])
        common["kernel_params"] = resolve_params(common["kernel_params"], hardware)
        addressing = tuple(model.Assignment(item["network"], item["address"].strip())
                           for item in _value(tree, "addressing") or ())
        mac = (_value(tree.get("metadata"), "boot_mac") or "").strip().lower().replace("-", ":")
        primary = self.networks.get(common["primary_network"])
        bmc = next((item.address for item in addressing
                    if item.static and item.network == common["oob_parameters"].get("network")),
                   None)
        return model.BaremetalNode(
            name=name, addressing=addressing, boot_mac=mac or None,
            bmc_address=bmc, hardware=hardware, domain=primary.dns_domain if primary else "local",
            **common)

    def _common(self, tree):
        platform = tree.get("platform")
        metadata = tree.get("metadata")
        oob = tree.get("oob")
        return {
            "host_profile": _value(tree, "host_profile"),
            "hardware_profile": _value(tree, "hardware_profile"),
            "primary_network": _value(tree, "primary_network"),
            "oob_type": _value(oob, "type"),
            "oob_parameters": {key: value for key, value in self._once(oob, _texts_of).items()
                               if key != "type"},
            "storage": self._once(tree.get("storage"), _storage),
            "image": _value(platform, "image"),
            "kernel": _value(platform, "kernel"),
            "kernel_params": self._once(_part(platform, "kernel_params"), _texts_of),
            "interfaces": self._once(tree.get("interfaces"), _interfaces),
            "tags": self._once(_part(metadata, "tags"), _members),
            "owner_data": self._once(_part(metadata, "owner_data"), _texts_of),
            "rack": _value(metadata, "rack"),
        }

    def _once(self, tree, make):
        """What ``make`` gives for a subtree; trees outlive this object, so ids do not repeat."""
        key = (id(tree), make)
        if key not in self._shared:
            self._shared[key] = make(tree)
        return self._shared[key]


def _part(tree, key):
    return None if tree is None else tree.get(key)


def _value(tree, key):
    leaf = _part(tree, key)
    return None if leaf is None else leaf.value


def _texts_of(tree):
    return {} if tree is None else {key: str(leaf.value) for key, leaf in tree.items()
                                    if leaf.value is not None}


def _members(tree):
    return () if tree is None else tuple(leaf.value for leaf in tree)


def _interfaces(tree):
    return tuple(_interface(name, part) for name, part in (tree or {}).items())


def _interface(name, part):
    sriov = part.get("sriov")
    trusted = _value(sriov, "trustedmode") or _value(sriov, "trustmode")
    return model.Interface(
        name, _value(part, "device_link"), _members(part.get("slaves")),
        _members(part.get("networks")), sriov is not None, int(_value(sriov, "vf_count") or 0),
        bool(trusted))


def _storage(tree):
    if tree is None:
        return storage.Storage()
    devices = (tree.get("physical_devices") or {}).items()
    groups = (tree.get("volume_groups") or {}).items()
    return storage.Storage(tuple(_device(name, part) for name, part in devices),
                           tuple(_group(name, part) for name, part in groups))


def _filesystem(tree):
    if tree is None:
        return None
    given = {key: leaf.value for key, leaf in tree.items() if leaf.value is not None}
    return storage.Filesystem(**given)


def _device(name, tree):
    partitions = tuple(
        storage.Partition(key, _value(part, "name"), _value(part, "size"),
                          bool(_value(part, "bootable")), _value(part, "part_uuid"),
                          _value(part, "volume_group"), _filesystem(part.get("filesystem")),
                          _texts_of(part.get("labels")))
        for key, part in (tree.get("partitions") or {}).items())
    return storage.Device(name, _texts_of(tree.get("labels")), _value(tree, "volume_group"),
                          partitions)


def _group(name, tree):
    volumes = tuple(
        storage.LogicalVolume(key, _value(part, "name"), _value(part, "size"),
                              _value(part, "lv_uuid"), _filesystem(part.get("filesystem")))
        for key, part in (tree.get("logical_volumes") or {}).items())
    return storage.VolumeGroup(name, _value(tree, "vg_uuid"), volumes)


def resolve_params(params: dict[str, str],
                   hardware: model.HardwareProfile | None) -> dict[str, str]:
    """Kernel parameters with references to the hardware profile replaced by its values.

    ``hardwareprofile:cpuset.<name>``, ``hardwareprofile:hugepages.<name>.size`` and ``.count``;
    a dot may stand for the colon. What cannot be resolved stays as it is.
    """
    if not any(is_reference(value) for value in params.values()):
        return params
    return {key: _resolved(value, hardware) for key, value in params.items()}


def is_reference(value: str) -> bool:
    return value.startswith(("hardwareprofile:", "hardwareprofile."))


def _resolved(value, hardware):
    if hardware is None or not is_reference(value):
        return value
    kind, _, rest = value[len("hardwareprofile:"):].partition(".")
    if kind == "cpuset":
        return hardware.cpu_sets.get(rest, value)
    if kind == "hugepages":
        name, _, part = rest.rpartition(".")
        found = hardware.hugepages.get(name, {}).get(part)
        return value if found is None else _text(found)
    return value
