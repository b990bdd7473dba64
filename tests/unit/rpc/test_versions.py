"""Calls between releases, over the in-process bus."""

import uuid

import oslo_messaging
import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, models
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient, PlanRequest


class Conductor:
    """One that knows the call. :ivar target: what version it says that it serves"""

    def plan(self, context, request):
        return {"plan": f"plan of {request['site']}"}


@pytest.fixture
def bus():
    made = transport.get(opts.load([], "tests"), "fake://")
    yield made
    made.cleanup()


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/test.sqlite")
    models.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def ask(bus, database):
    """``ask(version)`` gives the plan that a conductor of that version makes."""
    servers = []

    def call(version):
        name = f"host-{uuid.uuid4()}"
        endpoint = Conductor()
        servers.append(transport.server(bus, name, endpoint))
        endpoint.target = oslo_messaging.Target(version=version)
        servers[-1].start()
        with database.writer() as tx:
            conductors.register(tx, conductors.Registration(str(uuid.uuid4()), name, "", 1, {
                "fake-hardware": {"interfaces": {}, "settings": {}}}), 600)
        client = ConductorClient(bus, database, Clock())
        return client.plan(PlanRequest("north", "d" * 64, ["deploy_nodes"], "key"))
    yield call
    for server in servers:
        server.stop()
        server.wait()


def test_a_conductor_of_today_is_asked(ask):
    assert ask(transport.SERVED) == "plan of north"


def test_one_of_an_earlier_release_is_passed_over(ask):
    with pytest.raises(exceptions.Unavailable):
        ask("1.0")
    assert ask(transport.SERVED) == "plan of north"
