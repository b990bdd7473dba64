"""The ``ipmi_*`` keys of ``driver_info``: what they mean, and the BMC that they describe."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from provisioner import exceptions
from provisioner.drivers import base

PRIVILEGES = {"CALLBACK": 1, "USER": 2, "OPERATOR": 3, "ADMINISTRATOR": 4}
MAX_NAME = 16
MAX_SECRET = 20

SETTINGS = (
    base.Setting("ipmi_address", "IP address or host name of the BMC.", kind="host",
                 required=True),
    base.Setting("ipmi_port", "UDP port of the BMC.", kind="port", default=623),
    base.Setting("ipmi_username", "User name on the BMC, at most 16 bytes; absent means the null "
                                  "user.", default=""),
    base.Setting("ipmi_password", "Password on the BMC, at most 20 bytes.", secret=True,
                 default=""),
    base.Setting("ipmi_priv_level", "Privilege level to log in with.", kind="choice",
                 choices=tuple(PRIVILEGES), default="ADMINISTRATOR"),
    base.Setting("ipmi_cipher_suite", "Cipher suite to use, 17 (SHA-256) or 3 (SHA-1); absent: 17 "
                                      "is tried first, then 3.", kind="int", choices=(3, 17)),
    base.Setting("ipmi_hex_kg_key", "The BMC's K_G key as 40 hexadecimal digits, if it has one.",
                 secret=True),
    base.Setting("ipmi_protocol_version", "Version of the protocol; only 2.0 is spoken.",
                 kind="choice", choices=("2.0",), default="2.0"),
    base.Setting("ipmi_bridging", "Bridging to another controller; only \"no\" is possible.",
                 kind="choice", choices=("no",), default="no"),
)


@dataclasses.dataclass(frozen=True)
class Bmc:
    """Where a BMC is and how to log in; never printed with its secrets.

    :ivar user: at most 16 bytes, empty for the null user
    :ivar privilege: maximum privilege level to ask for, 1 to 4 (IPMI 2.0 section 6.8)
    :ivar suite: the cipher suite to insist on, or None
    :ivar kg: the BMC's key K_G, or empty where it has none
    """

    address: str
    port: int
    user: bytes
    password: bytes = dataclasses.field(repr=False)
    privilege: int
    suite: int | None
    kg: bytes = dataclasses.field(repr=False)

    @property
    def key(self) -> tuple[str, int, bytes]:
        """What one session is kept for."""
        return self.address, self.port, self.user


def parse(settings: Mapping[str, Any]) -> Bmc:
    """The BMC that ``driver_info`` describes.

    :raises InvalidSetting: naming the key that is missing or wrong
    """
    values = base.check_settings(SETTINGS, plain(settings))
    return Bmc(address=values["ipmi_address"], port=values["ipmi_port"],
               user=_limited("ipmi_username", values["ipmi_username"], MAX_NAME),
               password=_limited("ipmi_password", values["ipmi_password"], MAX_SECRET),
               privilege=PRIVILEGES[values["ipmi_priv_level"]],
               suite=values["ipmi_cipher_suite"], kg=_kg(values["ipmi_hex_kg_key"]))


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Empty text counts as absent: an empty user name or password is the null user's."""
    return {name: str(value) if name == "ipmi_protocol_version" else value
            for name, value in settings.items() if value not in ("", None)}


def _limited(name: str, value: str, limit: int) -> bytes:
    raw = value.encode()
    if len(raw) > limit:
        raise exceptions.InvalidSetting(
            f"driver_info/{name} is longer than the {limit} bytes that IPMI allows.",
            remedy="Give the BMC's user a shorter one.", setting=name)
    return raw


def _kg(value: str | None) -> bytes:
    if value is None:
        return b""
    try:
        key = bytes.fromhex(value)
    except ValueError:
        key = b""
    if len(key) != MAX_SECRET:
        raise exceptions.InvalidSetting(
            "driver_info/ipmi_hex_kg_key must be 40 hexadecimal digits.",
            remedy="Write the 20 bytes of the BMC's K_G key in hexadecimal.",
            setting="ipmi_hex_kg_key")
    return key
