"""Hardware types as live conductors offer them: read from the database, never from a driver."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from provisioner import exceptions
from provisioner.db import conductors
from provisioner.db.models import INTERFACE_KINDS
from provisioner.db.session import Transaction


@dataclasses.dataclass(frozen=True)
class Offer:
    """What at least one live conductor offers under one name.

    :ivar interfaces: kind -> names, the default first
    :ivar settings: name -> {help, required, secret, kind, default, choices}
    """

    name: str
    hosts: tuple[str, ...]
    interfaces: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Mapping[str, Any]]

    def default(self, kind: str) -> str | None:
        return next(iter(self.interfaces.get(kind, ())), None)

    def secret_names(self) -> frozenset[str]:
        return frozenset(name for name, setting in self.settings.items() if setting.get("secret"))

    def check(self, kind: str, name: str) -> None:
        """:raises Invalid: if nobody offers that interface"""
        known = self.interfaces.get(kind, ())
        if name not in known:
            raise exceptions.Invalid(
                f"Could not find the following interface in the '{self.name}' driver: "
                f"{kind}_interface {name}.", remedy=f"Use one of: {', '.join(known) or 'none'}.")


def offers(tx: Transaction) -> dict[str, Offer]:
    """Every hardware type that a live conductor offers, by name."""
    live = {row.incarnation: row.hostname for row in conductors.live(tx)}
    found: dict[str, Offer] = {}
    for row in conductors.offers(tx, live):
        old = found.get(row.hardware_type) or Offer(row.hardware_type, (), {}, {})
        kinds = dict.fromkeys([*old.interfaces, *row.interfaces])
        found[row.hardware_type] = Offer(
            row.hardware_type, tuple(sorted({*old.hosts, live[row.incarnation]})),
            {kind: tuple(dict.fromkeys([*old.interfaces.get(kind, ()),
                                        *row.interfaces.get(kind, ())])) for kind in kinds},
            {**old.settings, **row.settings})
    return found


def require(tx: Transaction, name: str) -> Offer:
    """The hardware type of that name. :raises Invalid: if no live conductor offers it"""
    found = offers(tx)
    if name not in found:
        raise exceptions.Invalid(
            f"No conductor service registered which supports driver {name}.",
            remedy=f"Offered now: {', '.join(found) or 'none'}. Enable it in "
                   "[conductor] enabled_hardware_types of a running conductor.")
    return found[name]


def interfaces(offer: Offer, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """``{kind}_interface`` for every kind: what was given, else the default.

    :param given: column -> name or None
    :raises Invalid: for an interface that nobody offers
    """
    chosen = {}
    for kind in INTERFACE_KINDS:
        column = f"{kind}_interface"
        name = given.get(column)
        if name is None:
            chosen[column] = offer.default(kind)
            continue
        offer.check(kind, name)
        chosen[column] = name
    return chosen
