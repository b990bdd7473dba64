"""A simulated fleet for tests: starts the simulator as a process of its own and speaks to it.

::

    with fleet(3, tmp_path) as machines:
        machines.nodes[0]["address"]
        machines.control("PATCH", "/machines/node-001/faults", {"mute": True})
        machines.log()
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

BMC_PORT = 6230
_START_SECONDS = 60
_STOP_SECONDS = 20
_STARTS = 5
_ROOT = pathlib.Path(__file__).resolve().parent.parent


class SimulatorError(Exception):
    """The simulator did not start, or refused a request of the test."""


class Fleet:
    """A running simulator.

    :ivar nodes: list of name, mac, address, bmc_port, user, password
    :ivar images: base URL of the images, such as ``<images>/demo-os.raw``
    :ivar process: the :class:`subprocess.Popen`
    """

    def __init__(self, process, ready, log_path):
        self.process, self._log_path = process, log_path
        self.nodes, self.images = ready["nodes"], ready["images"]
        self._control = ready["control"]

    def control(self, method: str, path: str, body=None):
        """The JSON answer of the control interface.

        :raises SimulatorError: any status other than 200
        """
        connection = self._connection()
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise SimulatorError(f"{method} {path}: {response.status} {answer}")
        return answer

    def machine(self, name: str) -> dict:
        return self.control("GET", f"/machines/{name}")

    def faults(self, name: str, **changes) -> dict:
        return self.control("PATCH", f"/machines/{name}/faults", changes)

    def wait(self, name: str, seconds: float = 20, **wanted) -> dict:
        """The machine, once all of ``wanted`` (``power="on", booted="agent"``) holds.

        :raises SimulatorError: it did not come to hold in ``seconds``
        """
        deadline = time.monotonic() + seconds
        while True:
            machine = self.machine(name)
            if all(machine[key] == value for key, value in wanted.items()):
                return machine
            if time.monotonic() > deadline:
                raise SimulatorError(f"{name} is not {wanted} after {seconds} s: {machine}")
            time.sleep(0.02)

    def log(self, **wanted) -> list[dict]:
        """All lines so far, in order; only those where each of ``wanted`` holds."""
        lines = self._log_path.read_text().split("\n")[:-1]
        records = [json.loads(line) for line in lines]
        return [one for one in records
                if all(one[key] == value for key, value in wanted.items())]

    def _connection(self):
        if self._control.startswith("unix:"):
            return _UnixConnection(self._control.removeprefix("unix:"))
        return http.client.HTTPConnection(urllib.parse.urlsplit(self._control).netloc, timeout=30)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file, which reaches into any network namespace."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@contextlib.contextmanager
def fleet(nodes: int, tmp_path, *, namespace: str | None = None, args=()):
    """Run the simulator with ``nodes`` machines until the block is left.

    :param tmp_path: directory for its log, disks and images
    :param namespace: network namespace to run it in; the addresses must be local there
    :param args: further options, which win over ours (``--network``, ``--bmc-port``, ...)
    """
    tmp_path = pathlib.Path(tmp_path)
    log_path = tmp_path / "simulator.log"
    log_path.touch()
    with contextlib.ExitStack() as stack:
        control = "127.0.0.1:0"
        if namespace:
            folder = tempfile.mkdtemp(prefix="simulator-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            control = f"unix:{folder}/control"
        command = [*(["ip", "netns", "exec", namespace] if namespace else []),
                   sys.executable, "-m", "provisioner.simulator.main", "--nodes", str(nodes),
                   "--state-dir", str(tmp_path / "simulator"), "--log", str(log_path),
                   "--control", control, "--images", "127.0.0.1:0",
                   "--bmc-port", str(BMC_PORT)]
        process, ready = _start(command, nodes, list(args), tmp_path / "simulator.err")
        stack.callback(_stop, process)
        yield Fleet(process, ready, log_path)


def _network(nodes):
    """A random block of loopback addresses, so that fleets of parallel tests do not meet."""
    blocks = nodes // 250 + 1
    prefix = 24 - (blocks - 1).bit_length()
    second, third = random.SystemRandom().randrange(64, 250), os.getpid() % 256
    third = (third ^ random.SystemRandom().randrange(256)) >> (24 - prefix) << (24 - prefix)
    return f"127.{second}.{third}.0/{prefix}"


def _start(command, nodes, args, errors_path):
    """The process and its ready line; tries other addresses when some are taken."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    for _ in range(_STARTS):
        with open(errors_path, "ab") as errors:
            process = subprocess.Popen([*command, "--network", _network(nodes), *args],
                                       stdout=subprocess.PIPE, stderr=errors, cwd=_ROOT,
                                       env=environment)
        line = _read_line(process)
        if line:
            return process, json.loads(line)
        _stop(process)
    raise SimulatorError(f"the simulator did not start: {errors_path.read_text()}")


def _read_line(process):
    """Its first line, or ``b""`` when it ended or took too long."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(_START_SECONDS) else b""


def _stop(process):
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
