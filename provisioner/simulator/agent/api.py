"""The agent's requests to the provisioning API: continue_inspection, lookup, heartbeat."""

import dataclasses

import aiohttp

MAX_VERSION = (1, 62)
_FALLBACK_VERSION = (1, 31)
_VERSION_HEADER = "X-OpenStack-Ironic-API-Version"
_TIMEOUT = aiohttp.ClientTimeout(total=30)
AGENT_VERSION = "10.0.0"


class ApiError(Exception):
    """The API did not answer as it should.

    :ivar status: HTTP status, ``None`` if there was no answer
    """

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Found:
    """What lookup tells.

    :ivar token: the agent token, or stars when it has been given away before
    :ivar heartbeat_timeout: seconds
    """

    node_uuid: str
    token: str
    heartbeat_timeout: float


class Api:
    """One API, as one agent sees it."""

    def __init__(self, http, base: str):
        self._http, self._base = http, base.rstrip("/")
        self._version = None

    async def continue_inspection(self, url: str, data: dict) -> str | None:
        """Report ``data``; the node's uuid if the API names it. No version header, as agents do."""
        answer = await self._call("POST", url, (200, 201, 202), json=data)
        return answer.get("uuid") if isinstance(answer, dict) else None

    async def lookup(self, mac: str, node_uuid: str | None) -> Found:
        parameters = {"addresses": mac}
        if node_uuid:
            parameters["node_uuid"] = node_uuid
        answer = await self._call("GET", f"{self._base}/v1/lookup", (200,), params=parameters,
                                  headers=await self._headers())
        try:
            config = answer["config"]
            return Found(answer["node"]["uuid"], config.get("agent_token", ""),
                         float(config["heartbeat_timeout"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(f"lookup answer lacks {error}") from error

    async def heartbeat(self, node_uuid: str, callback_url: str, token: str) -> None:
        body = {"callback_url": callback_url, "agent_token": token,
                "agent_version": AGENT_VERSION}
        await self._call("POST", f"{self._base}/v1/heartbeat/{node_uuid}", (200, 202), json=body,
                         headers=await self._headers())

    async def _headers(self):
        if self._version is None:
            self._version = await self._negotiate()
        return {_VERSION_HEADER: "{}.{}".format(*self._version)}

    async def _negotiate(self):
        """The lower of our version and the API's highest (``default_version`` of its root)."""
        answer = await self._call("GET", f"{self._base}/", (200,))
        try:
            major, minor = answer["default_version"]["version"].split(".")
            return min(MAX_VERSION, (int(major), int(minor)))
        except (KeyError, TypeError, ValueError, AttributeError):
            return _FALLBACK_VERSION

    async def _call(self, method, url, accepted, **options):
        """:raises ApiError: no answer, another status, or no JSON where some was due"""
        try:
            async with self._http.request(method, url, timeout=_TIMEOUT, **options) as response:
                text = await response.text()
                if response.status not in accepted:
                    raise ApiError(f"{method} {url}: {response.status}", response.status)
                return await response.json(content_type=None) if text.strip() else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(f"{method} {url}: {type(error).__name__}") from error
