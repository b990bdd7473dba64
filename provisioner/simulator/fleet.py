"""All machines of one simulator: their names and addresses, their start and their end."""

import asyncio
import dataclasses
import ipaddress
import pathlib

import aiohttp

from provisioner.simulator.agent.service import Agent, AgentSettings
from provisioner.simulator.bmc.server import Bmc, BmcSettings
from provisioner.simulator.disk import Disk
from provisioner.simulator.faults import Faults
from provisioner.simulator.firmware import Firmware, FirmwareSettings
from provisioner.simulator.machine import Identity, Machine

_PER_BLOCK = 250


class FleetError(ValueError):
    """The machines asked for cannot be made."""


@dataclasses.dataclass(frozen=True)
class Naming:
    """How machines are called and where they are.

    :ivar network: first address block; machine i has network + 256 * (i // 250) + i % 250 + 1
    """

    network: ipaddress.IPv4Network = ipaddress.IPv4Network("127.77.0.0/16")
    name_format: str = "node-%03d"

    def identity(self, index: int) -> Identity:
        """:raises FleetError: no room for machine ``index``, or no number in the name format"""
        offset = 256 * (index // _PER_BLOCK) + index % _PER_BLOCK + 1
        address = self.network.network_address + offset
        if address not in self.network:
            raise FleetError(f"{self.network} has no room for machine {index}")
        mac = f"52:54:00:77:{index >> 8 & 0xFF:02x}:{index & 0xFF:02x}"
        try:
            name = self.name_format % index
        except (TypeError, ValueError) as error:
            raise FleetError(f"name format {self.name_format!r}: {error}") from error
        return Identity(index, name, mac, str(address))


@dataclasses.dataclass(frozen=True)
class FleetSettings:
    """What all machines have in common.

    :ivar disk_size: bytes
    """

    naming: Naming
    bmc: BmcSettings
    firmware: FirmwareSettings
    agent: AgentSettings
    bmc_port: int = 623
    disk_size: int = 64 << 20
    seed: int = 0


class Fleet:
    """``count`` machines, all off at first; :meth:`start` brings their BMCs up."""

    def __init__(self, count: int, settings: FleetSettings, state_dir, journal):
        self.settings, self.journal = settings, journal
        self._disks = pathlib.Path(state_dir) / "disks"
        self._identities = [settings.naming.identity(index) for index in range(1, count + 1)]
        self._transports = []
        self._http = None
        self.machines: dict[str, Machine] = {}
        self.bmcs: dict[str, Bmc] = {}

    async def start(self) -> None:
        """:raises OSError: an address or the BMC port cannot be bound"""
        self._disks.mkdir(parents=True, exist_ok=True)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        loop = asyncio.get_running_loop()
        for identity in self._identities:
            machine = self._make(identity)
            bmc = Bmc(machine, self.settings.bmc, self.journal.part(identity.name, "bmc"),
                      self.settings.seed)
            transport, _ = await loop.create_datagram_endpoint(
                lambda bmc=bmc: bmc, local_addr=(identity.address, self.settings.bmc_port))
            self._transports.append(transport)
            self.machines[identity.name], self.bmcs[identity.name] = machine, bmc

    async def stop(self) -> None:
        """Cut the power of every machine and free all addresses."""
        for transport in self._transports:
            transport.close()
        if self.machines:
            await asyncio.gather(*(machine.close() for machine in self.machines.values()))
        if self._http is not None:
            await self._http.close()

    def nodes(self) -> list[dict]:
        """What a client needs to reach each BMC."""
        user, password = next(iter(self.settings.bmc.users.items()))
        return [{"name": one.name, "mac": one.mac, "address": one.address,
                 "bmc_port": self.settings.bmc_port, "user": user, "password": password}
                for one in self._identities]

    def set_faults(self, changes: dict, chosen=None) -> None:
        """Change faults of the machines numbered in ``chosen``, of all when ``None``.

        :raises FaultError: a knob is unknown or cannot take its value; nothing is changed then
        :raises FleetError: a machine in ``chosen`` does not exist
        """
        machines = list(self.machines.values())
        if chosen is not None:
            missing = set(chosen) - {one.identity.index for one in machines}
            if missing:
                raise FleetError(f"no machine number {min(missing)}")
            machines = [one for one in machines if one.identity.index in chosen]
        for machine in machines:
            machine.faults.update(changes)

    def view(self, name: str) -> dict:
        """:raises KeyError: no such machine"""
        return {**self.machines[name].view(), "guid": self.bmcs[name].guid.hex(),
                "sessions": len(self.bmcs[name].sessions),
                "sessions_max": self.bmcs[name].sessions.most}

    def stats(self) -> dict:
        """Totals over all BMCs, each BMC, and how often each command or event was logged."""
        each = {name: bmc.stats() for name, bmc in self.bmcs.items()}
        total = {key: sum(one[key] for one in each.values())
                 for key in ("packets_in", "packets_out", "commands", "sessions")}
        most = max((one["sessions_max"] for one in each.values()), default=0)
        return {**total, "sessions_max": most, "bmcs": each,
                "log": dict(sorted(self.journal.counts.items()))}

    def _make(self, identity):
        settings, part = self.settings, self.journal.part
        disk = Disk(self._disks / f"{identity.name}.raw", settings.disk_size)
        machine = Machine(identity, disk, part(identity.name, "machine"), Faults())
        firmware = Firmware(machine, self._http, settings.firmware,
                            part(identity.name, "firmware"))
        agent = Agent(machine, self._http, settings.agent, part(identity.name, "agent"),
                      settings.seed)
        machine.attach(firmware, agent)
        return machine
