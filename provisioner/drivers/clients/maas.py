"""The REST API 2.0 of MAAS regions: signed requests, and records that many wait for at once.

A region is reached over a few kept connections. Each request is signed anew (OAuth 1.0a, one leg,
PLAINTEXT: a region refuses a nonce that it has seen), and the caller's check runs after the
connection stands and immediately before the request is written. Nothing is repeated here: whether
a request may be sent again is for who sent it. Bodies of 401 are never looked at, since a region
puts the right secret into them.
"""

import collections
import dataclasses
import datetime
import email.utils
import hashlib
import json
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import oauthlib.oauth1
import requests
import requests_oauthlib
import urllib3
from requests.adapters import HTTPAdapter

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients.maas_records import Records

ROOT = "api/2.0/"
#: connections to one region, and so requests in flight on it
CONNECTIONS = 8
#: seconds that the clocks of a region and its client may be apart
CLOCK_THRESHOLD = 300
_MAX_ANSWER = 256 << 20
#: a region behind its proxy restarts, or a rack or BMC did not answer: nothing is wrong with us
_PASSING = frozenset({502, 503, 504})


@dataclasses.dataclass(frozen=True)
class Request:
    """One operation.

    :ivar path: below ``api/2.0/``, with the final slash where the API has one
    :ivar op: named operation, or None for the verb itself
    :ivar params: fields; a list is a repeated field, a boolean ``true`` or ``false``, None empty
    """

    method: str
    path: str
    op: str | None = None
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def changes(self) -> bool:
        return self.method != "GET"


@dataclasses.dataclass(frozen=True)
class Watch:
    """The records of machines, at most ``age`` seconds old; those not there are left out.

    One list request serves all who watch machines of a region.

    :ivar ids: system ids
    """

    ids: tuple[str, ...]
    age: float = 0.0


_guard = threading.local()


def before_writing() -> None:
    """To be called in an adapter once the connection stands: the caller's check, or its error."""
    _guard.check()
    _guard.sent = True


class _Checked:
    """A connection that asks the caller's check once it stands, before it writes."""

    def request(self, *args: Any, **more: Any) -> None:
        if self.sock is None:
            self.connect()
        before_writing()
        super().request(*args, **more)


class _Http(_Checked, urllib3.connection.HTTPConnection):
    pass


