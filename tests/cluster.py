"""A whole cluster in one thread: conductors, their database, machines, and a clock that is moved.

Nothing here runs by itself. :meth:`Cluster.run` lets every live process sweep, lets agents call,
renews leases, and moves the clock to what is due next; a task runs inside the sweep that takes it.
On SQLite database time is the same simulated clock. A process dies by :class:`Died`, raised out of
the middle of what it does: its transaction is rolled back, and nothing of it runs again.
"""

import contextlib
import dataclasses
import datetime
import itertools
import shutil
import sqlite3
import uuid as uuidlib
from collections.abc import Callable

import sqlalchemy as sa
from oslo_db.sqlalchemy import engines

from provisioner import secrets
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, models, nodes, ports, tasks
from provisioner.db.session import Database
from provisioner.drivers.fake import FakeHardware
from provisioner.drivers.maas import MaasHardware
from provisioner.rpc.client import MembershipView, TaskRequest
from provisioner_conductor import steps as registered_steps
from provisioner_conductor.accept import Acceptor
from provisioner_conductor.context import Services
from provisioner_conductor.design_library import DesignLibrary
from provisioner_conductor.engine import Engine
from provisioner_conductor.hardware import Hardware
from provisioner_conductor.lease import Lease
from provisioner_conductor.sweep import Sweeper
from provisioner_conductor.worker import Workers
from tests.cluster_machines import Sender, World

START = datetime.datetime(2030, 1, 1)
AGENT_NODE = {"deploy_interface": "direct", "boot_interface": "ipxe", "inspect_interface": "agent"}
IMAGE = {"image_source": "http://images.invalid/os", "image_checksum": "a" * 64}
KERNEL = {"deploy_kernel": "http://images.invalid/kernel",
          "deploy_ramdisk": "http://images.invalid/ramdisk"}
BOX = secrets.Box([secrets.new_key()])

assert registered_steps


class Died(BaseException):
    """The process is gone: no handler of its own sees this."""


class SimulatedClock(Clock):
    """A clock that only tests and waits move."""

    def __init__(self):
        super().__init__(seed=0)
        self.seconds = 1000.0

    def elapsed(self) -> float:
        return self.seconds

    def utcnow(self) -> datetime.datetime:
        return (START + datetime.timedelta(seconds=self.seconds)).replace(tzinfo=datetime.UTC)

    def wait(self, event, timeout: float) -> bool:
        if not event.is_set():
            self.seconds += timeout
        return event.is_set()

    def wait_change(self, condition, timeout: float) -> None:
        self.seconds += timeout

    def strftime(self, form: str, now: str, modifier: str) -> str:
        """SQLite's function of that name, as the program's statements use it."""
        offset = float(modifier.removesuffix(" seconds"))
        moment = START + datetime.timedelta(seconds=self.seconds + offset)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


class SimulatedDatabase(Database):
    """A database whose time, on SQLite, is the clock's; forgetful files, so that it is fast.

    :ivar point: called before and after each commit that has changed something
    """

    def __init__(self, url: str, clock: Clock):
        super().__init__(url, clock)
        self.point = lambda name: None
        if self.is_sqlite and isinstance(clock, SimulatedClock):
            sa.event.listen(self.engine, "connect", self._simulate)
            self._keep_connections()
        sa.event.listen(self.engine, "after_cursor_execute", _note_change)

    def _simulate(self, connection, record) -> None:
        connection.create_function("strftime", 3, self.clock.strftime)
        connection.execute("PRAGMA synchronous=OFF")

    def _keep_connections(self) -> None:
        """Opening a file for each transaction, and yielding after it, is what takes the time."""
        old = self.engine.pool
        sa.event.remove(self.engine, "checkin", engines._thread_yield)
        self.engine.pool = sa.pool.QueuePool(old._creator, _dispatch=old.dispatch,
                                             dialect=self.engine.dialect)

    @contextlib.contextmanager
    def writer(self):
        with super().writer() as tx:
            info = tx.execute(sa.text("SELECT 1")).connection.info
            info["changed"] = False
            yield tx
            changed = info["changed"]
            if changed:
                self.point("before commit")
        if changed:
            self.point("after commit")


def _note_change(connection, cursor, statement, *rest) -> None:
    if cursor.rowcount > 0 and statement.lstrip()[:6] in ("UPDATE", "INSERT", "DELETE"):
        connection.info["changed"] = True


class ManualLease(Lease):
    """A lease that is renewed when the test says so."""

    def start(self) -> None:
        """Register, or leave ``current`` None if another of this name lives."""
        self._begin()


