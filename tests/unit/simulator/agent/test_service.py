"""An agent inside the test's own event loop, where the moment of a power cut can be chosen."""

import asyncio

import aiohttp
import pytest

from provisioner.simulator.agent.service import Agent, AgentSettings
from provisioner.simulator.disk import Disk
from provisioner.simulator.journal import Journal
from provisioner.simulator.machine import Identity, Machine

NODE = {"name": "node-001", "mac": "52:54:00:77:00:01"}


async def nothing():
    return None


async def cut_power_after(turns, machine, api):
    """Whether the agent is gone after a power cut ``turns`` turns of the loop after a command."""
    before = len(api.beats)
    async with aiohttp.ClientSession() as http:
        agent = Agent(machine, http, AgentSettings(port=0, heartbeat=3600),
                      Journal().part("node-001", "agent"))
        life = asyncio.create_task(agent.run({"ipa-api-url": api.url}))
        await asyncio.to_thread(api.wait, lambda: len(api.beats) > before, "heartbeat")
        while not agent.view()["heartbeats"]:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        agent.commands.start("sync", {}, nothing)
        for _ in range(turns):
            await asyncio.sleep(0)
        life.cancel()
        done, _ = await asyncio.wait([life], timeout=5)
        return bool(done)


@pytest.mark.parametrize("turns", range(8))
def test_power_cut_is_never_swallowed(api, tmp_path, turns):
    """Not even when it comes together with the heartbeat that a command has made due."""
    api.macs[NODE["mac"]] = NODE["name"]
    api.heartbeat_timeout = 3600
    journal = Journal().part("node-001", "machine")
    machine = Machine(Identity(1, NODE["name"], NODE["mac"], "127.0.0.1"),
                      Disk(tmp_path / "disk", 4096), journal)
    assert asyncio.run(asyncio.wait_for(cut_power_after(turns, machine, api), 30))
