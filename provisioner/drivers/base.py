"""The contract between the engine and a driver.

A driver is a *hardware type*: a named set of *interfaces*. An interface gets a :class:`Channel`
and settings, and answers plain data. What must stay true:

* a driver never opens a connection: requests go through ``channel.read`` (changes nothing on the
  machine) or ``channel.send`` (may change something, so the lease is checked just before it goes);
* verbs are absolute: asking twice for the same thing is harmless;
* a driver neither sleeps nor polls: a write is read back by the engine's wait;
* errors are told apart by cause (:class:`provisioner.exceptions.HardwareError` and below);
* settings are data, so that the API can list, check and mask them without loading the driver.
"""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from provisioner import exceptions, states


@dataclasses.dataclass(frozen=True)
class Setting:
    """One key of ``driver_info``.

    :ivar kind: ``str``, ``int``, ``bool``, ``host``, ``port``, ``url`` or ``choice``
    :ivar choices: the allowed values of a ``choice``
    """

    name: str
    help: str
    kind: str = "str"
    required: bool = False
    secret: bool = False
    default: Any = None
    choices: tuple = ()


class Channel(Protocol):
    """The guarded way to one machine, handed to each call of a driver.

    What ``request`` is depends on the transport that the interface names: for ``ipmi`` an
    :class:`provisioner.drivers.clients.rmcp.Request`, for ``agent`` an
    :class:`provisioner.drivers.clients.agent.Request`, for ``maas`` a
    :class:`provisioner.drivers.clients.maas.Request` or ``Watch``, for ``fake`` anything.
    """

    def read(self, request: Any, timeout: float = 10.0) -> Any:
        """Exchange a request that changes nothing. :raises HardwareError:"""

    def send(self, request: Any, timeout: float = 10.0) -> Any:
        """Exchange a request that may change something.

        :raises LeaseLost: if this conductor or this step may no longer act; nothing was sent
        :raises HardwareError:
        """


class Transport(Protocol):
    """A connection to one machine: what a :class:`Channel` guards."""

    def exchange(self, request: Any, timeout: float, check: Any) -> Any:
        """Send and wait for the answer.

        :param timeout: seconds, for the whole exchange with all its retransmissions
        :param check: called with no argument immediately before every packet that goes out;
            raises if nothing may be sent any more
        :raises HardwareError:
        """


class TransportPool(Protocol):
    """All connections of one kind in a process (``drivers/clients/<kind>.py``).

    Keeps at most one session per machine and has at most one request in flight on it.
    """

    def transport(self, settings: Mapping[str, Any]) -> Transport:
        """The transport to the machine that these settings describe; opens nothing yet."""

    def close(self) -> None:
        """Close every session that was opened."""


@dataclasses.dataclass(frozen=True)
class PeriodicSpec:
    """Periodic work of a driver, as data; the conductor runs ``method`` and records its result.

    :ivar purpose: what it is for, shown in logs
    :ivar spacing: seconds between two runs for one node
    :ivar method: name of a method ``(channel, node) -> dict`` of the interface; the plain result
        is kept in the node's ``driver_internal_info`` under ``purpose``, and its ``health``
        (``OK``, ``Warning``, ``Critical``) in the node's field of that name
    :ivar filters: equality filters on node columns
    """

    purpose: str
    spacing: float
    method: str
    filters: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Interface(abc.ABC):
    """Base of all interfaces.

    :cvar transport: kind of channel that the methods need, or None
    :cvar settings: keys of ``driver_info`` that this interface reads
    :cvar external: whether a bootstrapper does the work (:class:`External`)
    :cvar periodics: work that the conductor shall do on idle nodes now and then
    """

    kind: ClassVar[str]
    transport: ClassVar[str | None] = None
    settings: ClassVar[tuple[Setting, ...]] = ()
    external: ClassVar[bool] = False
    periodics: ClassVar[tuple[PeriodicSpec, ...]] = ()

    def validate(self, node: "NodeView") -> None:
        """Check the node's settings without touching hardware.

        :raises InvalidSetting: naming the key, what is wrong with it and what to do
        """
        check_settings(self.settings, node.driver_info)


@dataclasses.dataclass(frozen=True)
class PortView:
    """A port as drivers see it."""

    address: str
    pxe_enabled: bool = True
    local_link_connection: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    physical_network: str | None = None


@dataclasses.dataclass(frozen=True)
class NodeView:
    """What a driver may know of a node: plain data, secrets already opened."""

    uuid: str
    name: str | None
    driver_info: Mapping[str, Any]
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    instance_info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    ports: tuple[PortView, ...] = ()


