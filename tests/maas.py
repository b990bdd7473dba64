"""A simulated MAAS region for tests, in this process or in one of its own.

::

    with serving(Region([...])) as served:          # the test may look into the region
        requests.get(served.url + "/api/2.0/version/")
    with process(3, tmp_path) as simulator:         # only through its control interface
        simulator.control("PATCH", "/faults", {"rack_down": True})
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time

import requests
from aiohttp import web

from provisioner.simulator.maas import app
from provisioner.simulator.maas.region import Region

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_STOP_SECONDS = 20
_NONCES = itertools.count()


@dataclasses.dataclass
class Served:
    """A region behind a socket of this process. :ivar url: ends in ``/MAAS``"""

    region: Region
    url: str

    @property
    def api_key(self) -> str:
        return self.region.tokens[0].api_key


def signature(api_key: str, secret: str | None = None, timestamp: float | None = None,
              nonce: str | None = None) -> dict[str, str]:
    """The header that signs one request."""
    consumer, token, own = api_key.split(":")
    fields = {"oauth_version": "1.0", "oauth_signature_method": "PLAINTEXT",
              "oauth_consumer_key": consumer, "oauth_token": token,
              "oauth_signature": f"%26{secret or own}",
              "oauth_nonce": nonce or f"n{next(_NONCES)}",
              "oauth_timestamp": str(int(timestamp or time.time()))}
    return {"Authorization": "OAuth " + ", ".join(
        f'{name}="{value}"' for name, value in fields.items())}


@contextlib.contextmanager
def serving(region: Region):
    """Serve the region from a thread until the block is left."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app.application(region), access_log=None, shutdown_timeout=0.1)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    url = "http://{}:{}/MAAS".format(*runner.addresses[0][:2])
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Served(region, url)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()


@dataclasses.dataclass
class Simulator:
    """The simulator as a process. :ivar nodes: name, mac, bmc and nics of each machine"""

    popen: subprocess.Popen
    url: str
    api_key: str
    nodes: list
    where: str

    def control(self, method: str, path: str, body=None):
        """The JSON answer of the control interface."""
        answer = requests.request(method, self.where + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def machine(self, name: str) -> dict:
        return self.control("GET", f"/machines/{name}")

    def status(self, name: str) -> str | None:
        """Name of the machine's status in the region; None if it has no record."""
        record = self.machine(name)["record"]
        return record and record["status_name"]

    def requests(self) -> dict:
        return self.control("GET", "/stats")["requests"]


@contextlib.contextmanager
def process(nodes: int, tmp_path: pathlib.Path, *args: str):
    """Run the simulator until the block is left. :param args: further options"""
    with open(tmp_path / "maas.err", "ab") as errors:
        popen = subprocess.Popen(
            [sys.executable, "-m", "provisioner.simulator.maas.main", "--nodes", str(nodes),
             "--control", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE, stderr=errors, cwd=_ROOT)
    try:
        ready = json.loads(popen.stdout.readline())
        yield Simulator(popen, ready["url"], ready["api_key"], ready["nodes"], ready["control"])
    finally:
        popen.terminate()
        popen.wait(_STOP_SECONDS)
        popen.stdout.close()
