"""The effective site: frozen objects with every inheritance and reference resolved.

Names refer by name (``interface.device_link`` names a :class:`NetworkLink`); a reference to
something undefined stays as written, and a check reports it. Objects are never changed.
"""

import dataclasses
import functools
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from provisioner.exceptions import NotFound
from provisioner.site.findings import Place
from provisioner.site.storage import Storage

DHCP = "dhcp"
DEFAULT_ROUTES = frozenset({"0.0.0.0/0", "::/0"})


def parse_network(text: str | None):
    """An ``ip_network``, host bits dropped; None if the text is no prefix."""
    try:
        return ipaddress.ip_network(text or "", strict=False)
    except ValueError:
        return None


def parse_address(text: str | None):
    """An ``ip_address``, or None if the text is none."""
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


@dataclasses.dataclass(frozen=True)
class Region:
    name: str
    tag_definitions: tuple[dict, ...] = ()
    authorized_keys: tuple[str, ...] = ()
    repositories: dict[str, dict] = dataclasses.field(default_factory=dict)
    remove_unlisted: bool = False


@dataclasses.dataclass(frozen=True)
class Rack:
    """``tor_switches``: name to ``{"mgmt_ip": ..., "sdn_api_uri": ...}``."""

    name: str
    tor_switches: dict[str, dict]
    location: dict
    local_networks: tuple[str, ...]
    labels: dict


@dataclasses.dataclass(frozen=True)
class NetworkLink:
    """``bonding`` has every option with defaults; ``written`` names those in the document."""

    name: str
    bonding: dict
    written: frozenset[str]
    mtu: float
    linkspeed: str
    trunking: str
    default_network: str | None
    allowed_networks: tuple[str, ...]
    labels: dict

    @property
    def bond_mode(self) -> str:
        return self.bonding["mode"]

    @functools.cached_property
    def carried(self) -> frozenset[str]:
        """The allowed networks as a set."""
        return frozenset(self.allowed_networks)


@dataclasses.dataclass(frozen=True)
class Range:
    type: str
    start: str
    end: str

    @functools.cached_property
    def bounds(self):
        """(first, last) address, or None if they are no addresses of one family in order."""
        first, last = parse_address(self.start), parse_address(self.end)
        if first is None or last is None or first.version != last.version or first > last:
            return None
        return first, last


@dataclasses.dataclass(frozen=True)
class Route:
    """``subnet`` None: stands for ``routedomain``. ``computed``: rendered from a route domain."""

    subnet: str | None
    gateway: str | None
    metric: float | None
    routedomain: str | None = None
    computed: bool = False


@dataclasses.dataclass(frozen=True)
class Network:
    """``vlan`` None: untagged. ``routes`` has the written ones first, then the computed."""

    name: str
    cidr: str
    vlan: str | None
    mtu: float | None
    routedomain: str | None
    ranges: tuple[Range, ...]
    routes: tuple[Route, ...]
    dns_domain: str
    dns_servers: tuple[str, ...]
    dhcp_relay: dict
    labels: dict

    @functools.cached_property
    def prefix(self):
        """``ip_network`` of the CIDR with host bits dropped, or None."""
        return parse_network(self.cidr)

    @property
    def gateway(self) -> str | None:
        """Gateway of the default route."""
        for route in self.routes:
            if route.subnet in DEFAULT_ROUTES:
                return route.gateway
        return None


@dataclasses.dataclass(frozen=True)
class DeviceAlias:
    """``address`` is a bus address, or ``regexp:`` and a pattern matched from its start."""

    name: str
    address: str
    bus_type: str
    dev_type: str | None = None

    @property
    def pattern(self) -> str | None:
        kind, _, rest = self.address.partition(":")
        return rest if kind == "regexp" else None

    @property
    def businfo(self) -> str:
        """What lshw calls it."""
        return f"{self.bus_type}@{self.address}"

    def matches(self, bus_type: str, address: str) -> bool:
        """Whether a device at a bus address is the one meant, or may be, for a pattern.

        A pattern that is no regular expression matches nothing; a check reports it.
        """
        if bus_type != self.bus_type:
            return False
        if self.pattern is None:
            return address == self.address
        try:
            return re.match(self.pattern, address) is not None
        except re.error:
            return False


@dataclasses.dataclass(frozen=True)
class HardwareProfile:
    """``hugepages``: name to ``{"size": ..., "count": ...}``."""

    name: str
    vendor: str | None = None
    generation: str | None = None
    hw_version: str | None = None
    bios_version: str | None = None
    boot_mode: str | None = None
    bootstrap_protocol: str | None = None
    pxe_interface: float | None = None
    device_aliases: dict[str, DeviceAlias] = dataclasses.field(default_factory=dict)
    cpu_sets: dict[str, str] = dataclasses.field(default_factory=dict)
    hugepages: dict[str, dict] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Interface:
    """``device_link`` None: not configured. ``vf_count`` counts only where ``sriov``."""

    name: str
    device_link: str | None
    slaves: tuple[str, ...]
    networks: tuple[str, ...]
    sriov: bool = False
    vf_count: int = 0
    trusted_mode: bool = False


@dataclasses.dataclass(frozen=True)
class Assignment:
    """An address of a node: ``address`` is ``"dhcp"`` or a static address."""

    network: str
    address: str

    @property
    def static(self) -> bool:
        return self.address != DHCP


@dataclasses.dataclass(frozen=True)
class Image:
    """What ``platform.image`` stands for; addresses are URLs, ``sha256`` 64 hex digits."""

    name: str
    url: str
    sha256: str
    kernel: str
    ramdisk: str
    disk_format: str = "raw"
    kernel_params: str = ""


