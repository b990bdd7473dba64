"""Who asks. One strategy per process: nobody has to say, HTTP basic, or Keystone.

Without authentication the service refuses to start beyond loopback, unless the configuration
names that very wish: whoever reaches the port owns the machines.
"""

import hashlib
import hmac
import ipaddress
import os
import pathlib
import secrets
import threading
from collections.abc import Mapping

import bcrypt
from keystonemiddleware import auth_token
from oslo_config import cfg
from werkzeug.datastructures import Authorization

from provisioner import exceptions
from provisioner.context import RequestContext

REALM = 'Basic realm="Baremetal API"'
#: compared with for an unknown user, so that the answer takes as long as for a known one
_NOBODY = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(rounds=10))
#: verified passwords remembered at most
_REMEMBERED = 1000


class Denied(exceptions.Unauthenticated):
    """:ivar challenge: value of ``WWW-Authenticate``"""

    challenge = REALM


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class NoAuth:
    """Every request is an administrator's; credentials are ignored.

    :raises Misconfigured: if that would open the service to the network
    """

    def __init__(self, conf: cfg.ConfigOpts):
        if not is_loopback(conf.api.host) and not conf.api.allow_noauth_anywhere:
            raise exceptions.Misconfigured(
                f"Without authentication the API does not listen on {conf.api.host}.",
                remedy="Set [api] auth_strategy = http_basic, or host = 127.0.0.1, or, if "
                       "everybody on the network may own the machines, allow_noauth_anywhere.")

    def identify(self, environ: Mapping, request_id: str) -> RequestContext:
        return RequestContext(request_id, admin=True)


class HttpBasic:
    """Users and bcrypt hashes from a file, read again when it changes.

    A verified password is remembered (as a keyed digest, only in memory, only while the file is
    the same), because bcrypt is slow on purpose and clients poll.
    """

    def __init__(self, conf: cfg.ConfigOpts):
        self._file = pathlib.Path(conf.api.http_basic_auth_user_file)
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._seen: tuple | None = None
        self._users: dict[str, bytes] = {}
        self._verified: set[bytes] = set()
        self._read()

    def identify(self, environ: Mapping, request_id: str) -> RequestContext:
        """:raises Denied:"""
        given = Authorization.from_header(environ.get("HTTP_AUTHORIZATION"))
        if given is None or given.type != "basic" or not given.username:
            raise Denied("Authorization required")
        if not self._verify(given.username, (given.password or "").encode()):
            raise Denied("Incorrect username or password")
        return RequestContext(request_id, user=given.username, admin=True)

    def _verify(self, user: str, password: bytes) -> bool:
        with self._lock:
            self._read()
            hashed = self._users.get(user)
            digest = self._digest(user, password, hashed or b"")
            if hashed is not None and digest in self._verified:
                return True
        # At most 72 bytes count in bcrypt; newer libraries refuse more instead of cutting.
        right = bcrypt.checkpw(password[:72], hashed or _NOBODY)
        if not right or hashed is None:
            return False
        with self._lock:
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified.add(digest)
        return True

    def _digest(self, user: str, password: bytes, hashed: bytes) -> bytes:
        parts = b"\0".join((user.encode(), hashed, password))
        return hmac.digest(self._key, parts, hashlib.sha256)

    def _read(self) -> None:
        """:raises Misconfigured: if the file is missing or has no valid line"""
        try:
            status = os.stat(self._file)
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen == self._seen:
                return
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise exceptions.Misconfigured(
                f"The user file {self._file} cannot be read: {error.strerror}.",
                remedy="Set [api] http_basic_auth_user_file; lines as 'htpasswd -nbB' makes "
                       "them.") from error
        self._users = dict(self._user(line) for line in lines if line.strip())
        self._verified = set()
        self._seen = seen

    def _user(self, line: str) -> tuple[str, bytes]:
        user, _, hashed = line.strip().partition(":")
        if not user or not hashed.startswith(("$2y$", "$2a$", "$2b$")):
            raise exceptions.Misconfigured(
                f"The user file {self._file} has a line that is not 'user:bcrypt hash'.",
                remedy="Make lines with 'htpasswd -nbB USER PASSWORD'.")
        return user, hashed.encode()


class Keystone:
    """Tokens, validated by keystonemiddleware, which runs before and tells by headers."""

    def __init__(self, conf: cfg.ConfigOpts):
        self._conf = conf

    def wrap(self, application):
        """The middleware; what needs no token passes, so the decision is made here."""
        return auth_token.AuthProtocol(application, {
            "oslo_config_config": self._conf, "delay_auth_decision": True})

    def identify(self, environ: Mapping, request_id: str) -> RequestContext:
        """:raises Denied:"""
        if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
            denied = Denied("The request you have made requires authentication.")
            uri = self._conf.keystone_authtoken.www_authenticate_uri or ""
            denied.challenge = f'Keystone uri="{uri}"'
            raise denied
        roles = environ.get("HTTP_X_ROLES", "")
        return RequestContext(
            request_id, user=environ.get("HTTP_X_USER_ID"),
            project=environ.get("HTTP_X_PROJECT_ID"),
            roles=tuple(role.strip().lower() for role in roles.split(",") if role.strip()),
            system_scope=environ.get("HTTP_OPENSTACK_SYSTEM_SCOPE"))


STRATEGIES = {"noauth": NoAuth, "http_basic": HttpBasic, "keystone": Keystone}


def strategy(conf: cfg.ConfigOpts) -> NoAuth | HttpBasic | Keystone:
    """The one that the configuration names. :raises Misconfigured:"""
    return STRATEGIES[conf.api.auth_strategy](conf)
