"""The history checker: joins what the machines saw with what the database says.

The machines' log tells each command that a BMC or a ramdisk agent received, with time and
sender; ``take`` events tell which conductor owned which node from when on. All clocks are the one
host's. Proven here, of one finished run:

* no node is acted on by a conductor that did not own it at that moment;
* after a take, no changing command comes from the owner before, but for the one request that had
  passed its check when its process was frozen;
* a step recorded as done is not started again;
* each task has ended, and nobody holds a node any more.
"""

import collections
import dataclasses
import datetime

import sqlalchemy as sa

from provisioner.db import models
from provisioner.db.session import Database

#: seconds by which the log's and the database's reading of one clock may differ
SKEW = 0.05


@dataclasses.dataclass(frozen=True)
class Take:
    at: float
    epoch: int
    conductor: str


@dataclasses.dataclass(frozen=True)
class Stray:
    """A changing command from somebody who did not own the node. :ivar owner: who did"""

    node: str
    at: float
    sender: str
    owner: str | None
    command: str


def takes(database: Database) -> dict[str, list[Take]]:
    """Takes by node name, in order of time."""
    with database.reader() as tx:
        rows = tx.all(sa.select(
            models.nodes.c.name, models.events.c.created_at, models.events.c.epoch,
            models.events.c.conductor).join(
            models.nodes, models.nodes.c.uuid == models.events.c.node).where(
            models.events.c.kind == "take").order_by(models.events.c.created_at))
    found = collections.defaultdict(list)
    for row in rows:
        at = row.created_at.replace(tzinfo=datetime.UTC).timestamp()
        found[row.name].append(Take(at, row.epoch, row.conductor))
    return found


def strays(log: list[dict], owned: dict[str, list[Take]], senders: dict[str, str]) -> list[Stray]:
    """Changing commands that came from another conductor than the owner of that moment.

    :param senders: address -> conductor's hostname
    """
    found = []
    for line in log:
        sender = senders.get(line["from"])
        if not line["changes"] or sender is None:
            continue
        before = [take for take in owned.get(line["node"], ()) if take.at <= line["t"] + SKEW]
        owner = before[-1].conductor if before else None
        if owner != sender:
            found.append(Stray(line["node"], line["t"], sender, owner, line["command"]))
    return found


def epochs_grow(owned: dict[str, list[Take]]) -> None:
    """Each take has a greater epoch than the one before."""
    for node, list_ in owned.items():
        epochs = [take.epoch for take in list_]
        assert epochs == sorted(set(epochs)), f"{node}: epochs {epochs}"


def done_steps_stay_done(database: Database) -> None:
    """No step starts after it was recorded as done (retries of a task make new tasks)."""
    with database.reader() as tx:
        rows = tx.all(sa.select(models.events).where(models.events.c.kind.in_(
            ("step.started", "step.done"))).order_by(models.events.c.task,
                                                      models.events.c.sequence))
    done = set()
    for row in rows:
        key = (row.task, row.data["position"])
        if row.kind == "step.done":
            assert key not in done, f"step {row.data} of {row.task} done twice"
            done.add(key)
        else:
            assert key not in done, f"step {row.data} of {row.task} started after it was done"


def nothing_left(database: Database) -> None:
    """Each task has ended; no node is held or reserved."""
    with database.reader() as tx:
        open_tasks = tx.all(sa.select(models.tasks.c.uuid, models.tasks.c.state).where(
            models.tasks.c.finished_at.is_(None)))
        held = tx.all(sa.select(models.nodes.c.name).where(sa.or_(
            models.nodes.c.task.is_not(None), models.nodes.c.incarnation.is_not(None),
            models.nodes.c.reservation.is_not(None))))
    assert not open_tasks, f"tasks that have not ended: {open_tasks}"
    assert not held, f"nodes still held: {held}"


def check(database: Database, log: list[dict], senders: dict[str, str],
          allowed_strays: int = 0) -> list[Stray]:
    """All of it. :returns: the strays, ``allowed_strays`` at most"""
    owned = takes(database)
    epochs_grow(owned)
    done_steps_stay_done(database)
    nothing_left(database)
    found = strays(log, owned, senders)
    assert len(found) <= allowed_strays, f"acted without owning: {found[:10]}"
    return found
