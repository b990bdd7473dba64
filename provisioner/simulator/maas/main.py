"""``provisioner-maas-simulator``: the command line, and the start and end of the process."""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import pathlib
import signal
import sys

from aiohttp import web

from provisioner.simulator.maas import app, control
from provisioner.simulator.maas.faults import FaultError
from provisioner.simulator.maas.machine import Power
from provisioner.simulator.maas.plant import hardware
from provisioner.simulator.maas.region import Pace, Region

_DESCRIPTION = """\
Simulate a MAAS region: its REST API 2.0 over machines that are commissioned, deployed and released
in seconds. Prints one JSON line when it is up; ends on SIGTERM or SIGINT."""


def main(argv=None) -> int:
    """Run until told to end; the exit status."""
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_serve(options))
    except (FaultError, OSError, ValueError) as error:
        print(f"provisioner-maas-simulator: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="provisioner-maas-simulator", description=_DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=3, metavar="N", help="machines (default 3)")
    parser.add_argument("--name-format", default="node-%03d", metavar="FORMAT",
                        help="name by number (default node-%%03d)")
    parser.add_argument("--enlisted", action="store_true",
                        help="the region knows the machines already, as New")
    parser.add_argument("--subnet", action="append", default=[], type=_subnet,
                        metavar="CIDR[@VID][=GATEWAY]",
                        help="a subnet of the site; may be repeated (default 10.64.0.0/16)")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT",
                        help="port 0 takes a free one (default 127.0.0.1:0)")
    parser.add_argument("--control", metavar="HOST:PORT", help="control interface (default none)")
    parser.add_argument("--pace", action="append", default=[], type=_pace, metavar="WHAT=SECONDS",
                        help="how long " + ", ".join(Pace.__annotations__) + " take")
    parser.add_argument("--fault", action="append", default=[], type=_fault, metavar="NAME=VALUE",
                        help="a fault of the region, value as JSON; may be repeated")
    parser.add_argument("--write-nodes", type=pathlib.Path, metavar="FILE",
                        help="write name, MAC and BMC address of each machine as JSON")
    parser.add_argument("--seed", type=int, default=0, help="of ids and keys (default 0)")
    return parser


def _subnet(text: str) -> tuple[str, int, str | None]:
    rest, _, gateway = text.partition("=")
    cidr, _, vid = rest.partition("@")
    return cidr, int(vid or 0), gateway or None


def _pace(text: str) -> tuple[str, float]:
    name, _, seconds = text.partition("=")
    if name not in Pace.__annotations__:
        raise argparse.ArgumentTypeError(f"nothing is called {name!r}")
    return name, float(seconds)


def _fault(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def build(options: argparse.Namespace) -> Region:
    """The region that the command line describes."""
    plant = [hardware(index, options.name_format) for index in range(1, options.nodes + 1)]
    region = Region(plant, Pace(**dict(options.pace)), options.seed)
    region.faults.update(dict(options.fault))
    fabric = region.site.add_fabric("site")
    for cidr, vid, gateway in options.subnet or [("10.64.0.0/16", 0, "10.64.0.1")]:
        vlan = region.site.vlan_of(fabric, vid) or region.site.add_vlan(fabric, vid, str(vid))
        region.site.add_subnet(cidr, cidr, vlan, gateway_ip=gateway)
    if options.enlisted:
        for one in plant:
            region.add_machine(one.name, [one.mac], Power("ipmi", {
                "power_address": one.bmc, "power_user": "maas", "power_pass": "maas"}))
    return region


def _nodes(region: Region) -> list[dict]:
    return [{"name": one.name, "mac": one.mac, "bmc": one.bmc,
             "nics": [dataclasses.asdict(nic) for nic in one.nics]} for one in region.plant]


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    region = build(options)
    async with contextlib.AsyncExitStack() as stack:
        url = await _listen(stack, app.application(region), options.listen)
        where = await _listen(stack, control.application(region), options.control) \
            if options.control else None
        nodes = _nodes(region)
        ready = {"ready": True, "url": f"{url}/MAAS", "api_key": region.tokens[0].api_key,
                 "control": where, "nodes": nodes}
        if options.write_nodes:
            options.write_nodes.write_text(json.dumps(
                {key: ready[key] for key in ("url", "api_key", "nodes")}, indent=2) + "\n")
        print(json.dumps(ready), flush=True)
        await stop.wait()


async def _listen(stack: contextlib.AsyncExitStack, served: web.Application, where: str) -> str:
    """Serve at HOST:PORT; the URL."""
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, separator, port = where.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"expected HOST:PORT, not {where!r}")
    await web.TCPSite(runner, host, int(port)).start()
    return "http://{}:{}".format(*runner.addresses[0][:2])


if __name__ == "__main__":
    sys.exit(main())
