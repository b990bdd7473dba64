"""The ramdisk agent's HTTP API, one connection per request.

Connecting and sending are apart, so that the caller's check runs after the connection stands and
immediately before the request is written. The agent's token never appears in an error.
"""

import collections
import dataclasses
import http.client
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from provisioner import exceptions
from provisioner.clock import Clock

_MAX_ANSWER = 64 << 20
_NO_URL = re.compile(r"[^\x21-\x7e]")


@dataclasses.dataclass(frozen=True)
class Request:
    """One request to the agent.

    :ivar path: below the agent's URL, such as ``/v1/commands/``
    :ivar json: plain data for the body, or None
    :ivar params: query parameters; the token is added to them
    """

    method: str
    path: str
    json: Any = None
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)


class AgentPool:
    """Ways to all agents; a :class:`provisioner.drivers.base.TransportPool`.

    Keeps nothing open: agents come and go with the ramdisk. One request at a time per agent.
    """

    def __init__(self, clock: Clock):
        self.clock = clock
        self._guard = threading.Lock()
        self._turns: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)

    def transport(self, settings: Mapping[str, Any]) -> "AgentTransport":
        """The way to the agent at ``agent_url``.

        ``agent_token`` authenticates each request; ``agent_verify_ca`` is the agent's certificate
        in PEM, where it speaks TLS.

        :raises Unreachable: if no agent has told its URL yet
        """
        told = settings.get("agent_url") or ""
        if not told.startswith(("http://", "https://")):
            raise exceptions.Unreachable("No ramdisk agent has reported from this node yet.",
                                         remedy="Wait for its heartbeat, or look at its console.")
        url = _parsed(told)
        if url is None:
            raise exceptions.RequestRefused(
                "The ramdisk agent has reported from a URL that cannot be asked.",
                remedy="Boot the ramdisk again; look at its log.")
        return AgentTransport(self, url, settings.get("agent_token") or "",
                              settings.get("agent_verify_ca"))

    def turn(self, netloc: str) -> threading.Lock:
        """The lock that one request at a time holds."""
        with self._guard:
            return self._turns[netloc]

    def close(self) -> None:
        with self._guard:
            self._turns.clear()


class AgentTransport:
    """The way to one agent; a :class:`provisioner.drivers.base.Transport`."""

    def __init__(self, pool: AgentPool, url: urllib.parse.SplitResult, token: str,
                 verify_ca: str | None):
        self._pool = pool
        self._url = url
        self._token = token
        self._verify_ca = verify_ca

    def exchange(self, request: Request, timeout: float, check: Callable[[], None]) -> Any:
        """The answer's JSON.

        :param timeout: seconds for everything
        :raises Unreachable: no connection or no answer; ``where["sent"]`` tells them apart
        :raises LoginRefused: the agent has another token
        :raises RequestRefused: ``where["status"]``, and ``where["busy"]`` if another command runs
        """
        deadline = self._pool.clock.elapsed() + timeout
        turn = self._pool.turn(self._url.netloc)
        if not turn.acquire(timeout=timeout):
            raise exceptions.HardwareTimeout(
                f"The agent at {self._url.netloc} was busy with earlier requests until the time "
                "ran out.", remedy="Repeat the request.", address=self._url.netloc)
        try:
            return self._answer(*self._converse(request, deadline, check))
        finally:
            turn.release()

    def _converse(self, request: Request, deadline: float,
                  check: Callable[[], None]) -> tuple[int, bytes]:
        connection = self._connection(deadline)
        sent = False
        try:
            connection.connect()
            check()
            sent = True
            self._write(connection, request)
            response = self._timed(connection, deadline).getresponse()
            return response.status, self._body(connection, response, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, sent) from error
        finally:
            connection.close()

    def _connection(self, deadline: float) -> http.client.HTTPConnection:
        left = max(deadline - self._pool.clock.elapsed(), 0.001)
        if self._url.scheme == "http":
            return http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=left)
        return http.client.HTTPSConnection(self._url.hostname, self._url.port, timeout=left,
                                           context=self._tls())

    def _tls(self) -> ssl.SSLContext:
        """Trust exactly the certificate that the agent has told in its heartbeat, if it has."""
        context = ssl.create_default_context(cadata=self._verify_ca or None)
        if self._verify_ca:
            # Ramdisks sign their own, without the extensions that a real authority would add.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    def _timed(self, connection: http.client.HTTPConnection,
               deadline: float) -> http.client.HTTPConnection:
        """The connection, set to wait for no longer than until the deadline.

        :raises TimeoutError: past it
        """
        left = deadline - self._pool.clock.elapsed()
        if left <= 0:
            raise TimeoutError("timed out")
        if connection.sock:
            connection.sock.settimeout(left)
        return connection

    def _write(self, connection: http.client.HTTPConnection, request: Request) -> None:
        query = urllib.parse.urlencode({**request.params, "agent_token": self._token})
        path = f"{self._url.path.rstrip('/')}{request.path}?{query}"
        body = None if request.json is None else json.dumps(request.json).encode()
        headers = {"Accept": "application/json", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(request.method, path, body, headers)

    def _body(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse,
              deadline: float) -> bytes:
        data = bytearray()
        while chunk := response.read1(1 << 16):
            data += chunk
            self._timed(connection, deadline)
            if len(data) > _MAX_ANSWER:
                raise http.client.HTTPException("the answer is too long")
        return bytes(data)

    def _unreachable(self, error: Exception, sent: bool) -> exceptions.Unreachable:
        what = "did not answer" if sent else "cannot be reached"
        remedy = "Check that the ramdisk runs and that its address is reachable from here."
        if isinstance(error, ssl.SSLCertVerificationError):
            what, remedy = "has another certificate", "Boot the ramdisk again."
        return exceptions.Unreachable(
            f"The agent at {self._url.netloc} {what}: {error or type(error).__name__}.",
            remedy=remedy, address=self._url.netloc, sent=sent)

    def _answer(self, status: int, body: bytes) -> Any:
        try:
            data = json.loads(body) if body else None
        except ValueError:
            data, status = None, status if status >= 400 else 502
        if status < 400:
            return data
        address = self._url.netloc
        detail = _detail(data)
        if status == 401:
            raise exceptions.LoginRefused(
                f"The agent at {address} refused our token.", address=address, status=status,
                remedy="Another ramdisk may have booted: power the node off and start again.")
        if status == 409:
            raise exceptions.RequestRefused(
                f"The agent at {address} is busy with another command{detail}.", busy=True,
                address=address, status=status, remedy="Wait until its command has ended.")
        raise exceptions.RequestRefused(
            f"The agent at {address} answered with status {status}{detail}.", address=address,
            status=status, remedy="Look at the agent's log on the node's console.")


def _parsed(told: str) -> urllib.parse.SplitResult | None:
    """The URL, or None if it is none: the library's own error would quote the token with it."""
    try:
        url = urllib.parse.urlsplit(told)
        return url if url.hostname and url.port != 0 and not _NO_URL.search(told) else None
    except ValueError:
        return None


def _detail(data: Any) -> str:
    """The text of an agent's error, as far as it gives one."""
    text = data.get("message") or data.get("faultstring") if isinstance(data, dict) else None
    return f": {text}" if text else ""
