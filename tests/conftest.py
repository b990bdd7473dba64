"""Fixtures for all tests: databases, the bus, free ports, waiting for a condition.

Services are never started here. ``devstack/test.sh`` starts them and names them in
``PROVISIONER_TEST_POSTGRESQL``, ``PROVISIONER_TEST_MARIADB`` and ``PROVISIONER_TEST_RABBITMQ``.
What is absent is skipped by hand, and fails under ``CI=true``: there, nothing is left out
silently. Everything a fixture makes is the test's own, so tests run in parallel and repeatedly.
"""

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid

import pytest
import requests
import sqlalchemy

# Chooses native threads for oslo.service, which must come before a test imports oslo.messaging.
import provisioner.rpc  # noqa: F401

SERVICES = {"postgresql": "PROVISIONER_TEST_POSTGRESQL", "mariadb": "PROVISIONER_TEST_MARIADB",
            "rabbitmq": "PROVISIONER_TEST_RABBITMQ"}
TOOLS = ("ipmitool", "ipmi_sim")


def left_out(reason: str):
    """Skip this test, or fail it under ``CI=true``."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"left out under CI: {reason}")
    pytest.skip(reason)


def _service(name: str) -> str:
    variable = SERVICES[name]
    if not os.environ.get(variable):
        left_out(f"no {name}: {variable} is not set (./devstack/test.sh sets it)")
    return os.environ[variable]


#: tests that start processes or simulated machines, or try hundreds of inputs, or
#: play whole clusters
SLOW = ("tests/functional/", "tests/contract/", "tests/chaos/", "tests/unit/simulator/",
        "tests/unit/dbsync/", "tests/unit/test_conftest.py", "tests/unit/api/test_nonsense.py",
        "tests/unit/api/site/test_fuzz.py", "tests/unit/conductor/test_races.py",
        "tests/unit/site/test_fuzz.py", "tests/unit/drivers/clients/", "tests/unit/rpc/",
        *(f"tests/unit/conductor/test_{name}.py" for name in (
            "accept", "boot_actions", "children", "planning", "service", "site_actions", "sweep",
            "switch_ports")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What takes the bus needs services, what starts processes is slow, without saying so."""
    for item in items:
        if "rabbitmq_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.services)
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Handlers that a test has set up write to its captured streams, which end with it."""
    before = list(logging.getLogger().handlers)
    yield
    for handler in list(logging.getLogger().handlers):
        if handler not in before:
            logging.getLogger().removeHandler(handler)


def pytest_runtest_setup(item):
    if item.get_closest_marker("tools"):
        absent = [tool for tool in TOOLS if not shutil.which(tool)]
        if absent:
            left_out(f"not installed: {', '.join(absent)}")
    if item.get_closest_marker("chaos") and os.geteuid() != 0:
        left_out("network namespaces need root")


@pytest.fixture(params=["sqlite",
                        pytest.param("postgresql", marks=pytest.mark.services),
                        pytest.param("mariadb", marks=pytest.mark.services)])
def database_url(request, tmp_path):
    """URL of an empty database of each kind, dropped after the test, clients or not."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'provisioner.sqlite'}"
        return
    yield from _fresh_database(request.param)


@pytest.fixture
def postgresql_url():
    """URL of an empty PostgreSQL database. Mark the test ``services``."""
    yield from _fresh_database("postgresql")


def _fresh_database(kind):
    admin = sqlalchemy.make_url(_service(kind))
    name = f"test_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(admin, isolation_level="AUTOCOMMIT",
                                      poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield admin.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            _drop(connection, kind, name)


def _drop(connection, kind, name):
    if kind == "postgresql":
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        return
    # A forgotten transaction would block the drop for as long as its client lives.
    clients = connection.execute(sqlalchemy.text(
        "SELECT id FROM information_schema.processlist WHERE db = :name"), {"name": name})
    for (client,) in clients.all():
        # KILL of a thread that has meanwhile gone by itself is not an error.
        connection.exec_driver_sql(
            f"BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL {client}; END")
    connection.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.fixture
def any_database_url(kind):
    """URL of an empty database of the test's parameter ``kind``. Mark the test ``services``."""
    yield from _fresh_database(kind)


@pytest.fixture
def rabbitmq_url():
    """``rabbit://`` URL of a virtual host of this test's own, deleted with all in it.

    Without a management API (``PROVISIONER_TEST_RABBITMQ_MANAGEMENT``) it is the server's URL as
    given; tests keep apart by exchange and topic names then.
    """
    url = sqlalchemy.make_url(_service("rabbitmq"))
    management = os.environ.get("PROVISIONER_TEST_RABBITMQ_MANAGEMENT")
    if not management:
        yield url.render_as_string(hide_password=False)
        return
    name = f"test_{uuid.uuid4().hex}"
    vhost = f"{management}/api/vhosts/{name}"
    requests.put(vhost, timeout=30).raise_for_status()
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        requests.delete(vhost, timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def eventually():
    """``eventually(predicate, timeout=10.0, message="")``: the first true value of predicate.

    For conditions that another thread or process brings about. Fails the test at the deadline,
    naming the last value seen; an exception of the predicate is the test's own.
    """
    def wait(predicate, timeout=10.0, message=""):
        deadline = time.monotonic() + timeout
        while not (value := predicate()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout} s: {message or predicate}; last: {value!r}")
            time.sleep(0.01)
        return value
    return wait


@pytest.fixture(scope="session")
def free_port():
    """``free_port(kind=socket.SOCK_STREAM, host="127.0.0.1")``: a port that nobody listens on.

    Each is given out once. Where the code under test can bind port 0 itself, let it: that cannot
    be taken by others in between.
    """
    given = set()

    def find(kind=socket.SOCK_STREAM, host="127.0.0.1"):
        while True:
            with socket.socket(type=kind) as probe:
                probe.bind((host, 0))
                port = probe.getsockname()[1]
            if (kind, host, port) not in given:
                given.add((kind, host, port))
                return port
    return find


class Service:
    """A private RabbitMQ, PostgreSQL or MariaDB, for tests that stop and start one."""

    def __init__(self, name: str, folder: str, address: str):
        self.name = name
        self.folder = folder
        self.address = address

    def run(self, action: str) -> None:
        """``start``, ``stop`` (clean, data stays) or ``restart``; returns when it is so."""
        script = os.path.join(os.path.dirname(__file__), os.pardir, "devstack", "service.sh")
        command = [script, action, self.name, "--dir", self.folder, "--address", self.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        if done.returncode:
            pytest.fail(f"{self.name} {action}: {done.stdout}{done.stderr}")

    @property
    def url(self) -> str:
        """The URL, the same over restarts."""
        with open(os.path.join(self.folder, "url"), encoding="utf-8") as file:
            return file.read().strip()


@pytest.fixture
def private_service():
    """``private_service(name, address="127.0.0.1")``: a started :class:`Service`.

    For tests that stop what others use at the same time. Mark such a test ``services``. As on
    any test the services must be wanted: where the shared one is absent, so is this.
    """
    started = []

    def start(name, address="127.0.0.1"):
        _service(name)
        # In the scratch folder of test.sh, which ends what a killed test leaves there.
        folder = tempfile.mkdtemp(prefix=f"provisioner-{name}-",
                                  dir=os.environ.get("PROVISIONER_TEST_SCRATCH"))
        os.chmod(folder, 0o755)
        service = Service(name, folder, address)
        started.append(service)
        service.run("start")
        return service
    yield start
    for service in started:
        service.run("stop")
        shutil.rmtree(service.folder)
