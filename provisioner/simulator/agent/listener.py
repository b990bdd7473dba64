"""The agent's own HTTP interface: status and commands, guarded by the agent token.

A hung agent accepts a connection and never answers; a machine without power has no listener.
"""

import asyncio
import hmac
import json

from aiohttp import web

from provisioner.simulator.agent.api import AGENT_VERSION
from provisioner.simulator.agent.commands import CommandError
from provisioner.simulator.agent.extensions import COMMANDS

_CLOSE_SECONDS = 0.05
_LARGEST_BODY = 256 << 20


class Listener:
    """Serves one agent.

    :param agent: gives ``token``, ``commands``, ``host``, ``address``, ``hung()`` and, for an
        answer that must be sent before the machine goes off, ``answered()``
    """

    def __init__(self, agent, journal):
        self._agent, self._journal = agent, journal
        self._http = web.Server(self._handle, request_factory=_request, access_log=None)
        self._server = None
        self._closed = asyncio.Event()

    async def open(self, port: int) -> int:
        """Listen on the machine's own address; the port, chosen by the system when 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._http, self._agent.address, port,
                                                reuse_address=True)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._closed.set()
            await self._http.shutdown(_CLOSE_SECONDS)

    async def _handle(self, request):
        if self._agent.hung():
            await self._closed.wait()
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        try:
            status, body = await self._route(request)
        except CommandError as error:
            status, body = error.code, error.as_dict()
        response = web.json_response(body, status=status)
        try:
            await response.prepare(request)
            await response.write_eof()
        finally:
            self._agent.answered()
        return response

    async def _route(self, request):
        method, path = request.method, request.path.rstrip("/")
        if method == "GET" and path in ("", "/v1", "/v1/status"):
            return 200, {"version": AGENT_VERSION, "started_at": self._agent.started_at}
        if path != "/v1/commands" and not path.startswith("/v1/commands/"):
            return 404, CommandError("NotFound", path, 404).as_dict()
        if not self._authorized(request):
            self._log(request, "refused", result=401)
            return 401, CommandError("InvalidAgentToken", "token missing or wrong", 401).as_dict()
        if method == "POST" and path == "/v1/commands":
            return await self._execute(request)
        if method == "GET" and path == "/v1/commands":
            self._log(request, "list_commands")
            return 200, {"commands": self._agent.commands.listing()}
        if method == "GET":
            return self._show(request, path.rpartition("/")[2])
        return 405, CommandError("MethodNotAllowed", method, 405).as_dict()

    def _authorized(self, request):
        given = request.query.get("agent_token", "")
        return bool(self._agent.token) and hmac.compare_digest(given.encode(),
                                                               self._agent.token.encode())

    def _show(self, request, command_id):
        self._log(request, "show_command", args={"id": command_id})
        command = self._agent.commands.find(command_id)
        if command is None:
            raise CommandError("RequestedObjectNotFoundError", f"no command {command_id}", 404)
        return 200, command.as_dict()

    async def _execute(self, request):
        name, params = await _read_command(request)
        args = _log_args(params)
        extension = COMMANDS.get(name)
        if extension is None:
            self._log(request, name, args=args, result=404)
            raise CommandError("InvalidCommandError", f"no command {name}", 404)
        try:
            command = self._agent.commands.start(
                name.partition(".")[2], params,
                lambda: extension.run(self._agent.host, params))
        except CommandError as error:
            self._log(request, name, args=args, changes=extension.changes, result=error.code)
            raise
        self._log(request, name, args={**args, "id": command.id}, changes=extension.changes)
        if not extension.background or request.query.get("wait") == "true":
            await asyncio.shield(command.task)
        return 200, command.as_dict()

    def _log(self, request, command, **facts):
        source = request.transport.get_extra_info("peername") if request.transport else None
        self._journal.write(command, source=source, **facts)


def _request(message, payload, protocol, writer, task):
    """A request whose body may be as large as a config drive makes it."""
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop(),
                           client_max_size=_LARGEST_BODY)


async def _read_command(request):
    """(name, params) of a request body.

    :raises CommandError: not such a body
    """
    try:
        body = json.loads(await request.text())
        name, params = body["name"], body.get("params") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CommandError("InvalidContentError", "expected name and params", 400) from None
    if not isinstance(name, str) or not isinstance(params, dict):
        raise CommandError("InvalidContentError", "expected name and params", 400)
    return name, params


def _log_args(params):
    """What the log keeps of a command's parameters: the step, not the node nor a config drive."""
    step = params.get("step")
    return {"step": step.get("step")} if isinstance(step, dict) else {}


