"""The API over a real SQLite database, and a conductor on the in-process bus that only accepts.

The conductor here does what clients and the API rely on, and nothing more: it records requests,
inserts the task once per request key and moves the node into the state that the verb begins with.
"""

import threading
import uuid

import pytest
from cryptography.fernet import Fernet

from provisioner import exceptions, secrets, states
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, models, nodes, tasks
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient, TaskRequest
from provisioner.steps import StepSpec
from provisioner_api import wsgi
from provisioner_api.app import create_app
from provisioner_api.call import Services

LEASE = 3600.0
INTERFACES = {
    "boot": ["ipxe"], "console": ["no-console"], "deploy": ["direct"], "inspect": ["agent"],
    "management": ["fake"], "network": ["noop"], "power": ["fake", "other"], "vendor": ["none"]}
DRIVERS = {
    "fake-hardware": {"interfaces": INTERFACES, "settings": {
        "fake_passphrase": {"help": "Opens the machine", "secret": True, "required": False},
        "fake_address": {"help": "Where it is.", "required": True},
        "fake_port": {"help": "Its port.", "required": False, "default": 623}}},
    "manual-management": {"interfaces": {"power": ["manual"], "network": ["noop"]},
                          "settings": {}},
}


class Conductor:
    """Serves the calls of the API.

    :ivar requests: every request for a task that arrived
    :ivar calls: every hardware call that arrived: (kind, method, arguments)
    :ivar refuse: raised instead of accepting, if set
    """

    def __init__(self, database: Database):
        self._database = database
        self.requests: list[dict] = []
        self.calls: list[tuple] = []
        self.hints: list[str] = []
        self.hinted = threading.Event()
        self.refuse: exceptions.ProvisionerError | None = None

    def accept(self, request: dict) -> dict:
        self.requests.append(request)
        try:
            if self.refuse:
                raise self.refuse
            return {"task": self._database.write(
                lambda tx: self._accept(tx, TaskRequest(**request)))}
        except exceptions.ProvisionerError as error:
            return {"error": error.as_dict()}

    def _accept(self, tx, request: TaskRequest) -> str:
        known = tasks.by_request_key(tx, request.request_key)
        if known is not None:
            if known.request_digest != request.request_digest:
                raise exceptions.KeyReused("Another request.")
            return known.uuid
        node = nodes.require(tx, request.node)
        if node.task is not None:
            raise exceptions.NodeBusy("The node has a task.")
        task = tasks.insert(tx, tasks.NewTask(
            action=request.action, node=node.uuid, args=request.args,
            steps=[StepSpec("node.nothing")], request_key=request.request_key,
            request_digest=request.request_digest, user=request.user))
        values = {"task": task}
        if request.action != "power":
            state, target = states.next_state(node.provision_state, request.action)
            values |= {"provision_state": state, "target_provision_state": target}
        nodes.update_engine(tx, node.uuid, values)
        return task

    def validate(self, node: str) -> dict:
        return {"interfaces": {"power": {"result": True, "reason": None},
                               "boot": {"result": False, "reason": "deploy_kernel is missing."},
                               "firmware": {"result": False, "reason": "Not supported."}}}

    def hardware(self, kind: str, method: str, arguments: dict) -> dict:
        self.calls.append((kind, method, arguments))
        if self.refuse:
            return {"error": self.refuse.as_dict()}
        return {"result": {"get_boot_device": {"boot_device": "pxe", "persistent": False},
                           "supported_boot_devices": ["pxe", "disk"]}.get(method)}

    def hint(self, tasks: list) -> None:
        self.hints += tasks
        if tasks:
            self.hinted.set()