@dataclasses.dataclass(frozen=True)
class BootAction:
    name: str
    signaling: bool
    assets: tuple[dict, ...]
    node_filter: dict | None


@dataclasses.dataclass(frozen=True)
class Host:
    """What host profiles and nodes have in common, after inheritance."""

    name: str
    host_profile: str | None
    hardware_profile: str | None
    primary_network: str | None
    oob_type: str | None
    oob_parameters: dict[str, str] = dataclasses.field(repr=False)  # holds a credential
    storage: Storage
    image: str | None
    kernel: str | None
    kernel_params: dict[str, str]
    interfaces: tuple[Interface, ...]
    tags: tuple[str, ...]
    owner_data: dict[str, str]
    rack: str | None


@dataclasses.dataclass(frozen=True)
class HostProfile(Host):
    """A profile with its parents merged in."""


@dataclasses.dataclass(frozen=True)
class BaremetalNode(Host):
    """A node with its profiles merged in.

    :ivar kernel_params: references to the hardware profile resolved
    :ivar boot_mac: lower case with colons, as far as it is a hardware address
    :ivar bmc_address: its static address on the network of its BMC
    :ivar hardware: its hardware profile, or None if that is undefined
    """

    addressing: tuple[Assignment, ...] = ()
    boot_mac: str | None = None
    bmc_address: str | None = None
    hardware: HardwareProfile | None = None
    domain: str = "local"

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.domain}"

    @property
    def boot_macs(self) -> tuple[str, ...]:
        return (self.boot_mac,) if self.boot_mac else ()

    @property
    def boot_mode(self) -> str | None:
        return self.hardware.boot_mode if self.hardware else None

    @property
    def kernel_cmdline(self) -> str:
        """Kernel parameters as the kernel takes them; the huge page pair comes first."""
        params = dict(self.kernel_params)
        pair = ("hugepagesz", "hugepages")
        first = [f"{key}={params.pop(key)}" for key in pair] \
            if all(key in params for key in pair) else []
        rest = [key if value == "True" else f"{key}={value}" for key, value in params.items()]
        return " ".join(first + rest)

    def address_on(self, network: str | None) -> str | None:
        """The node's static address on a network."""
        for item in self.addressing:
            if item.network == network and item.static:
                return item.address
        return None

    def alias(self, device: str) -> DeviceAlias | None:
        """The hardware alias of a slave or physical device; None: it is an OS name."""
        return self.hardware.device_aliases.get(device) if self.hardware else None


@dataclasses.dataclass(frozen=True)
class Site:
    """A whole effective site. Every mapping is by name, in the order of the documents.

    :ivar boot_targets: boot action to the names of the nodes that it is for
    :ivar broken: (kind, name) of documents that exist but could not be used
    :ivar origins: where things stand; not part of what the site *is*
    """

    regions: Mapping[str, Region] = dataclasses.field(default_factory=dict)
    racks: Mapping[str, Rack] = dataclasses.field(default_factory=dict)
    links: Mapping[str, NetworkLink] = dataclasses.field(default_factory=dict)
    networks: Mapping[str, Network] = dataclasses.field(default_factory=dict)
    hardware_profiles: Mapping[str, HardwareProfile] = dataclasses.field(default_factory=dict)
    host_profiles: Mapping[str, HostProfile] = dataclasses.field(default_factory=dict)
    nodes: Mapping[str, BaremetalNode] = dataclasses.field(default_factory=dict)
    boot_actions: Mapping[str, BootAction] = dataclasses.field(default_factory=dict)
    images: Mapping[str, Image] = dataclasses.field(default_factory=dict)
    boot_targets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    broken: frozenset[tuple[str, str]] = frozenset()
    origins: Any = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the first region, ``""`` without one."""
        return next(iter(self.regions), "")

    def node(self, name: str) -> BaremetalNode:
        """The node of that name.

        :raises NotFound: the design has no such node
        """
        try:
            return self.nodes[name]
        except KeyError:
            raise NotFound(f"The design has no node {name!r}.", node=name) from None

    def image_of(self, node: BaremetalNode) -> Image | None:
        """The image that the node's ``platform.image`` names in this design."""
        return self.images.get(node.image) if node.image else None

    def defined(self, kind: str, name: str) -> bool:
        """Whether a document of that kind and name exists, usable or not."""
        return name in self._by_kind(kind) or (kind, name) in self.broken

    def _by_kind(self, kind):
        return {"Network": self.networks, "NetworkLink": self.links, "Rack": self.racks,
                "HardwareProfile": self.hardware_profiles, "HostProfile": self.host_profiles,
                "BaremetalNode": self.nodes, "Image": self.images,
                "BootAction": self.boot_actions, "Region": self.regions}[kind]

    def at(self, kind: str, name: str, *path) -> Place:
        """Where a value of an object stands; for hosts a path into the effective tree."""
        return self.origins.place(kind, name, path)

    def storages(self):
        """(storage, nodes that have it) for each different storage, so each is checked once."""
        groups: dict[int, tuple[Storage, list[BaremetalNode]]] = {}
        for node in self.nodes.values():
            groups.setdefault(id(node.storage), (node.storage, []))[1].append(node)
        return list(groups.values())

    def at_each(self, nodes, *path) -> tuple[Place, ...]:
        """Where a value of several nodes stands, which may be one place."""
        return tuple(self.at("BaremetalNode", node.name, *path) for node in nodes)


def called(names) -> str:
    """Names for a message: ``node a``, ``nodes a, b``, ``nodes a, b, c and 7 more``."""
    names = sorted(names)
    if len(names) == 1:
        return f"node {names[0]}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"nodes {', '.join(names[:3])}{more}"
