"""What each command of the agent does, by its name ``extension.method``.

Adding one: write the coroutine and enter it in :data:`COMMANDS`.
"""

import dataclasses

from provisioner.simulator.agent import steps
from provisioner.simulator.agent.commands import CommandError
from provisioner.simulator.disk import DiskError


@dataclasses.dataclass(frozen=True)
class Extension:
    """:ivar run: coroutine function of (host, params) giving the result
    :ivar background: answered at once while it goes on, unless the caller waits
    :ivar changes: whether it changes disk or power
    """

    run: object
    background: bool = False
    changes: bool = False


@dataclasses.dataclass(frozen=True)
class Host:
    """What a command may touch.

    :ivar writer: the :class:`provisioner.simulator.agent.image.ImageWriter`
    :ivar leave: called with ``off`` or ``cycle`` when the machine is to do that
    """

    machine: object
    writer: object
    leave: object


def _get_steps(kind):
    async def run(_host, _params):
        return steps.listing(kind)
    return Extension(run)


def _execute_step(kind):
    async def run(host, params):
        step = params.get("step")
        if not isinstance(step, dict) or not steps.offered(kind, step.get("step")):
            raise CommandError("HardwareManagerMethodNotFound", f"no {kind} step {step!r}", 404)
        args = step.get("args") or {}
        if not isinstance(args, dict):
            raise CommandError("InvalidCommandParamsError", "args must be an object", 400)
        if params.get(f"{kind}_version") not in (None, {}, steps.VERSION):
            prefix = "" if kind == "deploy" else f"{kind.upper()}_"
            raise CommandError("VersionMismatch", "hardware manager changed", 500,
                               f"{prefix}VERSION_MISMATCH")
        result = await _STEPS[step["step"]](host, args)
        return {f"{kind}_result": result, f"{kind}_step": step}
    return Extension(run, background=True, changes=True)


async def _write_image(host, args):
    return await host.writer.write(args.get("image_info"), args.get("configdrive"))


async def _erase_metadata(host, _args):
    return _erase(host, host.machine.disk.erase_metadata)


async def _erase_all(host, _args):
    return _erase(host, host.machine.disk.erase)


def _erase(host, erase):
    host.machine.disk.failing = host.machine.faults.is_on("disk_fail")
    try:
        erase()
    except DiskError as error:
        raise CommandError("BlockDeviceEraseError", f"/dev/sda: {error}") from error


_STEPS = {"write_image": _write_image, "erase_devices_metadata": _erase_metadata,
          "erase_devices": _erase_all}


async def _nothing(_host, _params):
    return None


def _leave(action):
    async def run(host, _params):
        host.leave(action)
    return Extension(run, changes=True)


async def _partition_uuids(_host, _params):
    return {"partitions": {}, "root uuid": None, "efi system partition uuid": None}


async def _system_logs(host, _params):
    return {"system_logs": "", "hostname": host.machine.identity.name}


COMMANDS = {
    **{f"{kind}.get_{kind}_steps": _get_steps(kind) for kind in steps.KINDS},
    **{f"{kind}.execute_{kind}_step": _execute_step(kind) for kind in steps.KINDS},
    "standby.prepare_image": Extension(_write_image, background=True, changes=True),
    "standby.sync": Extension(_nothing),
    "standby.power_off": _leave("off"),
    "standby.run_image": _leave("cycle"),
    "standby.reboot": _leave("cycle"),
    "standby.get_partition_uuids": Extension(_partition_uuids),
    "image.install_bootloader": Extension(_nothing, background=True, changes=True),
    "rescue.finalize_rescue": Extension(_nothing, changes=True),
    "system.lockdown": Extension(_nothing),
    "log.collect_system_logs": Extension(_system_logs),
}