class PowerInterface(Interface):
    kind = "power"
    #: whether :meth:`read_many` reads a whole fleet at once
    bulk = False

    @abc.abstractmethod
    def get_power_state(self, channel: Channel, node: NodeView) -> str:
        """``states.POWER_ON`` or ``states.POWER_OFF``, read from the machine."""

    @abc.abstractmethod
    def set_power_state(self, channel: Channel, node: NodeView, target: str) -> None:
        """Ask for ``POWER_ON``, ``POWER_OFF``, ``SOFT_POWER_OFF`` or ``REBOOT`` (a hard reset).

        Returns when the machine has accepted; the engine reads back. Asking for a state that
        already holds is not an error.

        :raises Unsupported: if this hardware does not know the target
        """

    def read_many(self, pool: TransportPool, nodes: Sequence[NodeView],
                  on_result: Callable[[int, str | exceptions.ProvisionerError], None],
                  timeout: float = 10.0) -> None:
        """Read the power state of a fleet; only where ``bulk`` is true.

        ``on_result(index, state or error)`` is called in the caller's thread, once for each node,
        as its answer comes in; machines that do not answer delay nobody else.

        :param timeout: seconds for each machine
        """
        raise exceptions.Unsupported("this power interface reads one machine at a time")

    def supported(self) -> tuple[str, ...]:
        """The targets that :meth:`set_power_state` knows."""
        return (states.POWER_ON, states.POWER_OFF, states.REBOOT)


class ManagementInterface(Interface):
    kind = "management"

    @abc.abstractmethod
    def set_boot_device(self, channel: Channel, node: NodeView, device: str,
                        persistent: bool) -> None:
        """Boot from ``device`` (``states.BOOT_DEVICES``), once or from now on.

        The boot mode is ``uefi`` or ``bios`` by the node's ``properties["capabilities"]``
        (``boot_mode:uefi``)."""

    @abc.abstractmethod
    def get_boot_device(self, channel: Channel, node: NodeView) -> dict:
        """``{"boot_device": str | None, "persistent": bool | None}``."""

    def supported_boot_devices(self) -> tuple[str, ...]:
        return ()

    def get_sensors(self, channel: Channel, node: NodeView) -> dict:
        """``{sensor name: {"value": float | None, "units": str, "health": str}}``."""
        raise exceptions.Unsupported("this management interface has no sensors")

    def get_identity(self, channel: Channel, node: NodeView) -> dict:
        """FRU and system identity: ``{"guid", "manufacturer", "product", "serial", ...}``."""
        raise exceptions.Unsupported("this management interface tells no identity")

    def inject_nmi(self, channel: Channel, node: NodeView) -> None:
        raise exceptions.Unsupported("this management interface cannot inject an NMI")


@dataclasses.dataclass(frozen=True)
class RamdiskBoot:
    """What a boot interface needs to know to boot the deploy ramdisk.

    :ivar api_url: base URL at which ramdisks reach the API
    :ivar kernel_params: extra parameters, from options and ``driver_info``
    """

    api_url: str
    kernel_params: tuple[str, ...] = ()


class BootInterface(Interface):
    kind = "boot"

    @abc.abstractmethod
    def ramdisk_script(self, node: NodeView, boot: RamdiskBoot) -> str:
        """The text that firmware fetches, to boot the deploy ramdisk. Pure."""

    @abc.abstractmethod
    def local_script(self, node: NodeView) -> str:
        """The text that firmware fetches, to go on to the local disk. Pure."""


#: where work stands that a bootstrapper does by itself: not begun, under way, over
IDLE, RUNNING, DONE, FAILED = "idle", "running", "done", "failed"


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where the work of a bootstrapper on a machine stands.

    :ivar state: ``IDLE`` (to be begun, or begun again), ``RUNNING``, ``DONE`` or ``FAILED``
    :ivar detail: one sentence for people; of ``FAILED`` what has failed
    :ivar remedy: of ``FAILED``: what a person can do
    :ivar properties: what was learnt of the machine, to be merged into ``node.properties``
    :ivar power_state: the machine's, if it is known
    """

    state: str
    detail: str = ""
    remedy: str = ""
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    power_state: str | None = None


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was learnt of a machine, as text. :ivar data_format: its MIME type"""

    generator: str
    data_format: str
    text: str


@dataclasses.dataclass(frozen=True)
class Collected:
    """What was learnt of a machine, in full and in short.

    :ivar properties: to be merged into ``node.properties``
    """

    findings: tuple[Finding, ...] = ()
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class External(Interface):
    """Mixin of interfaces whose work a bootstrapper such as a MAAS region does by itself.

    What it does on a machine is begun once and then looked at; the region, not we, knows where it
    stands, so a repeated or resumed step asks first. ``verbs`` of flows are ``enroll``,
    ``commission``, ``allocate``, ``network``, ``storage``, ``platform``, ``deploy``, ``release``,
    ``rescue`` and ``unrescue``.
    """

    external = True

    def begin(self, channel: Channel, node: NodeView, verb: str,
              args: Mapping[str, Any]) -> Progress:
        """Begin ``verb``, unless it is under way or its end holds already.

        :raises HardwareError:
        """
        raise exceptions.Unsupported(f"this {self.kind} interface has no {verb}")

    def look(self, channel: Channel, node: NodeView, verb: str,
             args: Mapping[str, Any]) -> Progress:
        """Where a ``verb`` stands that was begun. Changes nothing.

        :param args: as given to :meth:`begin`; ``interrupted`` is true if nobody knows whether
            it was begun, and ``age`` how many seconds old the answer may be
        """
        raise exceptions.Unsupported(f"this {self.kind} interface has no {verb}")

    def collect(self, channel: Channel, node: NodeView, verb: str) -> Collected:
        """What the machine has told while ``verb`` was carried out. Changes nothing."""
        return Collected()


