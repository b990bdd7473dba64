"""References to site designs: from a URI to bytes, within what the configuration allows.

``file:`` references are read only below configured folders, HTTP ones only from configured hosts;
both are off by default. Nothing is followed elsewhere: no redirect, no symbolic link that leaves
its folder. Passwords in a URI are used, and never repeated in an error.
"""

import os
import pathlib
import urllib.parse
from collections.abc import Iterable

import requests

from provisioner import exceptions
from provisioner.clock import Clock

#: bytes of a design at most
LIMIT = 16 * 1024 * 1024
#: schemes whose part before ``+`` names the tool that serves the documents
_TOOLS = ("deckhand", "promenade")
_CHUNK = 1 << 16


def without_password(uri: str) -> str:
    """The URI as it may be shown: user name and password left out."""
    parts = urllib.parse.urlsplit(uri)
    netloc = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=netloc))


def fetch(uri: str, roots: Iterable[str], hosts: Iterable[str], timeout: float = 30.0,
          clock: Clock | None = None) -> bytes:
    """The content that ``uri`` refers to.

    :param roots: folders below which ``file:`` references are read
    :param hosts: ``host`` (any port) or ``host:port`` from which HTTP references are fetched
    :param timeout: seconds to connect, and for the whole answer
    :raises Invalid: if the reference is not allowed, not readable, or larger than :data:`LIMIT`
    :raises Unavailable: if the host does not answer, or answers with a server error
    """
    try:
        parts = urllib.parse.urlsplit(uri)
        port = parts.port
    except ValueError:
        raise _refused("<unreadable>", "is not a URI", "Write file:///path or http://host/path."
                       ) from None
    tool, plus, scheme = parts.scheme.rpartition("+")
    if scheme in ("http", "https") and (not plus or tool in _TOOLS):
        address = parts._replace(scheme=scheme)
        _check_host(address, port, hosts)
        return _get(address, timeout, clock or Clock())
    if parts.scheme == "file":
        return _read(parts, roots)
    raise _refused(without_password(uri), f"has no scheme that is known ({parts.scheme!r})",
                   "Use file, http, https, or these behind deckhand+ or promenade+.")


def _refused(shown: str, what: str, remedy: str) -> exceptions.Invalid:
    return exceptions.Invalid(f"The reference {shown} {what}.", remedy=remedy, reference=shown)


def _read(parts: urllib.parse.SplitResult, roots: Iterable[str]) -> bytes:
    shown = parts.geturl()
    if parts.netloc not in ("", "localhost"):
        raise _refused(shown, "names another host", "Write file:///path.")
    path = pathlib.Path(os.path.realpath(urllib.parse.unquote(parts.path)))
    real = [pathlib.Path(os.path.realpath(root)) for root in roots]
    if not any(path.is_relative_to(root) for root in real):
        raise _refused(shown, "is not below a folder that may be read",
                       "Send the documents in the request, or have the folder added to "
                       "[api] design_file_roots.")
    if not path.is_file():
        raise _refused(shown, "is not a file", "Check the path; it is read on the server.")
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise _refused(shown, f"cannot be read: {error.strerror}",
                       "Let the service's user read the file.") from None
    return _within_limit(content, shown)


def _within_limit(content: bytes, shown: str) -> bytes:
    if len(content) > LIMIT:
        raise _refused(shown, f"is larger than {LIMIT >> 20} MiB", "Split the design.")
    return content


def _check_host(address: urllib.parse.SplitResult, port: int | None,
                hosts: Iterable[str]) -> None:
    host = (address.hostname or "").lower()
    named = f"[{host}]" if ":" in host else host
    number = port or (443 if address.scheme == "https" else 80)
    if not {host, named, f"{named}:{number}"} & {entry.lower() for entry in hosts} or not host:
        raise _refused(without_password(address.geturl()),
                       "is on a host from which nothing may be fetched",
                       "Send the documents in the request, or have the host added to "
                       "[api] design_http_hosts.")


def _get(address: urllib.parse.SplitResult, timeout: float, clock: Clock) -> bytes:
    shown = without_password(address.geturl())
    login = (urllib.parse.unquote(address.username), urllib.parse.unquote(address.password or "")
             ) if address.username else None
    session = requests.Session()
    session.trust_env = False
    try:
        with session.get(shown, auth=login, timeout=timeout, stream=True,
                         allow_redirects=False) as answer:
            _check_status(answer.status_code, shown)
            return _download(answer, shown, clock, clock.elapsed() + timeout)
    except requests.RequestException as error:
        raise exceptions.Unavailable(
            f"The reference {shown} could not be fetched: {type(error).__name__}.",
            remedy="Check that the host answers, then repeat the request.",
            reference=shown) from None


def _check_status(status: int, shown: str) -> None:
    if status >= 500:
        raise exceptions.Unavailable(f"The host of {shown} answered {status}.", reference=shown)
    if status in (401, 403):
        raise _refused(shown, f"was refused with {status}",
                       "Write the login into the reference: http://user:password@host/path.")
    if status != 200:
        raise _refused(shown, f"was answered with {status}",
                       "Check the path. Redirects are not followed.")


def _download(answer: requests.Response, shown: str, clock: Clock, until: float) -> bytes:
    content = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        content += chunk
        _within_limit(content, shown)
        if clock.elapsed() > until:
            raise exceptions.Unavailable(f"The reference {shown} took too long.",
                                         reference=shown)
    return bytes(content)
