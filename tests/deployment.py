"""Real processes of the program for tests: started with a configuration of their own, and killed.

::

    with process([sys.executable, "-m", "provisioner_standalone", ...], log) as standalone:
        client = Client(standalone.url())
        client.run_site("deploy_nodes", digest)
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import requests

from provisioner.simulator import design

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 60
ENDED = ("succeeded", "failed", "cancelled", "parked")


class Process:
    """One process of the program. :ivar log: file with all it prints"""

    def __init__(self, command: list[str], log: pathlib.Path):
        self.command, self.log = command, log
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"})

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit status. Killed if it does not end."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGCONT)
        self._popen.terminate()
        try:
            return self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def process(command: list[str], log: pathlib.Path):
    """Run a process until the block is left."""
    one = Process(command, log)
    try:
        yield one
    finally:
        if one.running():
            one.stop()


def python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def write_config(path: pathlib.Path, sections: dict[str, dict]) -> pathlib.Path:
    """A configuration file."""
    lines = []
    for section, options in sections.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in options.items()), ""]
    path.write_text("\n".join(lines))
    return path


class Client:
    """The API as a test speaks it; patient with an API that is just starting."""

    def __init__(self, url: str):
        self.url = url
        self._session = requests.Session()

    def call(self, method: str, path: str, patience: float = START_SECONDS, **more):
        """The answer; connections refused or broken, and 503, are tried again for a while."""
        deadline = time.monotonic() + patience
        while True:
            try:
                answer = self._session.request(method, self.url + path, timeout=30, **more)
                if answer.status_code != 503 or time.monotonic() > deadline:
                    return answer
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def create_design(self, text: str) -> str:
        """Store a design; its digest."""
        answer = self.call("POST", "/api/v1.1/designs", data=text.encode(),
                           headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"]

    def start(self, action: str, digest: str, key: str, **args) -> str:
        """Ask for a site action; the task's uuid."""
        answer = self.call("POST", "/api/v1.1/tasks", headers={"Idempotency-Key": key}, json={
            "action": action, "site": "test", "design": digest, "args": args})
        assert answer.status_code == 202, answer.text
        return answer.json()["uuid"]

    def task(self, uuid: str) -> dict:
        answer = self.call("GET", f"/api/v1.1/tasks/{uuid}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, uuid: str, seconds: float) -> dict:
        """The task once it has ended."""
        deadline = time.monotonic() + seconds
        while (task := self.task(uuid))["state"] not in ENDED:
            assert time.monotonic() < deadline, f"{task['action']} has not ended: {task}"
            time.sleep(0.5)
        return task

    def run(self, action: str, digest: str, seconds: float = 120, **args) -> dict:
        """A site action from request to success."""
        task = self.wait(self.start(action, digest, f"{action}-{time.monotonic_ns()}", **args),
                         seconds)
        assert task["state"] == "succeeded", (task["error"], task["result"])
        return task

    def nodes(self) -> dict[str, dict]:
        """All nodes by name."""
        answer = self.call("GET", "/v1/nodes/detail", headers={
            "X-OpenStack-Ironic-API-Version": "1.78"})
        return {node["name"]: node for node in answer.json()["nodes"]}


def site_of(fleet, network: str = "127.0.0.0/8") -> tuple[str, str]:
    """Documents for a simulated fleet, and the image's SHA-256."""
    digest = design.image_digest(f"{fleet.images}/demo-os.raw")
    return design.design(fleet.nodes, fleet.images, digest, network), digest


def assert_deployed(fleet, client: Client, digest: str, size: int = 8 << 20) -> None:
    """Every node is active and booted from a disk that carries the image."""
    states = {name: node["provision_state"] for name, node in client.nodes().items()}
    assert set(states.values()) == {"active"}, states
    for machine in fleet.nodes:
        disk = fleet.control("GET", f"/machines/{machine['name']}/disk?bytes={size}")
        assert disk["sha256"] == digest, machine["name"]
        assert fleet.wait(machine["name"], booted="disk")["power"] == "on"
