"""``provisioner-simulator``: the command line, and the start and end of the process."""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import pathlib
import resource
import signal
import sys
import tempfile

from aiohttp import web

from provisioner.simulator import control, images
from provisioner.simulator.agent.service import AgentSettings
from provisioner.simulator.bmc.rmcp import SUITES
from provisioner.simulator.bmc.server import BmcSettings
from provisioner.simulator.faults import FaultError, parse_fault, parse_selected_fault
from provisioner.simulator.firmware import FirmwareSettings
from provisioner.simulator.fleet import Fleet, FleetError, FleetSettings, Naming
from provisioner.simulator.journal import Journal

_DESCRIPTION = """\
Simulate a fleet of machines: each has an IPMI 2.0 BMC on an address of its own, firmware that
boots from the network, a disk file, and a ramdisk agent. Prints one JSON line when all are up;
ends on SIGTERM or SIGINT."""

_EPILOG = """\
faults (NAME=VALUE, values as JSON):
  boot_delay=SECONDS      between a fetched kernel and a running agent (0.5)
  loss=0..1               part of the BMC's datagrams lost each way
  ack_without_doing=N     power commands acknowledged but not carried out; -1: all
  power_delay=SECONDS     until a power command takes effect
  mute=true|SECONDS       the BMC does not answer
  sessions_full=true      the BMC has no session left
  wrong_mac=true          firmware and agent use another MAC
  agent_dies_at=BYTES     the agent hangs after so many bytes of an image, once
  bad_checksum=true       downloads arrive corrupted
  refuse=CODE             completion code that answers each chassis control, e.g. 192
  agent_mute=true|SECONDS the agent neither beats nor answers
  disk_fail=true          every write to the disk fails

examples:
  provisioner-simulator --nodes 5 --images 127.0.0.1:8088 --control 127.0.0.1:8089
  provisioner-simulator --nodes 200 --log fleet.log --fault boot_delay=2 --fault-on 3,7-9:mute=true
"""


