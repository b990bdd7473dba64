"""The region's web server: faults, signatures, arguments; then the operation."""

import asyncio
import dataclasses
import email.parser
import email.policy
import json
import re
import urllib.parse

from aiohttp import web

from provisioner.simulator.maas import (
    answers_interfaces,
    answers_machines,
    answers_networks,
    answers_site,
    answers_storage,
    oauth,
    routing,
)
from provisioner.simulator.maas.errors import ApiError
from provisioner.simulator.maas.lifecycle import Lifecycle
from provisioner.simulator.maas.region import Region
from provisioner.simulator.maas.routing import ROOT, Answer, Call

_CHANGING = ("POST", "PUT", "DELETE")
_IDS = re.compile(r"/(?:[a-z0-9]{6}|\d+)(?=/|$)")
#: importing these fills the table of operations
OPERATIONS = (answers_interfaces, answers_machines, answers_networks, answers_site,
              answers_storage)


def application(region: Region) -> web.Application:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", Front(region).handle)
    return app


@dataclasses.dataclass(frozen=True)
class Incoming:
    """A request as it came in.

    :ivar target: path and query, quoted
    :ivar content_type: of the body
    """

    method: str
    target: str
    authorization: str | None
    content_type: str
    body: bytes


class Front:
    """Answers requests one at a time, as one region with one database."""

    def __init__(self, region: Region):
        self._region = region

    async def handle(self, request: web.Request) -> web.Response:
        faults = self._region.faults
        body = await request.read()
        if faults.mute:
            await asyncio.Event().wait()
        if faults.delay:
            await asyncio.sleep(faults.delay)
        status, headers, answer = self.answer(Incoming(
            request.method, request.raw_path, request.headers.get("Authorization"),
            request.headers.get("Content-Type", ""), body))
        return web.Response(status=status, headers=headers, body=answer)

    def answer(self, request: Incoming) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        try:
            return _response(self._answer(request))
        except ApiError as error:
            return _refusal(error)

    def _answer(self, request: Incoming):
        region = self._region
        path, _, query = request.target.partition("?")
        if not path.startswith(ROOT):
            raise ApiError(404, f"Unknown API endpoint: {path}.")
        args = _arguments(request, query)
        op = (args.pop("op", None) or [None])[-1]
        _count(region, f"{request.method} {path[len(ROOT):]}", op)
        self._outage(request.method)
        Lifecycle(region).advance()
        user = oauth.authenticate(request.authorization, self._tokens(), region.now())
        operation, part = routing.find(path[len(ROOT):], request.method, op, user)
        answer = operation.function(Call(region, user, args, part))
        if request.method in _CHANGING and region.faults.lost_answers:
            region.faults.lost_answers -= 1
            raise ApiError(503, "No rack controllers can access the BMC of this node")
        return answer

    def _tokens(self) -> list[oauth.Token]:
        return [] if self._region.faults.token_revoked else self._region.tokens

    def _outage(self, method: str) -> None:
        """:raises ApiError: if this request is one that fails"""
        faults = self._region.faults
        if faults.status and faults.status_for:
            faults.status_for -= faults.status_for > 0
            raise ApiError(faults.status, "The region does not feel well.",
                           {"Retry-After": "10"})
        if method in _CHANGING and faults.lost_races:
            faults.lost_races -= 1
            raise ApiError(409, "<!DOCTYPE html>\n<html><body>Conflict error. Try again.</body>"
                                "</html>", {"Retry-After": "5",
                                            "Content-Type": "text/html; charset=utf-8"})


def _count(region: Region, name: str, op: str | None) -> None:
    name = _IDS.sub("/*", name) + (f" {op}" if op else "")
    region.requests[name] = region.requests.get(name, 0) + 1


def _arguments(request: Incoming, query: str) -> dict[str, list[str]]:
    args: dict[str, list[str]] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        args.setdefault(name, []).append(value)
    for name, value in _fields(request.content_type, request.body):
        args.setdefault(name, []).append(value)
    return args


def _fields(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Fields of a form or of a JSON object, in order."""
    if content_type.startswith("multipart/form-data"):
        head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        return [(part.get_param("name", header="content-disposition"),
                 part.get_payload(decode=True).decode()) for part in message.iter_parts()]
    if content_type.startswith("application/json"):
        return [(name, str(item)) for name, value in json.loads(body or b"{}").items()
                for item in (value if isinstance(value, list) else [value])]
    return urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)


def _response(answer) -> tuple[int, dict[str, str], bytes]:
    if not isinstance(answer, Answer):
        answer = Answer(answer, 200, "application/json; charset=utf-8")
    kind = answer.content_type
    if kind.startswith("application/json") or not isinstance(answer.body, str | bytes):
        body = json.dumps(answer.body).encode()
        kind = "application/json; charset=utf-8"
    else:
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
    return answer.status, {"Content-Type": kind, "X-Maas-Api-Hash": "simulated",
                           "Vary": "Authorization, Cookie"}, body


def _refusal(error: ApiError) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "text/plain; charset=utf-8", **error.headers}
    text = error.body
    if not isinstance(text, str):
        headers["Content-Type"], text = "application/json; charset=utf-8", json.dumps(text)
    return error.status, headers, text.encode()
