"""The conductor process: register, serve calls, look for work; drain when told to stop."""

import signal
import sys
import threading

from futurist import periodics
from oslo_log import log

from provisioner import secrets
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, events, keys
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
                                 DesignLibrary(database), client.hint)
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
        with self.services.database.writer() as tx:
            conductors.forget(tx, CONDUCTOR_RETENTION)
            events.prune(tx, older_than=self._conf.conductor.event_retention)

    def start(self) -> None:
        """Register (waiting for an earlier process of this name to be over), then work."""
        self.lease.start()
        self._server.start()
        self.sweeper.start(self.workers)
        self._periodic_thread.start()
        self.sweeper.poke()

    def stop(self, timeout: float | None = None) -> None:
        """Drain: take nothing more, let steps reach their record, give up the lease last."""
        self.sweeper.stop()
        self._periodics.stop()
        self._server.stop()
        if not self.workers.drain(timeout):
            LOG.warning("Steps are still running; their work is taken over when the lease ends")
        else:
            self.lease.stop()
        self.workers.close()
        self._server.wait()
        self._hardware.close()
        self._lease_database.dispose()


def main(argv: list[str] | None = None) -> int:
    """``provisioner-conductor``"""
    conf = opts.load(sys.argv[1:] if argv is None else argv, "provisioner-conductor")
    log.setup(conf, "provisioner")
    database = Database(conf.database.connection, Clock(), pool=conf.database.pool)
    box = secrets.read_box(conf.secrets.key_file)
    keys.verify(database, box)
    conductor = Conductor(conf, database, transport.get(conf), box)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: conf.mutate_config_files())
    conductor.start()
    stopping.wait()
    conductor.stop()
    return 0


assert steps  # registers the step functions
