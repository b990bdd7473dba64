"""Checking PLAINTEXT signatures of OAuth 1.0a, one leg, the way a region does."""

import dataclasses
import re
import urllib.parse

from provisioner.simulator.maas.errors import ApiError
from provisioner.simulator.maas.routing import User

#: seconds that a client's clock may be off
THRESHOLD = 300
_FIELD = re.compile(r'(\w+)="([^"]*)"')


@dataclasses.dataclass
class Token:
    """An API key. :ivar nonces: those seen"""

    user: User
    consumer: str
    key: str
    secret: str
    name: str = "MAAS consumer"
    revoked: bool = False
    nonces: set = dataclasses.field(default_factory=set)

    @property
    def api_key(self) -> str:
        return f"{self.consumer}:{self.key}:{self.secret}"


def _refused(text: str) -> ApiError:
    return ApiError(401, f"Authorization Error: {text}", {
        "Content-Type": "text/html; charset=utf-8", "WWW-Authenticate": 'OAuth realm="OAuth"'})


def authenticate(header: str | None, tokens: list[Token], now: float) -> User | None:
    """Who sent the request; None if it carries no signature.

    :param now: seconds since the epoch
    :raises ApiError: 401
    """
    if not header or not header.startswith("OAuth "):
        return None
    fields = {name: urllib.parse.unquote(value) for name, value in _FIELD.findall(header)}
    token = next((one for one in tokens if not one.revoked
                  and one.key == fields.get("oauth_token")
                  and one.consumer == fields.get("oauth_consumer_key")), None)
    if token is None:
        raise _refused("Invalid API key.")
    sent = fields.get("oauth_timestamp", "")
    if not sent.isdigit() or abs(now - int(sent)) > THRESHOLD:
        raise _refused(f"'Expired timestamp: given {sent} and now {int(now)} has a greater "
                       f"difference than threshold {THRESHOLD}'")
    if fields.get("oauth_signature") != f"&{token.secret}":
        # A genuine region tells the right secret here; whoever logs this body has leaked it.
        raise _refused(f"'Invalid signature. Expected signature base string: &{token.secret}'")
    nonce = (sent, fields.get("oauth_nonce"))
    if nonce in token.nonces:
        raise _refused(f"'Nonce already used: {nonce[1]}'")
    token.nonces.add(nonce)
    return token.user
