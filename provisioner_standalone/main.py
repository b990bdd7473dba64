"""``provisioner-standalone``: everything in one process, in one folder.

A file lock beside the database lets one process at a time use the folder; whoever holds it knows
that its predecessor is dead, so work goes on at once and not after a lease.
"""

import contextlib
import fcntl
import pathlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from oslo_config import cfg
from oslo_log import log

from provisioner import exceptions, secrets
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, keys, schema
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient
from provisioner_api import wsgi
from provisioner_api.app import create_app
from provisioner_api.call import Services
from provisioner_conductor.service import Conductor

LOG = log.getLogger(__name__)

_OPTIONS = [
    cfg.StrOpt("state-dir", default="/var/lib/provisioner",
               help="Folder for the database, the key file and the lock. Made if absent."),
    cfg.HostAddressOpt("listen-host", help="Address to listen on; sets [api] host."),
    cfg.PortOpt("listen-port", help="Port to listen on; sets [api] port."),
]


def configure(argv: Sequence[str]) -> cfg.ConfigOpts:
    """The configuration, with defaults that suit one process in one folder."""
    conf = opts.load(argv, "provisioner-standalone", _OPTIONS)
    folder = pathlib.Path(conf.state_dir).resolve()
    conf.set_default("connection", f"sqlite:///{folder}/provisioner.sqlite", "database")
    conf.set_default("key_file", str(folder / "secret.keys"), "secrets")
    conf.set_default("host", "standalone", "conductor")
    conf.set_default("require_agent_tls", False, "api")
    conf.set_default("design_file_roots", ["/"], "api")
    conf.set_default("design_http_hosts", ["127.0.0.1", "localhost"], "api")
    for given, name in ((conf.listen_host, "host"), (conf.listen_port, "port")):
        if given is not None:
            conf.set_override(name, given, "api")
    conf.set_default("ramdisk_api_url", f"http://{conf.api.host}:{conf.api.port}", "conductor")
    return conf


@contextlib.contextmanager
def only_one(folder: pathlib.Path) -> Iterator[None]:
    """Hold the folder's lock. :raises Misconfigured: while another process does"""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise exceptions.Misconfigured(
                f"Another process uses {folder}.",
                remedy="Stop it, or name another folder with --state-dir.") from None
        yield


def _open_box(path: str) -> secrets.Box:
    if not pathlib.Path(path).exists():
        LOG.info("Made key file %s with key %s", path, secrets.add_key(path))
    return secrets.read_box(path)


class Standalone:
    """The wired process. ``start`` and ``stop`` may be called from a test."""

    def __init__(self, conf: cfg.ConfigOpts):
        clock = Clock()
        self._database = Database(conf.database.connection, clock)
        schema.upgrade(self._database)
        box = _open_box(conf.secrets.key_file)
        keys.verify(self._database, box)
        with self._database.writer() as tx:
            # The lock proves every earlier process of this folder dead.
            conductors.bury(tx, conf.conductor.host, conf.conductor.lease_margin)
        bus = transport.get(conf, "fake://")
        self._conductor = Conductor(conf, self._database, bus, box)
        client = ConductorClient(bus, self._database, clock)
        self._app = create_app(Services(conf, self._database, client, box, clock))
        self._conf = conf
        self._server = None

    @property
    def port(self) -> int:
        """The port that the API listens on."""
        return self._server.port

    def start(self) -> None:
        """Work before listening: whoever is answered finds a conductor."""
        self._conductor.start()
        self._server = wsgi.serve(self._app, self._conf)

    def stop(self) -> None:
        """Stop answering, drain, and give up the lease last."""
        if self._server is not None:
            self._server.stop()
        self._conductor.stop()
        self._database.dispose()


def main(argv: Sequence[str] | None = None) -> int:
    """``provisioner-standalone``"""
    conf = configure(sys.argv[1:] if argv is None else argv)
    log.setup(conf, "provisioner")
    try:
        with only_one(pathlib.Path(conf.state_dir)):
            return _run(conf)
    except exceptions.Misconfigured as error:
        print(f"provisioner-standalone: {error.message} {error.remedy}", file=sys.stderr)
        return 1


def _run(conf: cfg.ConfigOpts) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: opts.reread(conf))
    standalone = Standalone(conf)
    standalone.start()
    print(f"provisioner-standalone: API on http://{conf.api.host}:{standalone.port}", flush=True)
    stopping.wait()
    standalone.stop()
    return 0