class InlineWorkers(Workers):
    """Workers that run a task before :meth:`submit` returns. Death goes through."""

    class _Pool:
        @staticmethod
        def submit(function, *args) -> None:
            function(*args)

        @staticmethod
        def shutdown(wait: bool) -> None:
            """Nothing outlives its call."""

    def __init__(self, engine: Engine, size: int):
        super().__init__(engine, size, lambda due: None)
        self._pool.shutdown()
        self._pool = self._Pool()


class WatchedEngine(Engine):
    """Tells the cluster of each call of a step.

    :ivar disturb: ``(context, call) -> outcome``; by default it just calls
    """

    def __init__(self, process: "Process"):
        super().__init__(process.services)
        self._process = process

    def _call(self, run, context):
        self._process.cluster.called(run, context)
        return self._process.cluster.disturb(
            context, lambda: super(WatchedEngine, self)._call(run, context))


class Process(Sender):
    """One start of one conductor."""

    def __init__(self, cluster: "Cluster", host: str):
        self.cluster = cluster
        self.host = host
        self.alive = True
        self.database = SimulatedDatabase(cluster.url, cluster.clock)
        self.database.point = self.point
        self.hardware = Hardware([FakeHardware, MaasHardware], cluster.world.pools(self), BOX)
        self.services = Services(cluster.conf, self.database, self.hardware, cluster.clock,
                                 DesignLibrary(self.database, self.hardware.open_text),
                                 lambda *tasks: None)
        self.lease = ManualLease(cluster.database, cluster.conf, self._registration)
        self.sweeper = Sweeper(self.services, self.lease,
                               MembershipView(self.database, cluster.clock))
        self.workers = self.sweeper.workers = InlineWorkers(WatchedEngine(self), 100)
        self.acceptor = Acceptor(self.services)
        self.lease.start()

    def _registration(self, incarnation: str) -> conductors.Registration:
        return conductors.Registration(incarnation, self.host, "", 1, self.hardware.offers())

    def incarnation(self) -> str:
        return self.lease.current.holder.incarnation

    def point(self, name: str) -> None:
        self.cluster.passed(self, name)

    def die(self) -> None:
        self.alive = False

    def sweep(self) -> int:
        """Look for work once and do it; how many tasks were taken."""
        try:
            return self.sweeper.sweep()
        except Died:
            self.die()
            return 1


