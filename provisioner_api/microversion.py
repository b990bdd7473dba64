"""Microversions of the Bare Metal API: which one a request is for, and what each one gates.

A version is its minor number; the major one is always 1. A request without a header is for the
minimum, never for the newest. The standard header wins over the older one.
"""

import re
from collections.abc import Mapping

from provisioner import exceptions

MINIMUM = 1
MAXIMUM = 110
SERVICE = "baremetal"
STANDARD = "OpenStack-API-Version"
LEGACY = "X-OpenStack-Ironic-API-Version"
LEGACY_MINIMUM = "X-OpenStack-Ironic-API-Minimum-Version"
LEGACY_MAXIMUM = "X-OpenStack-Ironic-API-Maximum-Version"
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})")


class NotAcceptable(exceptions.ProvisionerError):
    """Something that the requested version does not have."""

    code = "NotAcceptable"


class UnsupportedVersion(NotAcceptable):
    """A version that this server does not speak; there is no version to answer in."""

    code = "UnsupportedVersion"
    remedy = "Ask for a version in the range."


def text(minor: int) -> str:
    return f"1.{minor}"


def asked(headers: Mapping[str, str]) -> int:
    """The version of a request with these headers.

    :raises UnsupportedVersion: if it cannot be read, or is out of range
    """
    wanted = _standard(headers.get(STANDARD)) or headers.get(LEGACY)
    if wanted is None:
        return MINIMUM
    if wanted.strip().lower() == "latest":
        return MAXIMUM
    match = _VERSION.fullmatch(wanted.strip())
    if match is None:
        raise UnsupportedVersion(f"Invalid value for {LEGACY} header")
    major, minor = int(match[1]), int(match[2])
    if major != 1 or not MINIMUM <= minor <= MAXIMUM:
        raise UnsupportedVersion(
            f"Version {wanted.strip()} was requested but the minor version is not supported by "
            f"this service. The supported version range is: [{text(MINIMUM)}, {text(MAXIMUM)}].",
            remedy="")
    return minor


def _standard(value: str | None) -> str | None:
    """Our part of ``compute 2.90, baremetal 1.89``."""
    for item in (value or "").split(","):
        service, _, version = item.strip().partition(" ")
        if service.lower() == SERVICE:
            return version.strip()
    return None


def answer_headers(minor: int | None) -> dict[str, str]:
    """Headers of every answer. :param minor: None if the version asked for is not spoken"""
    headers = {LEGACY_MINIMUM: text(MINIMUM), LEGACY_MAXIMUM: text(MAXIMUM)}
    if minor is not None:
        headers[LEGACY] = text(minor)
    return headers


def require(minor: int, needed: int, what: str) -> None:
    """:raises NotAcceptable: if ``minor`` is below what ``what`` needs"""
    if minor < needed:
        raise NotAcceptable(f"Request not acceptable: {what}. The minimal required API version "
                            f"should be {text(needed)}.",
                            remedy=f"Ask for version {text(needed)} or newer.")
