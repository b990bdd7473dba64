"""What is asked of conductors, over a bus that works, answers late, or is not there."""

import threading
import uuid

import pytest
import sqlalchemy as sa

from provisioner import exceptions
from provisioner.conf import opts
from provisioner.db import conductors, models, tasks
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient, PlanRequest, TaskRequest


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/test.sqlite")
    models.metadata.create_all(made.engine)
    yield made
    made.dispose()


@pytest.fixture
def host(database):
    """Name of a conductor that the database knows."""
    name = f"host-{uuid.uuid4()}"
    with database.writer() as tx:
        conductors.register(tx, conductors.Registration(str(uuid.uuid4()), name, "", 1, {}), 600)
    return name


class Endpoint:
    """A conductor. :ivar answer: ``(method, request) -> plain data``"""

    def __init__(self):
        self.answer = None

    def accept(self, context, request: dict) -> dict:
        return self.answer("accept", request)

    def plan(self, context, request: dict) -> dict:
        return self.answer("plan", request)

    def hint(self, context, tasks: list) -> None:
        """Not looked at here."""


@pytest.fixture
def endpoint(host, database):
    """A conductor on the bus, and ``endpoint.client`` to ask it."""
    made = Endpoint()
    bus = transport.get(opts.load([], "tests"), "fake://")
    server = transport.server(bus, host, made)
    server.start()
    made.client = ConductorClient(bus, database, database.clock)
    yield made
    server.stop()
    server.wait()
    bus.cleanup()


def request(database, seconds: float = 0.3) -> TaskRequest:
    with database.reader() as tx:
        until = tx.scalar(sa.select(tx.now(seconds)))
    return TaskRequest(action="verify_site", request_key=str(uuid.uuid4()), request_digest="d",
                       not_after=str(until), site="site")


def test_a_plan_is_asked_for_by_name(endpoint):
    endpoint.answer = lambda method, asked: {"plan": f"{method} of {asked['site']}"}
    assert endpoint.client.plan(PlanRequest("here", "digest", ["deploy_nodes"], "key")) == (
        "plan of here")


def test_a_conductor_that_cannot_say_may_have_accepted(endpoint, database):
    made = []

    def answer(method, asked):
        with database.writer() as tx:
            made.append(tasks.insert(tx, tasks.NewTask(
                "verify_site", (), request_key=asked["request_key"], request_digest="d")))
        return {"error": exceptions.Unavailable("no database").as_dict()}
    endpoint.answer = answer
    assert endpoint.client.submit(request(database)) == made[0]


def test_only_after_the_last_moment_a_missing_task_means_that_there_is_none(endpoint, database):
    endpoint.answer = lambda *_: {"error": exceptions.Unavailable("no database").as_dict()}
    asked = request(database, 1.0)
    before = database.clock.elapsed()
    with pytest.raises(exceptions.Unavailable):
        endpoint.client.submit(asked)
    assert database.clock.elapsed() - before >= 1.0


@pytest.fixture
def no_bus(database, host, free_port):
    """A client whose broker is not there."""
    bus = transport.get(opts.load([], "tests"), f"rabbit://nobody:x@127.0.0.1:{free_port()}/")
    return ConductorClient(bus, database, database.clock)


@pytest.mark.parametrize("call", [
    lambda client, database: client.submit(request(database, 15)),
    lambda client, database: client.plan(PlanRequest("here", "digest", ["deploy_nodes"], "key")),
])
def test_without_a_bus_nobody_waits_for_ever(no_bus, database, call):
    raised = []

    def ask():
        try:
            call(no_bus, database)
        except exceptions.Unavailable as error:
            raised.append(error)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive() and len(raised) == 1


def test_without_a_bus_a_hint_is_nobody_s_trouble(no_bus):
    for number in range(5000):
        no_bus.hint(f"task-{number}")