class Cluster:
    """Conductors on one database, machines, one clock.

    :ivar die_at: number of the point at which the process that passes it dies, or None
    :ivar points: names of the points passed so far, in order
    :ivar calls: (task, position, epoch, incarnation) of each call of a step
    :ivar wrong: what must not happen and did
    :ivar watch: called with the name of each point
    """

    def __init__(self, url: str, clock: Clock | None = None):
        self.url = url
        self.clock = clock or SimulatedClock()
        self.database = SimulatedDatabase(url, self.clock)
        self.conf = configuration()
        self.world = World(self.clock)
        self.processes: list[Process] = []
        self.die_at: int | None = None
        self.points: list[str] = []
        self.calls: list[tuple] = []
        self.wrong: list[str] = []
        self.disturb = lambda context, call: call()
        self.watch: Callable[[str], None] | None = None
        self._numbers = itertools.count(1)
        # Kept open: the last connection of a file would fold its write-ahead log back each time.
        self._open = self.database.engine.connect() if self.database.is_sqlite else None
        if not sa.inspect(self.database.engine).has_table("tasks"):
            models.metadata.create_all(self.database.engine)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        for database in (self.database, *(process.database for process in self.processes)):
            database.dispose()

    def snapshot(self, folder) -> "Snapshot":
        """What would be left if every process died at this moment."""
        path = folder / f"{uuidlib.uuid4().hex}.sqlite"
        with contextlib.closing(sqlite3.connect(self.database.url.database)) as old, \
                contextlib.closing(sqlite3.connect(path)) as new:
            old.backup(new)
        return Snapshot(f"sqlite:///{path}", self.world.copy(self.clock), self.clock.seconds,
                        len(self.points))

    @classmethod
    def after(cls, snapshot: "Snapshot") -> "Cluster":
        """A cluster without a process, as the snapshot found it."""
        clock = SimulatedClock()
        clock.seconds = snapshot.seconds
        cluster = cls(snapshot.url, clock)
        cluster.world = snapshot.world.copy(clock)
        return cluster

    # --- what happens -------------------------------------------------------------------------

    def start(self, host: str) -> Process:
        process = Process(self, host)
        self.processes.append(process)
        return process

    def live(self) -> list[Process]:
        return [process for process in self.processes if process.alive]

    def passed(self, process: Process, name: str) -> None:
        """A process passes a point; it dies there if the test wants it."""
        if not process.alive:
            raise Died
        self.points.append(name)
        if self.watch is not None:
            self.watch(name)
        if len(self.points) == self.die_at:
            process.die()
            raise Died

    def called(self, run, context) -> None:
        """A step is about to be called: it must be recorded as started by this very owner."""
        with self.database.reader() as tx:
            row = next(row for row in tasks.steps_of(tx, context.task.uuid)
                       if row.position == context.step.position)
        if row.state != "started" or row.epoch != run.fence.epoch:
            self.wrong.append(f"{row.name} called while {row.state} in epoch {row.epoch}")
        self.calls.append((context.task.uuid, row.position, run.fence.epoch,
                           run.fence.holder.incarnation))

    # --- what people do -----------------------------------------------------------------------

    def node(self, name: str | None = None, agent: bool = False, **values) -> str:
        """A node on fake hardware with one port. :param agent: deployed by its ramdisk"""
        number = next(self._numbers)
        columns = {"name": name or f"node-{number}", "driver": "fake-hardware",
                   "driver_info": {**KERNEL, **values.pop("driver_info", {})},
                   "instance_info": dict(IMAGE), **(AGENT_NODE if agent else {})}
        with self.database.writer() as tx:
            uuid = nodes.create(tx, columns)
            ports.create(tx, {"node_uuid": uuid, "address": f"52:54:00:00:00:{number:02x}"})
            if values:
                nodes.update_engine(tx, uuid, values)
        return uuid

    def ask(self, action: str, node: str | None = None, key: str | None = None,
            args: dict | None = None, **more) -> TaskRequest:
        """A request as the API would make it."""
        with self.database.reader() as tx:
            until = tx.read_now() + datetime.timedelta(seconds=15)
        return TaskRequest(action=action, request_key=key or str(uuidlib.uuid4()),
                           request_digest="digest", not_after=until.isoformat(), node=node,
                           args=args or {}, **more)

    def accept(self, *args, **more) -> str:
        """Have a request accepted by a live process."""
        return self.live()[0].acceptor.accept(self.ask(*args, **more))

    def insert(self, node: str, *specs, action: str = "power") -> str:
        """A task of just these steps on a node, as accepting would leave it."""
        with self.database.writer() as tx:
            uuid = tasks.insert(tx, tasks.NewTask(action=action, steps=specs, node=node))
            nodes.update_engine(tx, node, {"task": uuid})
        return uuid

    # --- time ---------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Seconds go by; the leases of those who live are renewed in between."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.seconds = min(end, self.clock.seconds + 3.0)
            for process in self.live():
                process.lease.renew()

    def step(self) -> None:
        """Everybody looks for work once; if there is none, time goes on to what is due."""
        busy = sum(process.sweep() for process in self.live())
        if not self.world.tick(self.database, BOX) and not busy:
            self.pass_time(self._next_due())

    def _next_due(self) -> float:
        with self.database.reader() as tx:
            due = tx.scalar(sa.select(sa.func.min(models.tasks.c.due_at)).where(
                models.tasks.c.state.not_in(tasks.ENDED), models.tasks.c.due_at > tx.now()))
            now = tx.read_now()
        left = (due - now).total_seconds() if due else 1.0
        return min(3.0, left + 0.002)

    def run(self, task: str, seconds: float = 8000.0) -> sa.Row:
        """Until the task has ended; its row."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            row = self.task(task)
            if row.state in tasks.ENDED:
                return row
            self.step()
        raise AssertionError(f"task is {row.state}, waits for {row.wait_for} after {seconds} s")

    # --- what is there ------------------------------------------------------------------------

    def task(self, uuid: str) -> sa.Row:
        with self.database.reader() as tx:
            return tasks.get(tx, uuid)

    def steps(self, uuid: str) -> list[sa.Row]:
        with self.database.reader() as tx:
            return tasks.steps_of(tx, uuid)

    def names(self) -> dict[str, sa.Row]:
        """All nodes by name."""
        with self.database.reader() as tx:
            return {row.name: row for row in tx.all(sa.select(models.nodes))}

    def get(self, node: str) -> sa.Row:
        with self.database.reader() as tx:
            return nodes.require(tx, node)


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The database and the machines at one moment. :ivar number: of the last point passed"""

    url: str
    world: World
    seconds: float
    number: int


_conf = None


def configuration():
    """Options of the simulated conductors; read once."""
    global _conf
    if _conf is None:
        _conf = opts.load([], "tests")
        _conf.set_override("agent_timeout", 120, "conductor")
        _conf.set_override("command_timeout", 120, "conductor")
    return _conf


def fresh(folder, template=None) -> str:
    """URL of a new SQLite file in ``folder``, with the tables of ``template`` if one is given."""
    path = folder / f"{uuidlib.uuid4().hex}.sqlite"
    if template is not None:
        shutil.copy(template, path)
    return f"sqlite:///{path}"
