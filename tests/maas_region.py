"""A MAAS region in a simulated cluster: on the cluster's clock, reached without a socket.

The client is the real one; only what carries its requests is replaced, so that what was sent is
known by who sent it, and that a process can die just before and just after it.
"""

import copy
import dataclasses
import io
import re

import requests
import urllib3
from requests.adapters import BaseAdapter

from provisioner.drivers.clients.maas import before_writing
from provisioner.simulator.maas import machine as m
from provisioner.simulator.maas.app import Front, Incoming
from provisioner.simulator.maas.lifecycle import discover
from provisioner.simulator.maas.machine import LABELS, Power
from provisioner.simulator.maas.plant import hardware
from provisioner.simulator.maas.region import Pace, Region

URL = "http://maas.invalid/MAAS"
#: of the first node of a cluster
MAC = "52:54:00:00:00:01"
SUBNET = "10.64.0.0/16"
#: how a node is to be set up: a bond with a static address, and its root on LVM
LAYOUT = {
    "network": [
        {"name": "eth0", "kind": "physical", "slaves": [{"name": "eth0"}], "networks": [
            {"cidr": SUBNET, "mode": "static", "address": "10.64.0.9", "gateway": True}]},
        {"name": "bond0", "kind": "bond", "bond": {"mode": "802.3ad"}, "networks": [],
         "slaves": [{"name": "eth1"}, {"name": "eth2"}]}],
    "storage": {
        "devices": [{"device": {"name": "sda"}, "boot": True, "partitions": [
            {"name": "boot", "size": {"bytes": 10**9}, "filesystem": {"mountpoint": "/boot"}},
            {"name": "pv", "size": None, "volume_group": "vg0"}]}],
        "volume_groups": [{"name": "vg0", "logical_volumes": [
            {"name": "root", "size": None, "filesystem": {"mountpoint": "/"}}]}]},
    "platform": {"image": "jammy", "kernel_params": "console=ttyS0", "tags": ["fast"]}}
_MACHINE = re.compile(r"/(?:machines|nodes)/([a-z0-9]{6})/")


def region(clock) -> Region:
    """A region with one machine in its racks, which it does not know yet."""
    plant = hardware(1)
    plant.nics = (dataclasses.replace(plant.nics[0], mac=MAC), *plant.nics[1:])
    found = Region([plant], Pace(commissioning=8, deploying=8, releasing=8, erasing=8,
                                       rescue=8), clock=lambda: clock.utcnow().timestamp())
    vlan = found.site.vlan_of(found.site.add_fabric("site"), 0)
    found.site.add_subnet("pxe", SUBNET, vlan, gateway_ip="10.64.0.1")
    return found


def copy_of(old: Region, clock) -> Region:
    """The same region on another clock, at this moment."""
    kept, old._clock = old._clock, None
    try:
        new = copy.deepcopy(old)
    finally:
        old._clock = kept
    new._clock = lambda: clock.utcnow().timestamp()
    return new


def enlist(on: Region, status: str, owner: str | None = None) -> m.Machine:
    """The machine, known to the region and in that status.

    :param owner: uuid of the node whose instance it has
    """
    plant = on.plant[0]
    machine = on.add_machine("machine", [plant.mac], Power(
        "ipmi", {"power_address": plant.bmc}, "off"))
    machine.life.status = LABELS[status]
    if status == "new":
        return machine
    machine.known = True
    discover(on, machine, set())
    if status in ("deployed", "rescue_mode"):
        machine.owner, machine.hardware.power = "admin", True
        machine.life.before = m.DEPLOYED
        machine.annotations = {"provisioner_node": owner}
    return machine


def settings(on: Region) -> dict:
    """``driver_info`` of a node of the region."""
    return {"maas_url": URL, "maas_api_key": on.tokens[0].api_key, "maas_power_type": "ipmi",
            "maas_power_address": on.plant[0].bmc}


class Adapter(BaseAdapter):
    """Carries requests of one process to the region of a world."""

    def __init__(self, world, sender):
        super().__init__()
        self._world, self._sender = world, sender

    def send(self, request, **more):
        changes = request.method != "GET"
        found = _MACHINE.search(request.url)
        what = f"{request.method} {request.path_url.partition('/2.0/')[2]}"
        return self._world.exchange(self._sender, found.group(1) if found else "region", what,
                                    changes, lambda: self._send(request))

    def _send(self, request):
        before_writing()
        headers = {name: value if isinstance(value, str) else value.decode()
                   for name, value in request.headers.items()}
        status, told, body = Front(self._world.region).answer(Incoming(
            request.method, request.path_url, headers.get("Authorization"),
            headers.get("Content-Type", ""), request.body or b""))
        answer = requests.Response()
        answer.status_code = status
        answer.headers.update(told)
        answer.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        return answer

    def close(self):
        """Nothing is kept open."""
