"""Seal anew, with the first key of a box, everything that rests in the database.

Services may run meanwhile: a value is replaced by compare-and-set, and one that was changed at
that moment is looked at again. Killing this loses nothing; the next run goes on where values are
still sealed with another key.
"""

import dataclasses
import json
from collections.abc import Iterator

import sqlalchemy as sa

from provisioner import exceptions, secrets
from provisioner.db.models import designs, node_agents, nodes, signals, steps, tasks
from provisioner.db.session import Database, Transaction

#: looks at one column before it is called too busy
PASSES = 10


@dataclasses.dataclass(frozen=True)
class Place:
    """A column that may hold sealed values.

    :ivar whole: the column is one sealed text; else JSON with sealed values somewhere inside
    """

    table: sa.Table
    column: str
    whole: bool = False

    @property
    def key(self) -> list[sa.Column]:
        return list(self.table.primary_key)

    @property
    def raw(self):
        """The column as the text that is stored."""
        return sa.type_coerce(self.table.c[self.column], sa.Text())

    def __str__(self) -> str:
        return f"{self.table.name}.{self.column}"


PLACES = (
    Place(nodes, "driver_info"), Place(nodes, "instance_info"),
    Place(nodes, "driver_internal_info"), Place(node_agents, "token", whole=True),
    Place(designs, "documents", whole=True),
    Place(tasks, "args"), Place(steps, "args"), Place(steps, "result"), Place(signals, "data"))


@dataclasses.dataclass
class Outcome:
    """:ivar unreadable: places and keys of rows with a value that no key opens"""

    resealed: int = 0
    unreadable: list[str] = dataclasses.field(default_factory=list)


class Resealer:
    """Seals with ``sealing``, opens with ``box``.

    :param sealing: a box of the new key alone
    """

    def __init__(self, database: Database, box: secrets.Box, sealing: secrets.Box, *,
                 batch: int = 100):
        self._database = database
        self._box = box
        self._sealing = sealing
        self._batch = batch

    def run(self) -> Outcome:
        """Seal everything anew; at the end nothing is sealed with another key but what was
        written since it was looked at.

        :raises Conflict: if a column was changed too often meanwhile
        """
        outcome = Outcome()
        for place in PLACES:
            for _ in range(PASSES):
                if not self._pass(place, outcome):
                    break
            else:
                raise exceptions.Conflict(f"{place} is changed too often.",
                                          remedy="Run the rotation again.")
        return outcome

    def _pass(self, place: Place, outcome: Outcome) -> int:
        """Look at each value of a place once; how many were changed by others meanwhile."""
        missed = 0
        for rows in self._batches(place):
            stale = [(row, new) for row in rows
                     if (new := self._renewed(place, row, outcome)) is not None]
            if stale:
                done = self._database.write(lambda tx, stale=stale: sum(
                    _swap(tx, place, row, new) for row, new in stale))
                outcome.resealed += done
                missed += len(stale) - done
        return missed

    def _batches(self, place: Place) -> Iterator[list[sa.Row]]:
        holds = (place.raw.is_not(None) if place.whole
                 else place.raw.contains(f'"{secrets.SEALED}"', autoescape=True))
        query = sa.select(*place.key, place.raw.label("_raw")).where(holds).order_by(
            *place.key).limit(self._batch)
        rows: list[sa.Row] = []
        while not rows or len(rows) == self._batch:
            behind = sa.tuple_(*place.key) > sa.tuple_(*rows[-1][:-1]) if rows else sa.true()
            with self._database.reader() as tx:
                rows = tx.all(query.where(behind))
            if not rows:
                return
            yield rows

    def _renewed(self, place: Place, row: sa.Row, outcome: Outcome) -> str | None:
        """The text to store instead, or None if the new key opens all of it already."""
        value = {secrets.SEALED: row[-1]} if place.whole else json.loads(row[-1])
        try:
            self._sealing.open(value)
            return None
        except exceptions.Misconfigured:
            pass
        try:
            new = self._box.reseal(value)
        except exceptions.Misconfigured:
            name = f"{place} {'/'.join(str(part) for part in row[:-1])}"
            if name not in outcome.unreadable:
                outcome.unreadable.append(name)
            return None
        return new[secrets.SEALED] if place.whole else json.dumps(new, sort_keys=True)


def _swap(tx: Transaction, place: Place, row: sa.Row, new: str) -> bool:
    """Replace a value, if it is still as it was read.

    A node's ``updated_at`` moves too, so that a change made from the old value is refused.
    """
    table = place.table
    also = {"updated_at": tx.now()} if table is nodes else {}
    mine = [column == value for column, value in zip(place.key, row, strict=False)]
    return tx.execute(sa.update(table).where(*mine, place.raw == row[-1]).values(
        {place.column: sa.literal(new, sa.Text()), **also})).rowcount == 1
