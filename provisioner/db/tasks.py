"""Tasks and their steps: one table, one engine.

States: ``runnable`` (somebody should take it), ``running`` (a worker is inside), ``waiting`` (due
at ``due_at``, or when signalled); ended: ``succeeded``, ``failed``, ``cancelled``, ``parked``.
Everything that changes a task here, but for :func:`insert`, needs the fence.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from provisioner.db.models import conductors, new_uuid, nodes, steps, tasks
from provisioner.db.session import Transaction
from provisioner.db.signals import ENDED
from provisioner.steps import PENDING, StepSpec

RUNNABLE = "runnable"
RUNNING = "running"
WAITING = "waiting"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
PARKED = "parked"

#: distance between the positions of two steps, so that a step can put others behind itself
SPACING = 1000
__all__ = ["ENDED", "NewTask", "Waiting"]


@dataclasses.dataclass(frozen=True)
class NewTask:
    """What a task is made of.

    :ivar steps: stored with the task; never computed again
    :ivar request_key: unique among all requests (user and key); a second one finds this task
    """

    action: str
    steps: Sequence[StepSpec]
    node: str | None = None
    node_name: str | None = None
    args: dict = dataclasses.field(default_factory=dict)
    site: str | None = None
    design: str | None = None
    design_ref: str | None = None
    node_filter: dict | None = None
    parent: str | None = None
    root: str | None = None
    retry: int = 0
    request_key: str | None = None
    request_digest: str | None = None
    request_id: str | None = None
    user: str | None = None
    project: str | None = None


def insert(tx: Transaction, new: NewTask) -> str:
    """Insert a runnable task (already ``succeeded`` if it has no step); its uuid.

    :raises oslo_db.exception.DBDuplicateEntry: if its request key, or (parent, node, action,
        retry), exists
    """
    uuid = new_uuid()
    values = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)
              if field.name != "steps"}
    values["root"] = new.root or uuid
    ended = {"finished_at": tx.now(), "started_at": tx.now()} if not new.steps else {}
    tx.execute(sa.insert(tasks).values(
        uuid=uuid, state=RUNNABLE if new.steps else SUCCEEDED, due_at=tx.now(),
        created_at=tx.now(), updated_at=tx.now(), **ended, **values))
    insert_steps(tx, uuid, new.steps, SPACING)
    return uuid


def insert_steps(tx: Transaction, uuid: str, specs: Sequence[StepSpec], first: int,
                 spacing: int = SPACING) -> None:
    """Insert steps at positions ``first``, ``first + spacing`` …"""
    if specs:
        tx.execute(sa.insert(steps), [
            {"task": uuid, "position": first + number * spacing, "name": spec.name,
             "args": spec.args, "event": spec.event, "state": PENDING, "attempt": 0, "polls": 0}
            for number, spec in enumerate(specs)])


_BY_UUID = sa.select(tasks).where(tasks.c.uuid == sa.bindparam("uuid"))
_VERSION = sa.select(tasks.c.version).where(tasks.c.uuid == sa.bindparam("uuid"))
_STEPS = sa.select(steps).where(steps.c.task == sa.bindparam("uuid")).order_by(steps.c.position)


def get(tx: Transaction, uuid: str) -> sa.Row | None:
    return tx.one(_BY_UUID, uuid=uuid)


def version_of(tx: Transaction, uuid: str) -> int:
    """Moves with each change of the task under its fence."""
    return tx.scalar(_VERSION, uuid=uuid)


def lock(tx: Transaction, task: sa.Row) -> bool:
    """Lock an ended task, which nobody owns, for the rest of this transaction.

    :param task: as it was read; False if it has changed since
    """
    return tx.execute(sa.update(tasks).where(
        tasks.c.uuid == task.uuid, tasks.c.version == task.version, tasks.c.state == task.state,
    ).values(version=tasks.c.version)).rowcount == 1


def by_request_key(tx: Transaction, key: str) -> sa.Row | None:
    return tx.one(sa.select(tasks).where(tasks.c.request_key == key))


def steps_of(tx: Transaction, uuid: str) -> list[sa.Row]:
    """The task's steps in order."""
    return tx.all(_STEPS, uuid=uuid)


def steps_of_many(tx: Transaction, uuids: Iterable[str]) -> dict[str, list[sa.Row]]:
    """Steps of several tasks, by task."""
    found: dict[str, list[sa.Row]] = {}
    for row in tx.all(sa.select(steps).where(steps.c.task.in_(tuple(uuids))).order_by(
            steps.c.task, steps.c.position)):
        found.setdefault(row.task, []).append(row)
    return found


def children(tx: Transaction, parent: str,
             columns: Sequence[str] | None = None) -> list[sa.Row]:
    """Direct children, oldest first. :param columns: only these; None means all"""
    chosen = [tasks.c[name] for name in columns] if columns else [tasks]
    return tx.all(sa.select(*chosen).where(tasks.c.parent == parent).order_by(tasks.c.id))


@dataclasses.dataclass(frozen=True)
class TaskFilter:
    """Which tasks: all conditions given must hold. :ivar top: only those without a parent"""

    site: str | None = None
    node: str | None = None
    action: str | None = None
    states: tuple[str, ...] | None = None
    root: str | None = None
    top: bool = False
    before: int | None = None


