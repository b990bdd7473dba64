"""The drivers together on a simulated machine: network boot, agent, image, disk boot.

What the engine does is done here by hand, call by call, so that each driver meets the firmware and
the agent that it has to get along with.
"""

import contextlib
import hashlib

import pytest

from provisioner import exceptions, states
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.agent import AgentPool
from provisioner.drivers.clients.rmcp import RmcpPool
from provisioner.drivers.deploy.direct import WRITE_IMAGE
from provisioner.drivers.ipmi import IpmiHardware
from tests import simulated
from tests.unit.drivers.channels import DirectChannel
from tests.unit.simulator.fake_api import TOKEN, fake_api

IMAGE = b"operating system" * 4096
POWER, MANAGEMENT, BOOT, DEPLOY = (IpmiHardware.interface(kind, None)
                                   for kind in ("power", "management", "boot", "deploy"))


class Site:
    """One machine, the API that it calls, and channels to its BMC and its agent."""

    def __init__(self, api, fleet, rmcp):
        self.api, self.fleet, self.machine = api, fleet, fleet.nodes[0]
        self.images = fleet.images
        driver_info = {
            "ipmi_address": self.machine["address"], "ipmi_port": self.machine["bmc_port"],
            "ipmi_username": self.machine["user"], "ipmi_password": self.machine["password"],
            "deploy_kernel": f"{self.images}/deploy.kernel",
            "deploy_ramdisk": f"{self.images}/deploy.ramdisk", "kernel_append_params": "quiet"}
        self.node = base.NodeView(
            "uuid-" + self.machine["name"], self.machine["name"], driver_info,
            instance_info={"image_source": f"{self.images}/test-os.raw",
                           "image_checksum": hashlib.sha256(IMAGE).hexdigest()},
            ports=(base.PortView(self.machine["mac"]),))
        self.bmc = DirectChannel(rmcp.transport(driver_info))

    def boot_agent(self):
        """Boot the ramdisk; the channel to its agent, once that has reported."""
        boot = base.RamdiskBoot(self.api.url)
        self.api.macs[self.machine["mac"]] = self.machine["name"]
        self.api.scripts[self.machine["mac"].replace(":", "-")] = BOOT.ramdisk_script(self.node,
                                                                                      boot)
        MANAGEMENT.set_boot_device(self.bmc, self.node, "pxe", False)
        POWER.set_power_state(self.bmc, self.node, states.POWER_ON)
        url = self.api.wait_beat(self.machine)["callback_url"]
        settings = {"agent_url": url, "agent_token": TOKEN}
        return DirectChannel(AgentPool(Clock()).transport(settings))

    def boot_disk(self):
        self.api.scripts[self.machine["mac"].replace(":", "-")] = BOOT.local_script(self.node)
        MANAGEMENT.set_boot_device(self.bmc, self.node, "disk", True)
        POWER.set_power_state(self.bmc, self.node, states.POWER_ON)


@pytest.fixture
def site(tmp_path):
    images = tmp_path / "files"
    images.mkdir()
    (images / "test-os.raw").write_bytes(IMAGE)
    with contextlib.closing(RmcpPool(Clock(), pause=0.1)) as rmcp, fake_api() as api:
        args = ("--boot-url", f"{api.url}/boot/{{mac}}.ipxe", "--images-dir", str(images),
                "--fault", "boot_delay=0.05")
        with simulated.fleet(1, tmp_path, args=args) as fleet:
            yield Site(api, fleet, rmcp)


def _ended(site, agent, name, step):
    def look():
        found = DEPLOY.command(agent, site.node, name, step)
        return found if found and found["state"] != "running" else None
    return look


def test_a_machine_is_deployed_from_power_on_to_its_own_disk(site, eventually):
    agent = site.boot_agent()
    DEPLOY.start_image(agent, site.node)
    ended = eventually(_ended(site, agent, "execute_deploy_step", WRITE_IMAGE), 30)
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    disk = site.fleet.control("GET", f"/machines/{site.machine['name']}/disk?bytes={len(IMAGE)}")
    assert disk["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    DEPLOY.power_off(agent, site.node)
    eventually(lambda: POWER.get_power_state(site.bmc, site.node) == states.POWER_OFF, 30)
    site.boot_disk()
    site.fleet.wait(site.machine["name"], booted="disk")


def test_a_corrupted_download_is_a_failed_command_that_says_why(site, eventually):
    agent = site.boot_agent()
    site.fleet.faults(site.machine["name"], bad_checksum=True)
    DEPLOY.start_image(agent, site.node)
    ended = eventually(_ended(site, agent, "execute_deploy_step", WRITE_IMAGE), 30)
    assert ended["state"] == "failed" and "checksum" in ended["error"].lower()


def test_cleaning_runs_the_steps_that_the_agent_offers(site, eventually):
    agent = site.boot_agent()
    steps = {step["step"]: step for step in DEPLOY.get_steps(agent, site.node, "clean")}
    step = steps["erase_devices_metadata"]
    assert DEPLOY.command(agent, site.node, "execute_clean_step", step) is None
    DEPLOY.start_step(agent, site.node, "clean", step)
    assert eventually(_ended(site, agent, "execute_clean_step", step), 30)["state"] == "succeeded"


def test_another_token_is_a_refused_login(site):
    site.boot_agent()
    url = site.api.beats[0]["callback_url"]
    stranger = DirectChannel(AgentPool(Clock()).transport({"agent_url": url,
                                                           "agent_token": "other"}))
    with pytest.raises(exceptions.LoginRefused):
        DEPLOY.command(stranger, site.node, "execute_deploy_step")


def test_an_agent_that_died_is_unreachable(site, eventually):
    agent = site.boot_agent()
    POWER.set_power_state(site.bmc, site.node, states.POWER_OFF)

    def gone():
        try:
            DEPLOY.command(agent, site.node, "execute_deploy_step")
        except exceptions.Unreachable:
            return True
        return False
    eventually(gone)
    with pytest.raises(exceptions.Unreachable):
        DEPLOY.start_image(agent, site.node)