class DeployInterface(Interface):
    """How an image gets onto the disk. ``channel`` leads to the ramdisk agent.

    One that is also :class:`External` deploys without any of the methods below.
    """

    kind = "deploy"
    #: whether the node boots the deploy ramdisk for :meth:`start_image`
    needs_agent = True

    @abc.abstractmethod
    def get_steps(self, channel: Channel, node: NodeView, what: str) -> list[dict]:
        """Steps the agent offers: ``what`` is ``deploy`` or ``clean``; each
        ``{"interface", "step", "priority", "args"?}``."""

    @abc.abstractmethod
    def start_step(self, channel: Channel, node: NodeView, what: str, step: dict) -> None:
        """Start one agent step; it runs on by itself. ``step`` as from :meth:`get_steps`."""

    @abc.abstractmethod
    def start_image(self, channel: Channel, node: NodeView) -> None:
        """Start writing the image that ``node.instance_info`` names."""

    @abc.abstractmethod
    def command(self, channel: Channel, node: NodeView, name: str,
                step: dict | None = None) -> dict | None:
        """The newest command of that name the agent has run (for ``step``, if given), or None.

        ``{"name", "state": "running" | "succeeded" | "failed", "error": str | None, "result"}``.
        """

    @abc.abstractmethod
    def power_off(self, channel: Channel, node: NodeView) -> None:
        """Ask the agent to flush and power its machine off."""


class InspectInterface(Interface):
    kind = "inspect"
    #: whether the node boots the ramdisk, which reports the inventory
    needs_agent = False

    def inventory(self, channel: Channel, node: NodeView) -> dict:
        """What can be told without a ramdisk: an inventory as plain data."""
        raise exceptions.Unsupported("this inspect interface reads nothing out of band")


class NetworkInterface(Interface):
    kind = "network"

    @abc.abstractmethod
    def interrogate(self, channel: Channel, node: NodeView, port: PortView) -> dict:
        """How the switch port is set now: ``{"mode": "provisioning" | "production" | None}``."""

    @abc.abstractmethod
    def set_mode(self, channel: Channel, node: NodeView, port: PortView, mode: str) -> None:
        """Bring the switch port into ``provisioning`` or ``production`` mode."""


@dataclasses.dataclass(frozen=True)
class HardwareType:
    """A named set of interfaces, in order of preference: ``{kind: {name: interface}}``.

    Third parties register one under the entry point group ``provisioner.hardware_types``.
    """

    name: str
    description: str
    interfaces: Mapping[str, Mapping[str, Interface]]

    def default(self, kind: str) -> str | None:
        """Name of the first interface of that kind, or None."""
        return next(iter(self.interfaces.get(kind, {})), None)

    def interface(self, kind: str, name: str | None) -> Interface:
        """
        :raises InvalidSetting: if this type has no such interface
        """
        known = self.interfaces.get(kind, {})
        chosen = name or self.default(kind)
        if chosen is None or chosen not in known:
            raise exceptions.InvalidSetting(
                f"Hardware type {self.name} has no {kind} interface {chosen!r}.",
                remedy=f"Use one of: {', '.join(known) or 'none'}.")
        return known[chosen]

    def settings(self) -> dict[str, Setting]:
        """Every setting that any of the interfaces reads, by name."""
        return {setting.name: setting for named in self.interfaces.values()
                for interface in named.values() for setting in interface.settings}


_KINDS = {"str": str, "int": int, "bool": bool, "host": str, "port": int, "url": str,
          "choice": (str, int)}
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def parse(setting: Setting, value: Any) -> Any:
    """``value`` as the setting's type; numbers and booleans may come as text.

    :raises InvalidSetting:
    """
    try:
        if setting.kind in ("int", "port"):
            value = int(value)
        elif setting.kind == "bool" and not isinstance(value, bool):
            value = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}[
                str(value).lower()]
    except (ValueError, KeyError, TypeError):
        raise _wrong(setting, f"must be of type {setting.kind}") from None
    if not isinstance(value, _KINDS[setting.kind]) or value == "":
        raise _wrong(setting, f"must be of type {setting.kind}")
    if setting.kind == "port" and not 0 < value < 65536:
        raise _wrong(setting, "must be between 1 and 65535")
    if setting.choices and value not in setting.choices:
        raise _wrong(setting, f"must be one of {', '.join(map(str, setting.choices))}")
    return value


def _wrong(setting: Setting, what: str) -> exceptions.InvalidSetting:
    return exceptions.InvalidSetting(f"driver_info/{setting.name} {what}.", remedy=setting.help,
                                     setting=setting.name)


def check_settings(settings: Iterable[Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings' values with types applied and defaults filled in.

    :raises InvalidSetting: on the first that is missing or wrong
    """
    values = {}
    for setting in settings:
        if given.get(setting.name) is not None:
            values[setting.name] = parse(setting, given[setting.name])
        elif setting.required:
            raise _wrong(setting, "is missing")
        else:
            values[setting.name] = setting.default
    return values