def main(argv=None) -> int:
    """Run until told to end; the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    _raise_file_limit()
    try:
        asyncio.run(_serve(options))
    except (FleetError, FaultError, OSError) as error:
        print(f"provisioner-simulator: {error}", file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="provisioner-simulator", description=_DESCRIPTION, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_fleet_options(parser)
    _add_service_options(parser)
    return parser


def _add_fleet_options(parser):
    group = parser.add_argument_group("machines")
    group.add_argument("--nodes", type=int, default=3, metavar="N", help="machines (default 3)")
    group.add_argument("--network", type=ipaddress.IPv4Network, metavar="CIDR",
                       default=ipaddress.IPv4Network("127.77.0.0/16"),
                       help="their addresses; must be local to this host (default 127.77.0.0/16)")
    group.add_argument("--name-format", default="node-%03d", metavar="FORMAT",
                       help="name by number (default node-%%03d)")
    group.add_argument("--bmc-port", type=int, default=623, metavar="PORT",
                       help="UDP port of each BMC (default 623, which needs privileges)")
    group.add_argument("--user", default="admin", help="BMC user (default admin)")
    group.add_argument("--password", default="password", help="its password (default password)")
    group.add_argument("--kg", type=bytes.fromhex, default=b"", metavar="HEX",
                       help="BMC key (default none)")
    group.add_argument("--cipher-suites", type=_suites, default=(3, 17), metavar="LIST",
                       help="suites that the BMCs offer (default 3,17)")
    group.add_argument("--sessions", type=int, default=4, metavar="N",
                       help="sessions that a BMC holds at a time (default 4)")
    group.add_argument("--disk-size", type=_size, default=64 << 20, metavar="BYTES",
                       help="size of each disk; suffixes K, M, G (default 64M)")
    group.add_argument("--fault", action="append", default=[], type=_fault, metavar="NAME=VALUE",
                       help="set a fault on every machine; may be repeated")
    group.add_argument("--fault-on", action="append", default=[], type=_selected_fault,
                       metavar="LIST:NAME=VALUE",
                       help="set a fault on machines by number, such as 3,7-9; may be repeated")
    group.add_argument("--seed", type=int, default=0, help="of losses, ids and images (default 0)")


def _add_service_options(parser):
    group = parser.add_argument_group("boot and agent")
    group.add_argument("--boot-url", default="http://127.0.0.1:6385/boot/{mac}.ipxe",
                       metavar="URL", help="boot script, {mac} with dashes (default %(default)s)")
    group.add_argument("--boot-timeout", type=float, default=60.0, metavar="SECONDS",
                       help="ask for the boot script for so long (default 60)")
    group.add_argument("--agent-port", type=int, default=9999, metavar="PORT",
                       help="TCP port of the agents (default 9999)")
    group.add_argument("--heartbeat", type=float, default=5.0, metavar="SECONDS",
                       help="longest time between two heartbeats (default 5)")
    group = parser.add_argument_group("process")
    group.add_argument("--state-dir", type=pathlib.Path, metavar="DIR",
                       help="disks and images (default: temporary, removed at the end)")
    group.add_argument("--control", metavar="HOST:PORT|unix:PATH",
                       help="control interface; port 0 takes a free one (default: none)")
    group.add_argument("--images", metavar="HOST:PORT", help="image server (default: none)")
    group.add_argument("--images-dir", type=pathlib.Path, metavar="DIR",
                       help="further files to serve under /images/")
    group.add_argument("--image-size", type=_size, default=images.DEMO_SIZE, metavar="BYTES",
                       help="size of /images/demo-os.raw (default 8M)")
    group.add_argument("--log", type=pathlib.Path, metavar="FILE",
                       help="append a JSON line per command and event")
    group.add_argument("--write-nodes", type=pathlib.Path, metavar="FILE",
                       help="write name, MAC, address and credentials of each machine as JSON")


def _size(text):
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper())
    return int(text[:-1]) * factor if factor else int(text)


def _suites(text):
    numbers = tuple(int(number) for number in text.split(","))
    unknown = [number for number in numbers if number not in SUITES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no cipher suite {unknown[0]} here; there are 3 and 17")
    return numbers


def _fault(text):
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _selected_fault(text):
    try:
        return parse_selected_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _raise_file_limit():
    """A thousand machines need some thousand sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _fleet(options, state_dir, journal):
    settings = FleetSettings(
        naming=Naming(options.network, options.name_format),
        bmc=BmcSettings({options.user: options.password}, options.sessions,
                        options.cipher_suites, options.kg),
        firmware=FirmwareSettings(options.boot_url, options.boot_timeout),
        agent=AgentSettings(options.agent_port, options.heartbeat),
        bmc_port=options.bmc_port, disk_size=options.disk_size, seed=options.seed)
    return Fleet(options.nodes, settings, state_dir, journal)


async def _serve(options):
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        state_dir = options.state_dir or pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="provisioner-simulator-")))
        journal = stack.enter_context(contextlib.closing(Journal(options.log)))
        fleet = _fleet(options, state_dir, journal)
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        for changes in options.fault:
            fleet.set_faults(changes)
        for chosen, changes in options.fault_on:
            fleet.set_faults(changes, chosen)
        ready = {"ready": True, "control": None, "images": None, "nodes": fleet.nodes()}
        if options.control:
            ready["control"] = await _listen(stack, control.application(fleet), options.control)
        if options.images:
            ready["images"] = await _serve_images(stack, options, state_dir)
        if options.write_nodes:
            options.write_nodes.write_text(json.dumps(fleet.nodes(), indent=2) + "\n")
        print(json.dumps(ready), flush=True)
        await stop.wait()


async def _serve_images(stack, options, state_dir):
    """Start the image server; the base URL of its images."""
    generated = state_dir / "images"
    await asyncio.to_thread(images.generate, generated, options.image_size, options.seed)
    directories = [generated] + ([options.images_dir] if options.images_dir else [])
    return await _listen(stack, images.application(directories), options.images) + "/images"


async def _listen(stack, app, where):
    """Serve ``app`` at HOST:PORT or ``unix:PATH``; where it is."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    if where.startswith("unix:"):
        await web.UnixSite(runner, where.removeprefix("unix:")).start()
        return where
    host, separator, port = where.rpartition(":")
    if not separator or not port.isdigit():
        raise FleetError(f"expected HOST:PORT, not {where!r}")
    await web.TCPSite(runner, host, int(port)).start()
    return "http://{}:{}".format(*runner.addresses[0][:2])


if __name__ == "__main__":
    sys.exit(main())
