"""The control interface: look at machines, set faults, cut the power, read disks. JSON in and out.

::

    GET   /machines                      all machines
    GET   /machines/<name>               one
    PATCH /machines/<name>/faults        {"mute": 30, "loss": 0.1}
    PATCH /faults                        the same for all machines
    GET   /machines/<name>/disk?bytes=N  {"sha256", "bytes"} of the first N bytes, default all
    POST  /machines/<name>/power         {"power": "on" | "off" | "reset" | "cycle"}, not by the BMC
    GET   /stats                         packets, commands and sessions
"""

import asyncio
import json

from aiohttp import web

_POWER = ("on", "off", "reset", "cycle")


def application(fleet) -> web.Application:
    """Control of ``fleet``, a :class:`provisioner.simulator.fleet.Fleet`."""
    control = Control(fleet)
    app = web.Application(middlewares=[_errors_as_json])
    app.add_routes([
        web.get("/machines", control.machines),
        web.get("/machines/{name}", control.machine),
        web.patch("/machines/{name}/faults", control.machine_faults),
        web.get("/machines/{name}/disk", control.disk),
        web.post("/machines/{name}/power", control.power),
        web.patch("/faults", control.faults),
        web.get("/stats", control.stats)])
    return app


class Control:
    """The handlers, one per line of the table above."""

    def __init__(self, fleet):
        self._fleet = fleet

    async def machines(self, _request):
        return web.json_response([self._fleet.view(name) for name in self._fleet.machines])

    async def machine(self, request):
        return web.json_response(self._fleet.view(self._find(request).identity.name))

    async def machine_faults(self, request):
        faults = self._find(request).faults
        faults.update(await _body(request))
        return web.json_response(faults.as_dict())

    async def faults(self, request):
        self._fleet.set_faults(await _body(request))
        return web.json_response({"machines": len(self._fleet.machines)})

    async def disk(self, request):
        disk = self._find(request).disk
        count = int(request.query.get("bytes", disk.size))
        if count < 0:
            raise ValueError("bytes must not be negative")
        digest = await asyncio.to_thread(disk.sha256, count)
        return web.json_response({"sha256": digest, "bytes": min(count, disk.size)})

    async def power(self, request):
        machine = self._find(request)
        wanted = (await _body(request)).get("power")
        if wanted not in _POWER:
            raise ValueError(f"power must be one of {', '.join(_POWER)}")
        machine.act(wanted)
        return web.json_response({"power": machine.power})

    async def stats(self, _request):
        return web.json_response(self._fleet.stats())

    def _find(self, request):
        name = request.match_info["name"]
        if name not in self._fleet.machines:
            raise web.HTTPNotFound(reason=f"no machine {name}")
        return self._fleet.machines[name]


async def _body(request):
    """The JSON object in the request's body.

    :raises ValueError: it is something else
    """
    body = json.loads(await request.text())
    if not isinstance(body, dict):
        raise ValueError("expected a JSON object")
    return body


@web.middleware
async def _errors_as_json(request, handler):
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