class Bus:
    """The in-process bus with one RPC server, for all tests of a process, one after the other.

    Starting and stopping a server takes seconds; what it serves is exchanged for every test.
    """

    def __init__(self):
        self.hostname = f"conductor-{uuid.uuid4()}"
        self.conductor: Conductor | None = None
        self.transport = transport.get(opts.load([], "provisioner-api"), "fake://")
        self._server = transport.server(self.transport, self.hostname, self)
        self._server.start()

    def accept(self, context, request: dict) -> dict:
        return self.conductor.accept(request)

    def validate(self, context, node: str) -> dict:
        return self.conductor.validate(node)

    def hardware(self, context, node: str, kind: str, verb: str, arguments: dict) -> dict:
        return self.conductor.hardware(kind, verb, arguments)

    def hint(self, context, tasks: list) -> None:
        self.conductor.hint(tasks)

    def stop(self) -> None:
        self._server.stop()
        self._server.wait()
        self.transport.cleanup()


@pytest.fixture(scope="session")
def bus():
    made = Bus()
    yield made
    made.stop()


@pytest.fixture
def api(bus, tmp_path):
    """A service without authentication, over an empty database."""
    with ApiService(bus, tmp_path) as service:
        yield service


class ApiService:
    """One API process's worth of application, and the accepting conductor beside it.

    :param where: a folder of the test's own, or the URL of an empty database
    :param options: of group ``api``
    """

    def __init__(self, bus: Bus, where, **options):
        self.conf = opts.load([], "provisioner-api")
        for name, value in {"require_agent_tls": False, **options}.items():
            self.conf.set_override(name, value, "api")
        url = str(where)
        self.database = Database(url if "://" in url else f"sqlite:///{url}/api.sqlite")
        models.metadata.create_all(self.database.engine)
        self.hostname = bus.hostname
        self.incarnation = str(uuid.uuid4())
        self.conductor = bus.conductor = Conductor(self.database)
        self.box = secrets.Box([Fernet.generate_key()])
        clock = Clock()
        self.services = Services(
            conf=self.conf, database=self.database, box=self.box, clock=clock,
            conductor_client=ConductorClient(bus.transport, self.database, clock))
        self.app = create_app(self.services)
        self.http = self.app.test_client()
        self._server: wsgi.Server | None = None

    def __enter__(self) -> "ApiService":
        with self.database.writer() as tx:
            conductors.register(tx, conductors.Registration(
                self.incarnation, self.hostname, "", 1, DRIVERS), LEASE)
        return self

    def __exit__(self, *_) -> None:
        if self._server is not None:
            self._server.stop()
        self.database.dispose()

    def serve(self) -> str:
        """Listen on a free port of loopback; the URL."""
        self.conf.set_override("port", 0, "api")
        self._server = wsgi.serve(self.app, self.conf)
        return f"http://127.0.0.1:{self._server.port}"

    def ask(self, method: str, path: str, version: str = "1.110", headers=None, **more):
        """A request in that microversion (None sends no header)."""
        sent = {"X-OpenStack-Ironic-API-Version": version} if version else {}
        return self.http.open(path, method=method, headers={**sent, **(headers or {})}, **more)

    def node(self, **values) -> str:
        """Enroll a node through the API, then write columns as the engine would; its uuid."""
        fields = {"driver": "fake-hardware"}
        columns = {}
        for name, value in values.items():
            (fields if name in ("uuid", "name", "driver", "driver_info", "properties", "extra",
                                "owner", "instance_uuid", "maintenance", "resource_class")
             else columns)[name] = value
        answer = self.ask("POST", "/v1/nodes", json={**fields})
        assert answer.status_code == 201, answer.text
        if columns:
            self.change(answer.json["uuid"], **columns)
        return answer.json["uuid"]

    def change(self, node: str, **values) -> None:
        """Write columns of a node, as the engine would."""
        with self.database.writer() as tx:
            nodes.update_engine(tx, node, values)

    def row(self, ident: str):
        with self.database.reader() as tx:
            return nodes.require(tx, ident)

    def task(self, node: str, **values) -> str:
        """A waiting task of a node; its uuid."""
        with self.database.writer() as tx:
            task = tasks.insert(tx, tasks.NewTask(action="deploy", node=node,
                                                  steps=[StepSpec("node.nothing")]))
            tasks.update(tx, task, state=tasks.WAITING, **values)
            nodes.update_engine(tx, node, {"task": task})
        return task
