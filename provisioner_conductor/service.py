"""The conductor process: register, serve calls, look for work; drain when told to stop."""

import signal
import sys
import threading

from futurist import periodics
from oslo_log import log

from provisioner import exceptions, secrets
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, events, keys, signals
from provisioner.db.session import OUTAGE, Database
from provisioner.drivers import registry
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient, MembershipView
from provisioner_conductor import steps
from provisioner_conductor.context import Services
from provisioner_conductor.design_library import DesignLibrary
from provisioner_conductor.endpoint import Endpoint
from provisioner_conductor.engine import Engine
from provisioner_conductor.hardware import Hardware
from provisioner_conductor.lease import Lease
from provisioner_conductor.periodics import NodePeriodics
from provisioner_conductor.power_sync import PowerSync
from provisioner_conductor.sweep import Sweeper
from provisioner_conductor.worker import Workers

LOG = log.getLogger(__name__)

#: seconds between two passes of the periodic work that has no interval of its own
POWER_PASS = 5
DAILY = 3600
#: seconds for which a start waits for the bus before it goes on without
BUS_PATIENCE = 2
#: seconds for calls under way when the conductor stops
BUS_CLOSE = 30
#: seconds for steps under way when the process is told to stop
DRAIN = 60
#: seconds for which rows of dead conductors are kept
CONDUCTOR_RETENTION = 14 * 86400


class Conductor:
    """One conductor, wired. ``start`` and ``stop`` may be called from a test or from ``main``.

    :param database: of its workers; the lease gets a connection of its own to the same URL
    :param bus: transport of oslo.messaging
    """

    def __init__(self, conf, database: Database, bus, box: secrets.Box):
        clock = database.clock
        self._conf = conf
        self._bus = bus
        self._hardware = Hardware(
            registry.load(conf.conductor.enabled_hardware_types),
            registry.pools(clock, conf.switches.file), box)
        client = ConductorClient(bus, database, clock)
        self.services = Services(conf, database, self._hardware, clock,
                                 DesignLibrary(database, self._hardware.open_text), client.hint)
        interval = conf.conductor.lease_interval
        self._lease_database = Database(str(database.url.render_as_string(hide_password=False)),
                                        clock, pool=1, lock_timeout=interval / 4)
        self.lease = Lease(self._lease_database, conf, self._registration)
        view = MembershipView(database, clock)
        self.sweeper = Sweeper(self.services, self.lease, view)
        self.workers = Workers(Engine(self.services), conf.conductor.workers, self.sweeper.poke)
        self._power = PowerSync(self.services, self.lease, view)
        self._node_periodics = NodePeriodics(self.services, self.lease, view)
        self._server = transport.server(bus, conf.conductor.host,
                                        Endpoint(self.services, self.lease, self.sweeper))
        self._periodics = periodics.PeriodicWorker(
            [(callable_, (), {}) for callable_ in self._jobs()])
        self._periodic_thread = threading.Thread(
            target=self._periodics.start, name="periodics", daemon=True)
        # The library waits for the bus for as long as it takes; work does not.
        self._serving = threading.Thread(target=self._server.start, name="bus", daemon=True)

    def _registration(self, incarnation: str) -> conductors.Registration:
        options = self._conf.conductor
        return conductors.Registration(incarnation, options.host, options.conductor_group,
                                       options.weight, self._hardware.offers())

    def _jobs(self) -> list:
        """Periodic work: power sync in small passes, house-keeping now and then."""
        @periodics.periodic(spacing=POWER_PASS, run_immediately=False)
        def power_sync():
            self._guarded(self._power.run)

        @periodics.periodic(spacing=DAILY, run_immediately=False)
        def house_keeping():
            self._guarded(self._prune)
        return [power_sync, house_keeping, *self._node_periodics.callables()]

    def _guarded(self, job) -> None:
        if self.lease.current is None or self.lease.current.remaining() <= 0:
            return
        try:
            job()
        except OUTAGE as error:
            LOG.warning("Periodic work put off, the database does not answer: %s", error)

    def _prune(self) -> None:
        database, age = self.services.database, self._conf.conductor.event_retention
        database.write(lambda tx: conductors.forget(tx, CONDUCTOR_RETENTION))
        for prune in (events.prune, signals.prune):
            # In small transactions, until nothing old is left: a fleet writes more in an hour.
            while database.write(lambda tx, prune=prune: prune(tx, older_than=age)):
                if self.lease.current.remaining() <= 0:
                    return

    def start(self) -> None:
        """Register (waiting for an earlier process of this name to be over), then work.

        Work does not need the bus: without it requests do not come, and sweeps find the rest.
        """
        self.lease.start()
        if self.lease.current is None:
            return
        self.sweeper.start(self.workers)
        self._periodic_thread.start()
        self._serving.start()
        self._serving.join(BUS_PATIENCE)
        if self._serving.is_alive():
            LOG.warning("The message bus cannot be reached; requests are served once it can")
        self.sweeper.poke()

    def give_up_starting(self) -> None:
        """Have :meth:`start` return, should it wait for an earlier process of this name."""
        self.lease.interrupt()

    def stop(self, timeout: float | None = DRAIN) -> None:
        """Drain: take nothing more, let steps reach their record, give up the lease last.

        What still runs after ``timeout`` seconds loses the right to send, and the lease is left
        to end by itself.
        """
        self.sweeper.stop()
        self._periodics.stop()
        drained = self._close_server() & self.workers.drain(timeout)
        if drained:
            self.lease.stop()
        else:
            LOG.warning("Steps are still running; their work is taken over when the lease ends")
            self.lease.abandon()
        self.workers.close()
        self._hardware.close()
        self._lease_database.dispose()

    def _close_server(self) -> bool:
        """Serve no more calls; whether those under way have ended.

        One may be at the hardware, so the lease is not given up before.
        """
        if self._serving.ident is None or self._serving.is_alive():
            return True

        def close() -> None:
            self._server.stop()
            self._server.wait()
        closing = threading.Thread(target=close, name="bus-close", daemon=True)
        closing.start()
        closing.join(BUS_CLOSE)
        return not closing.is_alive()


def main(argv: list[str] | None = None) -> int:
    """``provisioner-conductor``"""
    try:
        conf = opts.load(sys.argv[1:] if argv is None else argv, "provisioner-conductor")
        log.setup(conf, "provisioner")
        database = Database(conf.database.connection, Clock(), pool=conf.database.pool)
        box = secrets.read_box(conf.secrets.key_file)
        keys.verify(database, box)
        conductor = Conductor(conf, database, transport.get(conf), box)
    except exceptions.Misconfigured as error:
        print(f"provisioner-conductor: {error.message} {error.remedy}".rstrip(), file=sys.stderr)
        return 1
    return _run(conductor, conf)


def _run(conductor: Conductor, conf) -> int:
    """Work until SIGTERM or SIGINT."""
    stopping = threading.Event()

    def stop(*_) -> None:
        stopping.set()
        conductor.give_up_starting()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: opts.reread(conf))
    conductor.start()
    stopping.wait()
    conductor.stop()
    return 0


assert steps  # registers the step functions