def find(tx: Transaction, wanted: TaskFilter, limit: int = 1000) -> list[sa.Row]:
    """Tasks, newest first, ``limit`` at most; page on with ``before`` = last id."""
    query = sa.select(tasks).order_by(tasks.c.id.desc()).limit(limit)
    for column in ("site", "node", "action", "root"):
        if getattr(wanted, column) is not None:
            query = query.where(tasks.c[column] == getattr(wanted, column))
    if wanted.states is not None:
        query = query.where(tasks.c.state.in_(wanted.states))
    if wanted.top:
        query = query.where(tasks.c.parent.is_(None))
    if wanted.before is not None:
        query = query.where(tasks.c.id < wanted.before)
    return tx.all(query)


_OPEN = (RUNNABLE, WAITING, RUNNING)
#: ready tasks read at a time
PAGE = 1000


def held(tx: Transaction, incarnation: str, margin: float) -> list[sa.Row]:
    """Tasks that may be taken from their owner, the longest due first.

    The owner was declared dead at least ``margin`` seconds ago; or it is ``incarnation`` itself,
    whose caller must leave out those with a live worker. Columns: uuid, node, state, action,
    due_at, id, whether it has ``overrun`` its ``run_until``, the fence row's ``fence_epoch`` and
    ``owner``, and the node's ``driver`` and ``conductor_group`` for the ring.
    """
    found = []
    for fence in (nodes, tasks):
        dead = sa.exists().where(
            conductors.c.incarnation == fence.c.incarnation, conductors.c.dead.is_(True),
            conductors.c.dead_at <= tx.now(-margin))
        found += tx.all(_taking(tx, fence).where(
            fence.c.incarnation.is_not(None), tasks.c.state.in_(_OPEN),
            sa.or_(fence.c.incarnation == incarnation, dead)))
    return sorted(found, key=lambda row: (row.due_at is not None, row.due_at, row.id))


def ready(tx: Transaction, limit: int | None = None, after: sa.Row | None = None) -> list[sa.Row]:
    """Tasks that nobody owns and whose time has come, the longest due first; as :func:`held`.

    Whom they are for is not known here: who stops at the first page may never see its own.

    :param after: last row of the page before
    """
    owner = sa.case((tasks.c.node.is_(None), tasks.c.incarnation), else_=nodes.c.incarnation)
    query = _taking(tx, None).where(
        tasks.c.state.in_(_OPEN), tasks.c.due_at <= tx.now(), owner.is_(None))
    if after is not None:
        query = query.where(sa.or_(tasks.c.due_at > after.due_at, sa.and_(
            tasks.c.due_at == after.due_at, tasks.c.id > after.id)))
    return tx.all(query.order_by(tasks.c.due_at, tasks.c.id).limit(limit or PAGE))


def due(tx: Transaction, incarnation: str, margin: float, limit: int = PAGE) -> list[sa.Row]:
    """Tasks that somebody may take now: :func:`held` ones, then ``limit`` :func:`ready` ones."""
    return [*held(tx, incarnation, margin), *ready(tx, limit)]


def _taking(tx: Transaction, fence: sa.Table | None) -> sa.Select:
    """What a taker needs to know. :param fence: only tasks with their fence there, if given"""
    shows = nodes.c.task == tasks.c.uuid
    query = sa.select(
        tasks.c.id, tasks.c.uuid, tasks.c.node, tasks.c.state, tasks.c.action, tasks.c.due_at,
        sa.func.coalesce(nodes.c.epoch, tasks.c.epoch).label("fence_epoch"),
        sa.case((tasks.c.node.is_(None), tasks.c.incarnation),
                else_=nodes.c.incarnation).label("owner"),
        nodes.c.driver, nodes.c.conductor_group,
        (tasks.c.run_until < tx.now()).label("overrun"),
    ).select_from(tasks.join(nodes, nodes.c.uuid == tasks.c.node, isouter=fence is not nodes))
    if fence is None:
        return query.where(sa.or_(tasks.c.node.is_(None), shows))
    return query.where(shows if fence is nodes else tasks.c.node.is_(None))


def update(tx: Transaction, uuid: str, **values) -> None:
    """Set columns of a task. Under the fence."""
    tx.execute(sa.update(tasks).where(tasks.c.uuid == uuid).values(
        updated_at=tx.now(), version=tasks.c.version + 1, **values))


def update_step(tx: Transaction, uuid: str, position: int, **values) -> None:
    """Set columns of a step. Under the fence."""
    tx.execute(sa.update(steps).where(
        steps.c.task == uuid, steps.c.position == position).values(**values))


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A wait to be recorded.

    :ivar wake: the counter as it was read when the step began; if it has moved meanwhile, the
        task stays runnable
    """

    wake: int
    poll: float
    what: str
    late: str
    deadline: object = None
    settle: float = 0.0


def wait(tx: Transaction, uuid: str, waiting: Waiting) -> None:
    """Record a wait without losing a wake-up. Under the fence."""
    moved = tasks.c.wake != waiting.wake
    update(tx, uuid, state=sa.case((moved, RUNNABLE), else_=WAITING),
           due_at=sa.case((moved, tx.now(waiting.settle)), else_=tx.now(waiting.poll)),
           run_until=None, wait_for=waiting.what, wait_late=waiting.late,
           deadline=waiting.deadline)


def count_states(tx: Transaction) -> dict[str, int]:
    """How many tasks there are in each state."""
    return {row.state: row.n for row in tx.all(
        sa.select(tasks.c.state, sa.func.count().label("n")).group_by(tasks.c.state))}
