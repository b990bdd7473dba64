"""Events: as a list, and as a live stream (server-sent events, WHATWG HTML section 9.2).

Ids of events may become visible out of order, so a stream looks back over a window of seconds and
drops what it has sent already.
"""

import collections
import json
import re
import threading
from collections.abc import Iterator

import sqlalchemy as sa

from provisioner import exceptions, secrets
from provisioner.clock import Clock
from provisioner.db import events, nodes
from provisioner.db.models import events as events_table
from provisioner.db.models import tasks as tasks_table
from provisioner.db.session import Database, Transaction
from provisioner_api import arguments
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call, ok
from provisioner_api.site import answers
from provisioner_api.site.answers import stamp
from provisioner_api.site.tasks import require

#: seconds between two looks at the database
INTERVAL = 1.0
#: seconds within which an event that was written earlier may still become visible
WINDOW = 10.0
#: seconds between comments that keep a silent connection open
HEARTBEAT = 15.0
#: events read in one query
BATCH = 1000
_ARGUMENTS = {"after": Argument("int", 0), "limit": Argument("int", 0),
              "follow": Argument("bool", 0)}


def view(row: sa.Row) -> dict:
    return {"id": row.id, "uuid": row.uuid, "kind": row.kind, "severity": row.severity,
            "message": row.message, "node": row.node, "task": row.task,
            "sequence": row.sequence, "data": secrets.mask(row.data), "user": row.user,
            "conductor": row.conductor, "epoch": row.epoch,
            "created_at": stamp(row.created_at)}


class Streams:
    """Counts streams, so that they never take all of the server's threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._open = 0

    def enter(self, limit: int) -> None:
        """:raises Unavailable: if ``limit`` streams are open"""
        with self._lock:
            if self._open >= limit:
                raise exceptions.Unavailable(
                    f"{limit} event streams are open already.",
                    remedy="Close one, raise [api] threads, or read the list with after=.")
            self._open += 1

    def leave(self) -> None:
        with self._lock:
            self._open -= 1


#: of this process
streams = Streams()


def task_uuids(tx: Transaction, row: sa.Row) -> tuple[str, ...]:
    """The task and everything below it, if it is the top of its tree."""
    if row.parent is not None:
        return (row.uuid,)
    below = tx.all(sa.select(tasks_table.c.uuid).where(tasks_table.c.root == row.uuid))
    return (row.uuid, *(item.uuid for item in below if item.uuid != row.uuid))


def _wanted(tx: Transaction, node: str | None, task: str | None, after: int
            ) -> events.EventFilter:
    """:raises NotFound:"""
    return events.EventFilter(
        node=nodes.require(tx, node).uuid if node else None,
        tasks=task_uuids(tx, require(tx, task)) if task else None, after=after)


def index(call: Call) -> Answer:
    """Events after an id, oldest first; with ``follow`` as a stream that goes on."""
    call.authorize()
    given = arguments.query(call, {**_ARGUMENTS, "node": Argument("str", 0),
                                   "task": Argument("str", 0)})
    return _answer(call, given)


def of_task(call: Call, uuid: str) -> Answer:
    """Events of a task; of a site task also those of its children."""
    call.authorize()
    return _answer(call, {**arguments.query(call, _ARGUMENTS), "task": uuid})


def _answer(call: Call, given: dict) -> Answer:
    node, task, after = given.get("node"), given.get("task"), given.get("after")
    last = call.headers.get("Last-Event-ID", "")
    if given.get("follow"):
        after = int(last) if re.fullmatch(r"\d{1,18}", last) else after
        return _stream(call, Tail(call.services.database, node, task, after))
    limit = answers.limit(call, given)
    with call.services.database.reader() as tx:
        rows = events.find(tx, _wanted(tx, node, task, after or 0), limit)
    return ok({"events": [view(row) for row in rows],
               "after": rows[-1].id if rows else after or 0})


class Tail:
    """New events, each once, in the order in which they become visible.

    :param after: id of the last event already seen; None begins with what comes from now on
    """

    def __init__(self, database: Database, node: str | None, task: str | None,
                 after: int | None):
        self._database = database
        self._wanted = (node, task)
        self._clock = database.clock
        self._seen: set[int] = set()
        self._marks: collections.deque = collections.deque()
        with database.reader() as tx:
            _wanted(tx, node, task, 0)
            newest = tx.scalar(sa.select(sa.func.max(events_table.c.id))) or 0
        self._floor = newest if after is None else after
        self._top = self._floor

    def poll(self) -> list[sa.Row]:
        """What has become visible since the last time."""
        new, cursor, full = [], self._floor, True
        with self._database.reader() as tx:
            while full:
                rows = events.find(tx, _wanted(tx, *self._wanted, cursor), BATCH)
                new += [row for row in rows if row.id not in self._seen]
                full = len(rows) == BATCH
                cursor = rows[-1].id if rows else cursor
        self._seen.update(row.id for row in new)
        self._move(cursor)
        return new

    def _move(self, top: int) -> None:
        """Look back no further than the top of ``WINDOW`` seconds ago."""
        now = self._clock.elapsed()
        self._top = max(self._top, top)
        self._marks.append((now, self._top))
        while self._marks and self._marks[0][0] < now - WINDOW:
            self._floor = max(self._floor, self._marks.popleft()[1])
        self._seen = {ident for ident in self._seen if ident > self._floor}


def _stream(call: Call, tail: Tail) -> Answer:
    limit = max(1, call.services.conf.api.threads // 4)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Answer(200, Stream(tail, call.services.clock, limit), headers, "text/event-stream")


class Stream:
    """The text of a stream, as WSGI iterates over it and closes it.

    It ends when the client goes: writing a line fails then, and the server closes it.

    :raises Unavailable: if too many are open
    """

    def __init__(self, tail: Tail, clock: Clock, limit: int):
        self._tail = tail
        self._clock = clock
        self._pause = threading.Event()
        streams.enter(limit)

    def close(self) -> None:
        """Called once, by the server."""
        if not self._pause.is_set():
            self._pause.set()
            streams.leave()

    def __iter__(self) -> Iterator[str]:
        sent_at = self._clock.elapsed()
        yield ": open\n\n"
        while not self._clock.wait(self._pause, INTERVAL):
            for row in self._tail.poll():
                sent_at = self._clock.elapsed()
                yield f"id: {row.id}\nevent: {row.kind}\ndata: {json.dumps(view(row))}\n\n"
            if self._clock.elapsed() - sent_at >= HEARTBEAT:
                sent_at = self._clock.elapsed()
                yield ": beat\n\n"