class _Https(_Checked, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    """Connections with checks. :param ca: certificates in PEM to trust besides the usual ones"""

    def __init__(self, ca: str | None):
        self._ca = ca
        super().__init__(pool_connections=1, pool_maxsize=CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        if self._ca:
            more["ssl_context"] = ssl.create_default_context(cadata=self._ca)
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class MaasPool:
    """Ways to all regions; a :class:`provisioner.drivers.base.TransportPool`.

    :param adapter: ``(CA in PEM or None) -> HTTPAdapter``: what carries requests
    """

    def __init__(self, clock: Clock, adapter: Callable[[str | None], HTTPAdapter] | None = None):
        self.clock = clock
        self._adapter = adapter or _Adapter
        self._guard = threading.Lock()
        self._regions: dict[str, MaasRegion] = {}

    def transport(self, settings: Mapping[str, Any]) -> "MaasRegion":
        """The way to the region at ``maas_url`` with ``maas_api_key``; opens nothing yet.

        ``maas_verify_ca`` is the certificate of its authority in PEM, where that is its own.

        :raises InvalidSetting: the URL or the key cannot be right
        """
        url, key, ca = (settings.get(f"maas_{name}") or "" for name in (
            "url", "api_key", "verify_ca"))
        name = hashlib.sha256("\0".join((url, key, ca)).encode()).hexdigest()
        with self._guard:
            if name not in self._regions:
                self._regions[name] = MaasRegion(
                    self.clock, check_url(url), check_key(key), self._adapter(ca or None))
            return self._regions[name]

    def close(self) -> None:
        with self._guard:
            for region in self._regions.values():
                region.close()
            self._regions.clear()


def check_url(url: str) -> str:
    """The URL of a region without its final slash. :raises InvalidSetting:"""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise exceptions.InvalidSetting("driver_info/maas_url is no HTTP URL.", setting="maas_url",
                                        remedy="Give it as http://HOST:5240/MAAS.")
    return url.rstrip("/").removesuffix("/" + ROOT.rstrip("/"))


def check_key(key: str) -> tuple[str, str, str]:
    """Consumer key, token key and token secret. :raises InvalidSetting:"""
    parts = tuple(key.split(":"))
    if len(parts) != 3 or not all(parts):
        raise exceptions.InvalidSetting(
            "driver_info/maas_api_key is no API key of MAAS.", setting="maas_api_key",
            remedy="Give the three parts that MAAS shows, with colons between them.")
    return parts


class MaasRegion:
    """The way to one region; a :class:`provisioner.drivers.base.Transport`.

    :ivar address: host and port, for messages
    """

    def __init__(self, clock: Clock, url: str, key: tuple[str, str, str],
                 adapter: HTTPAdapter):
        self.address = urllib.parse.urlsplit(url).netloc
        self._clock, self._url, self._key = clock, url, key
        self._adapter = adapter
        self._turns = threading.BoundedSemaphore(CONNECTIONS)
        self._records = Records(clock, self._list)

    def close(self) -> None:
        self._adapter.close()

    def exchange(self, request: Request | Watch, timeout: float,
                 check: Callable[[], None]) -> Any:
        """The answer: plain data, text, or bytes; of a :class:`Watch` ``{system id: record}``.

        :param timeout: seconds for everything
        :raises Unreachable: no connection, no answer, or the region is not up (``where["status"]``)
        :raises LoginRefused: the API key is not accepted
        :raises RequestRefused: ``where["status"]``; ``where["transient"]`` if the same request may
            succeed later
        """
        deadline = self._clock.elapsed() + timeout
        if isinstance(request, Watch):
            return self._records.get(request.ids, request.age, deadline)
        if not request.changes:
            return self._converse(request, deadline, check)
        # What is known of the machine is of before the change, also while it is under way.
        machine = _machine_of(request)
        try:
            return self._converse(request, deadline, check)
        finally:
            self._records.forget(machine)

    def _list(self, ids: list[str], deadline: float) -> list[dict]:
        return self._converse(Request("GET", "machines/", params={"id": ids}), deadline,
                              lambda: None)

    def _converse(self, request: Request, deadline: float, check: Callable[[], None]) -> Any:
        left = deadline - self._clock.elapsed()
        if left <= 0 or not self._turns.acquire(timeout=left):
            raise exceptions.HardwareTimeout(
                f"MAAS at {self.address} was busy with earlier requests until the time ran out.",
                remedy="Repeat the request.", address=self.address)
        _guard.check, _guard.sent = check, False
        try:
            left = max(deadline - self._clock.elapsed(), 0.001)
            answer = self._adapter.send(self._prepared(request), stream=True, timeout=left)
            try:
                body = self._body(answer, deadline)
            finally:
                answer.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            self._turns.release()
        return self._answer(request, answer, body)

    def _prepared(self, request: Request) -> requests.PreparedRequest:
        fields = _fields(request.params)
        query = [("op", request.op)] if request.op else []
        more: dict[str, Any] = {"params": query + fields}
        if request.method in ("POST", "PUT"):
            more = {"params": query, "files": [(name, (None, text)) for name, text in fields]}
        prepared = requests.Request(request.method, f"{self._url}/{ROOT}{request.path}",
                                    headers={"Accept": "*/*"}, **more).prepare()
        return self._signature()(prepared)

    def _signature(self) -> requests_oauthlib.OAuth1:
        consumer, token, secret = self._key
        return requests_oauthlib.OAuth1(
            consumer, client_secret="", resource_owner_key=token, resource_owner_secret=secret,
            signature_method=oauthlib.oauth1.SIGNATURE_PLAINTEXT,
            timestamp=str(int(self._clock.utcnow().timestamp())))

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        data = bytearray()
        for chunk in answer.iter_content(1 << 16):
            data += chunk
            if self._clock.elapsed() > deadline:
                raise TimeoutError("timed out")
            if len(data) > _MAX_ANSWER:
                raise OSError("the answer is too long")
        return bytes(data)

    def _unreachable(self, error: Exception) -> exceptions.Unreachable:
        what = "did not answer" if _guard.sent else "cannot be reached"
        remedy = "Check maas_url, and that the region controller is up."
        if isinstance(error, requests.exceptions.SSLError):
            what = "has a certificate that is not trusted"
            remedy = "Set maas_verify_ca to the certificate of its authority, in PEM."
        return exceptions.Unreachable(
            f"MAAS at {self.address} {what} ({type(error).__name__}).", remedy=remedy,
            address=self.address, sent=_guard.sent)

    def _answer(self, request: Request, answer: requests.Response, body: bytes) -> Any:
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code >= 400:
            raise self._refused(request, answer, body)
        if kind.startswith("application/json"):
            try:
                return json.loads(body)
            except ValueError:
                raise exceptions.RequestRefused(
                    f"MAAS at {self.address} sent JSON that is none.", address=self.address,
                    transient=True) from None
        return body.decode(errors="replace") if kind.startswith("text/") else body

    def _refused(self, request: Request, answer: requests.Response,
                 body: bytes) -> exceptions.HardwareError:
        status = answer.status_code
        where = {"address": self.address, "status": status}
        if status == 401:
            return self._login(answer, where)
        said = _said(answer, body)
        what = f"{request.method} {request.path}{' ' + request.op if request.op else ''}"
        if status in _PASSING:
            return exceptions.Unreachable(
                f"MAAS at {self.address} could not do {what} ({status}){said}", **where, sent=True,
                remedy="Check the region, its rack controllers, and the machine's BMC.")
        lost = status == 409 and "Retry-After" in answer.headers
        remedy = "Lock, or rights of the API key: unlock the machine in MAAS, or use an " \
                 "administrator's key." if status == 403 else "Look at the machine in MAAS."
        return exceptions.RequestRefused(
            f"MAAS at {self.address} refused {what} ({status}){said}", **where, transient=lost,
            remedy="Repeat the request." if lost else remedy)

    def _login(self, answer: requests.Response, where: dict) -> exceptions.LoginRefused:
        apart = self._apart(answer.headers.get("Date"))
        if apart is not None and apart > CLOCK_THRESHOLD:
            return exceptions.LoginRefused(
                f"MAAS at {self.address} refused the request's time: its clock and ours are "
                f"{apart:.0f} s apart.", **where, remedy="Set the clocks, best by NTP.")
        return exceptions.LoginRefused(
            f"MAAS at {self.address} refused our API key.", **where,
            remedy="Set maas_api_key in driver_info to a key that MAAS lists.")

    def _apart(self, date: str | None) -> float | None:
        """Seconds between the region's clock and ours, if it has told its time."""
        try:
            theirs = email.utils.parsedate_to_datetime(date or "")
        except ValueError:
            return None
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=datetime.UTC)
        return abs((theirs - self._clock.utcnow()).total_seconds())


def _machine_of(request: Request) -> str | None:
    """The system id in a request's path."""
    parts = request.path.split("/")
    if parts[0] in ("machines", "nodes") and len(parts) > 1 and parts[1]:
        return parts[1]
    return request.params.get("system_id")


def _fields(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    fields = []
    for name, value in params.items():
        items = value if isinstance(value, list | tuple) else [value]
        fields += [(name, _text(item)) for item in items]
    return fields


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _said(answer: requests.Response, body: bytes) -> str:
    """What a refusal says, in one line: messages by field, or its text; of HTML nothing."""
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("text/html") or not body:
        return "."
    text = body.decode(errors="replace")
    if kind.startswith("application/json"):
        try:
            text = _messages(json.loads(text))
        except ValueError:
            return "."
    return f": {' '.join(text.split())[:500]}"


def _messages(data: Any) -> str:
    if not isinstance(data, dict):
        return str(data)
    grouped = collections.OrderedDict(
        (name, value if isinstance(value, list) else [value]) for name, value in data.items())
    return "; ".join(f"{'' if name == '__all__' else name + ': '}{' '.join(map(str, value))}"
                     for name, value in grouped.items())
