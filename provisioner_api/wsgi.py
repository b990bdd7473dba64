"""``provisioner-api``: the application behind a threaded HTTP server."""

import logging
import signal
import sys
import threading

import flask
from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log

from provisioner import exceptions, secrets
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import keys
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient
from provisioner_api import routes
from provisioner_api.app import create_app
from provisioner_api.call import Services
from provisioner_api.routing import MIB

LOG = logging.getLogger(__name__)
#: bytes of request line and headers
MAX_HEADERS = 64 * 1024
#: seconds for requests under way when the service stops
STOP_TIMEOUT = 10


class Server:
    """A listening server, answering on threads of its own until :meth:`stop`.

    :ivar port: the port it listens on, also when it was to pick one
    """

    def __init__(self, app: flask.Flask, conf: cfg.ConfigOpts):
        """:raises Misconfigured: if the address cannot be listened on"""
        largest = max(route.max_body for table in routes.TABLES for route in table.routes)
        self._server = wsgi.Server(
            (conf.api.host.strip("[]"), conf.api.port), app, numthreads=conf.api.threads,
            server_name="provisioner", request_queue_size=128, shutdown_timeout=STOP_TIMEOUT)
        self._server.max_request_header_size = MAX_HEADERS
        # Routes have limits of their own; this one bounds what is read only to be thrown away.
        self._server.max_request_body_size = largest + MIB
        try:
            self._server.prepare()
        except OSError as error:
            raise exceptions.Misconfigured(
                f"Cannot listen on {conf.api.host} port {conf.api.port}: {error}.",
                remedy="Set [api] host and port to an address of this host that is free.",
            ) from error
        self.port = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, name="api", daemon=True)
        self._thread.start()
        LOG.info("The API listens on %s port %s", conf.api.host, self.port)

    def stop(self) -> None:
        """Take no more connections, let requests under way end, close."""
        self._server.stop()
        self._thread.join()


def serve(app: flask.Flask, conf: cfg.ConfigOpts) -> Server:
    """Listen as ``[api] host`` and ``port`` say. :raises Misconfigured:"""
    return Server(app, conf)


def services(conf: cfg.ConfigOpts, clock: Clock) -> Services:
    """What the configuration names, checked.

    :raises Misconfigured: if the key file does not open what the database has
    """
    database = Database(conf.database.connection, clock, pool=conf.database.pool)
    box = secrets.read_box(conf.secrets.key_file)
    keys.verify(database, box)
    client = ConductorClient(transport.get(conf), database, clock)
    return Services(conf, database, client, box, clock)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        conf = opts.load(sys.argv[1:] if argv is None else argv, "provisioner-api")
        log.setup(conf, "provisioner")
        signal.signal(signal.SIGHUP, lambda *_: opts.reread(conf))
        made = services(conf, Clock())
        server = serve(create_app(made), conf)
    except exceptions.Misconfigured as error:
        print(f"provisioner-api: {error.message} {error.remedy}".rstrip(), file=sys.stderr)
        return 1
    stopping.wait()
    server.stop()
    made.database.dispose()
    return 0
