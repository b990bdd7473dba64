"""Who should run what: consistent hashing over the live conductors. Pure.

The ring only spreads the work. Two processes that see different rings do no harm: the fence
decides.
"""

import dataclasses
from collections.abc import Iterable

from tooz import hashring


@dataclasses.dataclass(frozen=True)
class Member:
    """A live conductor. :ivar hardware_types: those it serves"""

    hostname: str
    group: str
    weight: int
    hardware_types: frozenset[str]


class Rings:
    """One ring per (hardware type, conductor group), for a given membership.

    Work without a hardware type (site tasks) goes over a ring of all members.
    """

    def __init__(self, members: Iterable[Member]):
        self.members = tuple(sorted(members, key=lambda member: member.hostname))
        self._rings: dict[tuple[str | None, str], hashring.HashRing] = {}

    def _ring(self, hardware_type: str | None, group: str) -> hashring.HashRing:
        key = (hardware_type, group)
        if key not in self._rings:
            ring = hashring.HashRing([])
            for member in self.members:
                if hardware_type is None or (
                        member.group == group and hardware_type in member.hardware_types):
                    ring.add_node(member.hostname, member.weight)
            self._rings[key] = ring
        return self._rings[key]

    def hosts(self, hardware_type: str | None, group: str | None, key: str) -> list[str]:
        """Hostnames in the order in which they should be asked; the first one owns ``key``.

        :param hardware_type: None for work that any conductor can do
        :param key: uuid of the node, or of the task
        """
        ring = self._ring(hardware_type, "" if hardware_type is None else group or "")
        order: list[str] = []
        while len(order) < len(ring.nodes):
            order.extend(ring.get_nodes(key.encode(), ignore_nodes=order))
        return order

    def owner(self, hardware_type: str | None, group: str | None, key: str) -> str | None:
        """The first of :meth:`hosts`, or None if nobody serves it."""
        ring = self._ring(hardware_type, "" if hardware_type is None else group or "")
        return next(iter(ring.get_nodes(key.encode())), None) if ring.nodes else None
