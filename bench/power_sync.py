"""Power sync of a simulated fleet: this project's IPMI client beside ipmitool and pyghmi.

All clients read the power state of the same fleet in the same run, one after the other, each in a
process of its own. Compare the rows of one table with each other; seconds say little on another
host. Run from the top of the source tree, with ``ipmitool`` installed::

    python -m bench.power_sync [--nodes 200 1000] [--dead 10]
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

from pyghmi import exceptions as pyghmi_exceptions
from pyghmi.ipmi import command as pyghmi

from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.rmcp import RmcpPool
from provisioner.drivers.ipmi import IpmiPower
from tests import simulated

_WIDE = 8
_COLUMNS = ("BMCs", "dead", "client", "pass", "seconds", "last live", "read", "CPU s",
            "packets/BMC", "most sessions/BMC", "left open", "MiB more")


@dataclasses.dataclass(frozen=True)
class Pass:
    """One reading of the whole fleet.

    :ivar seconds: until every answer or error was there
    :ivar last_live: seconds until the last state of a live machine was known
    :ivar read: how many states were read
    :ivar cpu: seconds of the client's processes
    :ivar memory: MiB that the client's own process has grown by since it had imported everything
    """

    name: str
    seconds: float
    last_live: float
    read: int
    cpu: float
    memory: float


class Stopwatch:
    """Times one pass; each state that was read is reported by :meth:`answered`."""

    def __init__(self, name: str):
        self.name = name
        self._arrived = []
        self._cpu, self._start = _cpu(), time.monotonic()

    def answered(self) -> None:
        self._arrived.append(time.monotonic() - self._start)

    def stop(self) -> Pass:
        seconds = time.monotonic() - self._start
        return Pass(self.name, seconds, max(self._arrived, default=0.0), len(self._arrived),
                    _cpu() - self._cpu, _peak() - _AT_START)


def _cpu() -> float:
    usages = [resource.getrusage(who)
              for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_AT_START = _peak()


def ours(nodes, report) -> None:
    """The driver's bulk read: once with logins, once in the sessions that are open by then."""
    pool, power = RmcpPool(Clock()), IpmiPower()
    views = [base.NodeView(node["name"], node["name"], {
        "ipmi_address": node["address"], "ipmi_port": node["bmc_port"],
        "ipmi_username": node["user"], "ipmi_password": node["password"]}) for node in nodes]
    for name in ("login", "kept"):
        _read_all(pool, power, views, Stopwatch(name), report)
    pool.close()


def _read_all(pool, power, views, watch, report) -> None:
    def received(_, value):
        if isinstance(value, str):
            watch.answered()
    power.read_many(pool, views, received)
    report(watch.stop())


def ipmitool(nodes, report) -> None:
    """A process per query, eight at a time; its suite is given, to spare it the search."""
    watch = Stopwatch("login")

    def query(node):
        done = subprocess.run(
            ["ipmitool", "-I", "lanplus", "-C", "17", "-H", node["address"], "-p",
             str(node["bmc_port"]), "-U", node["user"], "-P", node["password"], "power", "status"],
            capture_output=True, text=True)
        if "Chassis Power is" in done.stdout:
            watch.answered()
    with concurrent.futures.ThreadPoolExecutor(_WIDE) as threads:
        list(threads.map(query, nodes))
    report(watch.stop())


def pyghmi_threads(nodes, report) -> None:
    """Eight threads; logins first, then the same sessions again."""
    sessions = []

    def login(node):
        session = pyghmi.Command(bmc=node["address"], port=node["bmc_port"],
                                 userid=node["user"], password=node["password"])
        session.get_power()
        sessions.append(session)
    _in_threads(login, nodes, Stopwatch("login"), report)
    _in_threads(lambda session: session.get_power(), list(sessions), Stopwatch("kept"), report)


def _in_threads(query, items, watch, report) -> None:
    def one(item):
        with contextlib.suppress(pyghmi_exceptions.PyghmiException):
            query(item)
            watch.answered()
    with concurrent.futures.ThreadPoolExecutor(_WIDE) as threads:
        list(threads.map(one, items))
    report(watch.stop())


CLIENTS = {"provisioner": ours, f"pyghmi, {_WIDE} threads": pyghmi_threads,
           f"ipmitool, {_WIDE} wide": ipmitool}


def _measure(client, nodes, pipe) -> None:
    """Runs in a process of its own, so that CPU and memory are the client's alone."""
    def report(one):
        pipe.send(one)
        pipe.recv()
    CLIENTS[client](nodes, report)
    pipe.send(None)


def _passes(client, nodes):
    """The passes of one client; the next begins when the reader asks for it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measure, args=(client, nodes, there))
    process.start()
    there.close()
    while one := here.recv():
        yield one
        here.send("go on")
    process.join()


def compare(count: int, dead: int, folder: pathlib.Path) -> list[tuple]:
    """Table rows of all clients on ``count`` BMCs, ``dead`` of them silent and spread evenly."""
    step = count // dead if dead else count + 1
    chosen = ",".join(str(number) for number in range(step, count + 1, step))
    faults = ("--fault-on", f"{chosen}:mute=true") if dead else ()
    rows = []
    for client in CLIENTS:
        # A fresh fleet each: what one client leaves behind must not be counted for the next.
        with simulated.fleet(count, folder, args=("--log", "/dev/null", *faults)) as fleet:
            rows += _rows((count, dead, client), client, fleet)
    return rows


def _rows(head, client, fleet) -> list[tuple]:
    rows, before = [], 0
    for one in _passes(client, fleet.nodes):
        stats = fleet.control("GET", "/stats")
        packets = stats["packets_in"] + stats["packets_out"]
        rows.append((*head, one.name, f"{one.seconds:.2f}", f"{one.last_live:.2f}", one.read,
                     f"{one.cpu:.2f}", f"{(packets - before) / head[0]:.1f}",
                     max(bmc["sessions_max"] for bmc in stats["bmcs"].values()),
                     f"{one.memory:.0f}"))
        before = packets
    left = fleet.control("GET", "/stats")["sessions"]
    return [(*row[:-1], left if row is rows[-1] else "", row[-1]) for row in rows]


def table(rows) -> str:
    """The rows as a Markdown table."""
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[200, 1000], metavar="N",
                        help="sizes of the fleets (default 200 1000)")
    parser.add_argument("--dead", type=int, default=10, metavar="N",
                        help="silent BMCs in a second run of the first size (default 10)")
    options = parser.parse_args()
    if not shutil.which("ipmitool"):
        parser.error("ipmitool is not installed")
    cases = [(options.nodes[0], 0), (options.nodes[0], options.dead),
             *((count, 0) for count in options.nodes[1:])]
    print(table(()))
    with tempfile.TemporaryDirectory() as folder:
        for number, (count, dead) in enumerate(cases):
            place = pathlib.Path(folder, str(number))
            place.mkdir()
            print(*table(compare(count, dead, place)).split("\n")[2:], sep="\n", flush=True)


if __name__ == "__main__":
    main()
