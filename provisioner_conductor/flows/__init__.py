"""Flows: what a verb does, as a list of steps. One file each; the engine knows none of them."""

from provisioner import exceptions
from provisioner_conductor.flows import (
    adopt,
    clean,
    delete,
    deploy,
    inspect,
    manage,
    power,
    rescue,
    site,
)
from provisioner_conductor.flows.base import Flow

_FLOWS: dict[str, Flow] = {
    flow.action: flow
    for module in (adopt, clean, delete, deploy, inspect, manage, power, rescue, site)
    for flow in module.FLOWS}


def get(action: str) -> Flow:
    """:raises Invalid: if there is no such flow"""
    if action not in _FLOWS:
        raise exceptions.Invalid(f"There is no action {action!r}.",
                                 remedy=f"Use one of: {', '.join(sorted(_FLOWS))}.")
    return _FLOWS[action]


def is_known(action: str) -> bool:
    """Whether this release can carry out ``action``."""
    return action in _FLOWS


def registered() -> dict[str, Flow]:
    """All flows by action."""
    return dict(_FLOWS)
