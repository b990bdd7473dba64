"""The control interface: look at the region behind its API, and make it go wrong. JSON.

::

    GET    /machines                  all machines of the plant, with their records
    GET    /machines/<name>           one
    PATCH  /machines/<name>/faults    {"stuck": true}
    POST   /machines/<name>/power     {"power": "on" | "off"}, not through the region
    POST   /machines/<name>/lock      {"locked": true}, as a person would
    DELETE /machines/<name>           the record vanishes
    PATCH  /faults                    {"rack_down": true}
    GET    /stats                     requests by operation
"""

import json

from aiohttp import web

from provisioner.simulator.maas.faults import FaultError
from provisioner.simulator.maas.lifecycle import Lifecycle
from provisioner.simulator.maas.machine import Machine
from provisioner.simulator.maas.plant import Hardware
from provisioner.simulator.maas.region import Region


def application(region: Region) -> web.Application:
    control = Control(region)
    app = web.Application(middlewares=[_errors_as_json])
    app.add_routes([
        web.get("/machines", control.machines), web.get("/machines/{name}", control.machine),
        web.patch("/machines/{name}/faults", control.machine_faults),
        web.post("/machines/{name}/power", control.power),
        web.post("/machines/{name}/lock", control.lock),
        web.delete("/machines/{name}", control.vanish),
        web.patch("/faults", control.faults), web.get("/stats", control.stats)])
    return app


class Control:
    """The handlers, one per line of the table above."""

    def __init__(self, region: Region):
        self._region = region

    def _view(self, hardware: Hardware) -> dict:
        record = self._record(hardware.name)
        shown = {"name": hardware.name, "mac": hardware.mac,
                 "power": "on" if hardware.power else "off", "bmc": hardware.bmc,
                 "record": None}
        if record is not None:
            shown["record"] = {**self._region.view(record), "user_data":
                               record.install.user_data, "faults": record.faults.as_dict()}
        return shown

    def _record(self, name: str) -> Machine | None:
        return next((one for one in self._region.machines.values()
                     if one.hardware.name == name), None)

    def _hardware(self, request: web.Request) -> Hardware:
        name = request.match_info["name"]
        for one in self._region.plant:
            if one.name == name:
                return one
        raise web.HTTPNotFound(reason=f"no machine {name}")

    def _known(self, request: web.Request) -> Machine:
        record = self._record(self._hardware(request).name)
        if record is None:
            raise web.HTTPNotFound(reason="the region does not know this machine")
        return record

    async def machines(self, _request: web.Request) -> web.Response:
        Lifecycle(self._region).advance()
        return web.json_response([self._view(one) for one in self._region.plant])

    async def machine(self, request: web.Request) -> web.Response:
        Lifecycle(self._region).advance()
        return web.json_response(self._view(self._hardware(request)))

    async def machine_faults(self, request: web.Request) -> web.Response:
        record = self._known(request)
        record.faults.update(json.loads(await request.text()))
        return web.json_response(record.faults.as_dict())

    async def power(self, request: web.Request) -> web.Response:
        hardware = self._hardware(request)
        hardware.power = json.loads(await request.text())["power"] == "on"
        record = self._record(hardware.name)
        if record is not None:
            record.power.busy_until = 0.0
            record.power.state = "on" if hardware.power else "off"
        return web.json_response({"power": "on" if hardware.power else "off"})

    async def lock(self, request: web.Request) -> web.Response:
        record = self._known(request)
        record.locked = bool(json.loads(await request.text())["locked"])
        return web.json_response({"locked": record.locked})

    async def vanish(self, request: web.Request) -> web.Response:
        record = self._known(request)
        del self._region.machines[record.system_id]
        return web.json_response({"system_id": record.system_id})

    async def faults(self, request: web.Request) -> web.Response:
        self._region.faults.update(json.loads(await request.text()))
        return web.json_response(self._region.faults.as_dict())

    async def stats(self, _request: web.Request) -> web.Response:
        return web.json_response({"requests": dict(sorted(self._region.requests.items())),
                                  "total": sum(self._region.requests.values())})


@web.middleware
async def _errors_as_json(request: web.Request, handler) -> web.Response:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except (FaultError, ValueError, KeyError) as error:
        return web.json_response({"error": str(error)}, status=400)
