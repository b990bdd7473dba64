"""One machine: power, boot order, and the life it leads between power-on and power-off.

A life is one asyncio task (firmware, then agent or disk). Power off cancels it and takes the
disk's power in the same instant, so nothing is written afterwards, whatever was under way.
"""

import asyncio
import dataclasses

from provisioner.simulator.agent.service import Agent
from provisioner.simulator.bmc.boot import BootOptions
from provisioner.simulator.faults import Faults
from provisioner.simulator.firmware import Firmware


@dataclasses.dataclass(frozen=True)
class Identity:
    """:ivar index: from 1
    :ivar address: of the BMC, and of the agent while it runs
    """

    index: int
    name: str
    mac: str
    address: str

    @property
    def serial(self) -> str:
        return f"SIM{self.index:06d}"

    @property
    def wrong_mac(self) -> str:
        """A MAC like ours that nobody has enrolled."""
        return "52:54:00:ff" + self.mac[11:]


class Machine:
    """Made with :meth:`attach`, which gives it firmware and agent.

    :ivar power: ``on`` or ``off``, as the BMC reports it
    :ivar booted: ``disk``, ``agent`` or ``None``
    :ivar boots: how many lives it has had
    """

    def __init__(self, identity: Identity, disk, journal, faults: Faults | None = None):
        self.identity, self.disk = identity, disk
        self.faults = faults or Faults()
        self.boot_options = BootOptions()
        self.power, self.booted, self.boots = "off", None, 0
        self._journal = journal
        self._firmware = self._agent = self._life = None
        self._pending = set()

    def attach(self, firmware: Firmware, agent: Agent) -> None:
        self._firmware, self._agent = firmware, agent

    @property
    def mac(self) -> str:
        """The MAC that firmware and agent use."""
        return self.identity.wrong_mac if self.faults.wrong_mac else self.identity.mac

    def control(self, action: str) -> None:
        """Carry out a chassis control, after the delay that the machine's faults ask for.

        Never at once: the log shows the command before what comes of it.
        """
        loop = asyncio.get_running_loop()
        if self.faults.power_delay:
            handle = loop.call_later(self.faults.power_delay, self.act, action)
            self._pending = {one for one in self._pending if one.when() > loop.time()} | {handle}
        else:
            loop.call_soon(self.act, action)

    def act(self, action: str) -> None:
        """``on``, ``off``, ``cycle``, ``reset``, ``soft`` or ``diag``, now.

        ``soft`` needs a running system to listen to it. ``diag`` is an interrupt that the
        system shrugs off.
        """
        self._journal.write(f"power_{action}", args={"was": self.power}, changes=True)
        if action in ("off", "cycle", "reset") or (action == "soft" and self.booted):
            self._stop()
        if action in ("on", "cycle", "reset") and self.power == "off":
            self._start()

    def view(self) -> dict:
        """The machine as the control interface shows it."""
        flags = self.boot_options.describe()
        return {
            "name": self.identity.name, "index": self.identity.index, "mac": self.identity.mac,
            "address": self.identity.address, "power": self.power, "booted": self.booted,
            "boot_device": flags["device"], "boot_persistent": flags["persistent"],
            "boot_efi": flags["efi"], "boots": self.boots,
            "firmware": self._firmware.stage if self.power == "on" else "off",
            "disk": {"path": str(self.disk.path), "size": self.disk.size,
                     "bootable": self.disk.bootable()},
            "agent": self._agent.view(), "faults": self.faults.as_dict()}

    async def close(self) -> None:
        """The simulator ends: cut the power and wait until the life is over."""
        for handle in self._pending:
            handle.cancel()
        life = self._life
        self._stop()
        if life is not None:
            await asyncio.wait([life])

    def _start(self):
        self.power, self.disk.powered = "on", True
        self.boots += 1
        device = self.boot_options.consume()
        self._life = asyncio.get_running_loop().create_task(self._live(device, self._life))

    def _stop(self):
        self.power, self.booted, self.disk.powered = "off", None, False
        if self._life is not None:
            self._life.cancel()

    async def _live(self, device, previous):
        if previous is not None and not previous.done():
            await asyncio.wait([previous])
        booted = await self._firmware.boot(device)
        self.booted = booted.system
        if booted.system != "agent":
            return
        action = await self._agent.run(booted.parameters)
        asyncio.get_running_loop().call_soon(self._end, action, asyncio.current_task())

    def _end(self, action, life):
        """The agent has switched its own machine off; unless another life has begun meanwhile."""
        if self._life is life and self.power == "on":
            self.act(action)
