"""The HTTP client behind the commands.

Every request that changes something carries an ``Idempotency-Key``, and is sent again with the
same key when the service cannot be reached or answers 503: it happens once or not at all.
"""

import datetime
import email.utils
import json
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from provisioner import exceptions

DEFAULT_URL = "http://127.0.0.1:6385"
#: seconds for one answer
TIMEOUT = 60
#: seconds for which an unreachable service is asked again
PATIENCE = 30.0
#: seconds between the first two tries; doubled each time, up to :data:`SLOWEST`
FIRST_PAUSE = 0.5
SLOWEST = 5.0
#: of the Bare Metal API, for ``/v1``; the newest that the commands know
MICROVERSION = "1.89"
_BY_STATUS = {400: exceptions.Invalid, 401: exceptions.Unauthenticated,
              403: exceptions.Forbidden, 404: exceptions.NotFound, 409: exceptions.Conflict,
              503: exceptions.Unavailable}


class Client:
    """One service.

    :param url: where it listens, with or without ``/v1``
    :param headers: gives the headers that say who asks, for each request anew
    :ivar patience: seconds for which a request is repeated
    :ivar skew: the service's clock minus ours, as its last answer told
    """

    def __init__(self, url: str = DEFAULT_URL,
                 headers: Callable[[], Mapping[str, str]] = dict, *,
                 login: tuple[str, str] | None = None,
                 sleep: Callable[[float], None] = time.sleep):
        self.url = url.rstrip("/").removesuffix("/v1")
        self.patience = PATIENCE
        self.skew = datetime.timedelta()
        self._headers = headers
        self._sleep = sleep
        self._session = requests.Session()
        self._session.auth = login

    def now(self) -> datetime.datetime:
        """The service's time, within a second or so."""
        return datetime.datetime.now(datetime.UTC) + self.skew

    def get(self, path: str, **query: Any) -> dict:
        """The JSON at ``path``; arguments that are None are left out."""
        return self._ask("GET", path, params=_given(query)).json()

    def text(self, path: str) -> str:
        """What is at ``path``, as text."""
        return self._ask("GET", path).text

    def pages(self, path: str, key: str, **query: Any) -> Iterator[dict]:
        """The items of a list, over all its pages."""
        body = self.get(path, **query)
        yield from body[key]
        while body.get("next"):
            following = urllib.parse.urlsplit(body["next"])
            body = self._ask("GET", f"{following.path}?{following.query}").json()
            yield from body[key]

    def post(self, path: str, body: Any, **query: Any) -> dict:
        """Send JSON; the JSON of the answer."""
        return self._send(path, json=body, params=_given(query))

    def put(self, path: str, body: Any) -> dict:
        """Set what is at ``path``; the JSON of the answer."""
        return self._ask("PUT", path, json=body).json()

    def post_yaml(self, path: str, text: bytes, **query: Any) -> dict:
        """Send documents; the JSON of the answer."""
        return self._send(path, data=text, params=_given(query),
                          headers={"Content-Type": "application/x-yaml"})

    def _send(self, path: str, headers: Mapping[str, str] | None = None, **request: Any) -> dict:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return self._ask("POST", path, headers={**(headers or {}), **key}, **request).json()

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **request: Any) -> requests.Response:
        """One request, repeated while the service is away.

        :raises ProvisionerError: what it answered, or that it did not
        """
        patience, pause = self.patience, FIRST_PAUSE
        while True:
            try:
                return self._once(method, path, request)
            except exceptions.Unavailable:
                if patience <= 0:
                    raise
            self._sleep(pause)
            patience, pause = patience - pause, min(pause * 2, SLOWEST)

    def _once(self, method: str, path: str, request: Mapping[str, Any]) -> requests.Response:
        headers = {"Accept": "application/json, */*;q=0.5",
                   "X-OpenStack-Ironic-API-Version": MICROVERSION,
                   **self._headers(), **request.get("headers", {})}
        try:
            answer = self._session.request(method, self.url + path, timeout=TIMEOUT,
                                           allow_redirects=False,
                                           **{**request, "headers": headers})
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema,
                requests.exceptions.MissingSchema):
            raise exceptions.Invalid(f"{self.url} is not a URL of a service.",
                                     remedy="Set --url or PROVISIONER_URL to http://host:6385."
                                     ) from None
        except (requests.ConnectionError, requests.Timeout,
                requests.exceptions.ChunkedEncodingError):
            raise exceptions.Unavailable(
                f"No answer from {self.url}.",
                remedy="Check that the service runs and that --url or PROVISIONER_URL names it."
            ) from None
        self._note_time(answer)
        if answer.status_code >= 300:
            raise error_of(answer)
        return answer

    def _note_time(self, answer: requests.Response) -> None:
        try:
            # Fixed length (RFC 9110 section 5.6.7); some servers send the header twice.
            there = email.utils.parsedate_to_datetime(answer.headers["Date"][:29])
        except (KeyError, ValueError):
            return
        there = there.replace(tzinfo=datetime.UTC)
        skew = there - datetime.datetime.now(datetime.UTC)
        # The header has whole seconds: less than that is no difference.
        self.skew = skew if abs(skew.total_seconds()) > 2 else datetime.timedelta()


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def error_of(answer: requests.Response) -> exceptions.ProvisionerError:
    """The error that an answer tells of, in any of the API's forms."""
    try:
        body = answer.json()
        inner = body.get("error", body.get("error_message", body))
        inner = json.loads(inner) if isinstance(inner, str) else inner
    except (ValueError, AttributeError):
        inner = {}
    inner = inner if isinstance(inner, dict) else {}
    if isinstance(inner.get("code"), str) and isinstance(inner.get("message"), str):
        return exceptions.from_dict(inner)
    message = next((inner[key] for key in ("faultstring", "message", "description", "title")
                    if isinstance(inner.get(key), str)), answer.reason or "no reason was given")
    kind = _BY_STATUS.get(answer.status_code, exceptions.ProvisionerError)
    text = message if answer.status_code < 500 else f"{answer.status_code}: {message}"
    error = kind(text)
    if kind is exceptions.Unauthenticated:
        error.remedy = "Set --username and --password, or PROVISIONER_USERNAME and _PASSWORD."
    return error
