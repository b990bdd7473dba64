"""The site API over a real SQLite database, with a conductor that only accepts.

The bus is oslo.messaging's own in-process one; what was submitted is recorded as it crossed it.
"""

import pathlib
import threading
import uuid

from cryptography.fernet import Fernet
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.conf import opts
from provisioner.db import conductors, designs, models, plans, tasks
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.rpc.client import ConductorClient
from provisioner.secrets import Box
from provisioner.site import documents, plan, validate
from provisioner.steps import StepSpec
from provisioner_api.app import create_app
from provisioner_api.call import Services
from provisioner_api.site import routes

EXAMPLE = pathlib.Path(__file__).parents[4] / "etc/provisioner/examples/small/site.yaml"
YAML = {"Content-Type": "application/x-yaml"}
_TASK_FIELDS = ("action", "node", "args", "site", "design", "design_ref", "node_filter",
                "request_key", "request_digest", "request_id", "user", "project")


class Endpoint:
    """Accepts as a conductor does: one row for each request key."""

    def __init__(self):
        self._database: Database | None = None
        self._box: Box | None = None

    def serve(self, database: Database, box: Box) -> None:
        """Accept into this database, with nothing recorded yet."""
        self._database, self._box = database, box
        self.requests: list[dict] = []
        self.hints: list[str] = []
        self.hinted = threading.Event()

    def accept(self, context, request: dict) -> dict:
        self.requests.append(request)
        new = tasks.NewTask(steps=[StepSpec("site.pin_design"), StepSpec("site.run")],
                            **{name: request[name] for name in _TASK_FIELDS})
        try:
            return {"task": self._database.write(lambda tx: tasks.insert(tx, new))}
        except db_exception.DBDuplicateEntry:
            return self._known(request)

    def _known(self, request: dict) -> dict:
        with self._database.reader() as tx:
            row = tasks.by_request_key(tx, request["request_key"])
        if row.request_digest != request["request_digest"]:
            return {"error": exceptions.KeyReused("another request").as_dict()}
        return {"task": row.uuid}

    def plan(self, context, request: dict) -> dict:
        """Leaves a plan in a row as a conductor does: one that adds every node of the design."""
        self.requests.append(request)

        def make(tx):
            known = plans.by_request_key(tx, request["request_key"])
            return known.uuid if known else plans.insert(tx, self._plan(tx, request))
        return {"plan": self._database.write(make)}

    def _plan(self, tx, request: dict) -> plans.NewPlan:
        text = self._box.open_text(designs.get(tx, request["design"]).documents)
        site = validate.validate(documents.load(text, "design")).site
        wish = plan.Wish(request["site"], request["design"], tuple(request["actions"]))
        made = plan.make(site, wish, {}, {name: plan.Outlook({"driver": "ipmi"}, True, "enroll")
                                          for name in site.nodes}, None)
        return plans.NewPlan(
            site=wish.site, design=wish.design, actions=list(wish.actions),
            document=made.as_dict(), world={}, totals=made.totals(), saved=request["save"],
            node_filter=request["node_filter"], request_key=request["request_key"])

    def hint(self, context, tasks: list) -> None:
        self.hints += tasks
        if tasks:
            self.hinted.set()


class Bus:
    """The in-process bus with one conductor on it; costly to stop, so tests share it."""

    def __init__(self):
        self.conf = opts.load([], "provisioner-api")
        self.hostname = f"host-{uuid.uuid4()}"
        self.endpoint = Endpoint()
        self.transport = transport.get(self.conf, "fake://")
        self._server = transport.server(self.transport, self.hostname, self.endpoint)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self._server.wait()
        self.transport.cleanup()


class Harness:
    """:ivar endpoint: the accepting conductor
    :ivar http: Flask's test client
    """

    def __init__(self, folder: pathlib.Path, bus: Bus):
        self.conf = opts.load([], "provisioner-api")
        self.conf.set_override("design_file_roots", [str(folder)], "api")
        self.database = Database(f"sqlite:///{folder}/test.sqlite")
        models.metadata.create_all(self.database.engine)
        self.hostname, self.endpoint = bus.hostname, bus.endpoint
        box = Box([Fernet.generate_key()])
        self.endpoint.serve(self.database, box)
        self.services = Services(
            conf=self.conf, database=self.database, clock=Clock(),
            conductor_client=ConductorClient(bus.transport, self.database, Clock()),
            box=box)
        self.app = create_app(self.services, routes.TABLES)
        self.http = self.app.test_client()

        me = conductors.Registration(str(uuid.uuid4()), self.hostname, "", 1, {
            "fake-hardware": {"interfaces": {}, "settings": {}}})
        with self.database.writer() as tx:
            conductors.register(tx, me, 600)

    def bury(self) -> None:
        """The conductor dies: nobody is left to accept anything."""
        with self.database.writer() as tx:
            conductors.bury(tx, self.hostname, 0)
        self.services.conductor_client.view.rings(fresh=True)

    def ask(self, method: str, path: str, version: str | None = None, headers=None, **more):
        """A request, as the declarative cases send it. There are no microversions here."""
        return self.http.open(path, method=method, headers=headers or {}, **more)

    def store(self, text: str | None = None) -> str:
        """Store a design (the example); its digest."""
        answer = self.http.post("/api/v1.1/designs", data=text or EXAMPLE.read_text(),
                                headers=YAML)
        assert answer.status_code == 201, answer.text
        return answer.json["digest"]

    def task(self, digest: str, action: str = "verify_site", **more) -> str:
        """Ask for a task; its uuid."""
        answer = self.http.post("/api/v1.1/tasks", json={
            "action": action, "design": digest, **more})
        assert answer.status_code == 202, answer.text
        return answer.json["uuid"]

    def change(self, task: str, **values) -> None:
        """Write columns of a task, as the engine would."""
        with self.database.writer() as tx:
            tasks.update(tx, task, **values)

    def lock(self, site: str, digest: str, task: str) -> None:
        with self.database.writer() as tx:
            designs.lock_site(tx, site, digest, task)
