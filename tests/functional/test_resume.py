"""Every flow, interrupted everywhere: whatever dies, the work goes on and ends as it was asked.

Generated for every registered flow. At each moment that differs from the one before in what is
recorded or in what the machines were told, every process dies and another one takes over; each
step is called twice in a row; each step fails, for good and in passing. The history that the
database tells is checked each time.
"""

import dataclasses
import functools
import http.server
import threading

import pytest
import sqlalchemy as sa

from provisioner import exceptions, states
from provisioner.db import models, tasks
from provisioner.rpc.client import PlanRequest
from provisioner.site.plan import BUILDING
from provisioner.steps import Failed
from provisioner_conductor import flows
from provisioner_conductor.planning import Planner
from tests import cluster, maas_region
from tests.cluster_site import prepared, small_site, store
from tests.invariants import violations

#: longest that a lease of the dead, and what follows it, can take
TAKE_OVER = 16.0
SITE_NODES = ("node-001", "node-002")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One flow on one kind of node.

    :ivar start: provision state, and further columns, before
    :ivar end: provision state after success
    :ivar failed: provision states in which a failure may leave the node
    :ivar again: verb that gets a node on from each of those states; by default the same one
    :ivar ran: what ramdisk agents are told to run in all, whoever dies
    :ivar maas: status of the machine in its MAAS region before (``""``: not there) and after
    :ivar every: of its moments only each so many is played: its steps are another flow's
    """

    name: str
    action: str
    start: str
    end: str
    failed: tuple[str, ...] = ()
    again: dict = dataclasses.field(default_factory=dict)
    args: dict = dataclasses.field(default_factory=dict)
    agent: bool = False
    power: str | None = None
    columns: dict = dataclasses.field(default_factory=dict)
    ran: tuple[str, ...] = ()
    every: int = 1
    maas: tuple[str, str] | None = None


ERASE = "erase_devices_metadata"
CLEAN = {"clean_steps": [{"interface": "deploy", "step": ERASE},
                         {"interface": "deploy", "step": "erase_devices", "args": {"n": 1}}]}
ON, OFF = states.POWER_ON, states.POWER_OFF
DEPLOY_AGAIN = (states.DEPLOY_FAILED,)
CLEAN_AGAIN = {states.CLEAN_FAILED: "manage"}
NODE_SCENARIOS = [
    Scenario("manage", "manage", "enroll", "manageable", ("enroll",)),
    Scenario("manage-back", "manage", "inspect failed", "manageable"),
    Scenario("inspect-ramdisk", "inspect", "manageable", "manageable", ("inspect failed",),
             agent=True, power=OFF),
    Scenario("inspect-bmc", "inspect", "manageable", "manageable", ("inspect failed",)),
    Scenario("provide", "provide", "manageable", "available", ("clean failed",), CLEAN_AGAIN,
             agent=True, power=OFF, ran=(ERASE,)),
    Scenario("provide-plain", "provide", "manageable", "available"),
    Scenario("clean", "clean", "manageable", "manageable", ("clean failed",), CLEAN_AGAIN,
             args=CLEAN, agent=True, power=OFF, ran=(ERASE, "erase_devices")),
    Scenario("deploy", "deploy", "available", "active", DEPLOY_AGAIN, agent=True, power=ON,
             ran=("write_image",)),
    Scenario("deploy-plain", "deploy", "available", "active", DEPLOY_AGAIN, power=ON),
    Scenario("rebuild", "rebuild", "active", "active", DEPLOY_AGAIN, agent=True, power=ON,
             ran=("write_image",), every=4),
    Scenario("delete", "delete", "active", "available", ("error", "clean failed"), CLEAN_AGAIN,
             agent=True, power=OFF, ran=(ERASE,)),
    Scenario("adopt", "adopt", "manageable", "active", ("adopt failed",)),
    Scenario("verify", "verify", "available", "available", ("available",)),
    Scenario("report", "report", "active", "active", ("active",)),
    Scenario("relabel", "relabel", "active", "active", ("active",),
             args={"labels": {"zone": "a"}}),
    *[Scenario(f"power-{target}", "power", "available", "available", ("available",),
               args={"target": target}, power=states.POWER_TARGETS[target])
      for target in states.POWER_TARGETS],
    Scenario("power-reset", "power", "available", "available", ("available",), power=ON,
             args={"target": states.REBOOT}, columns={"disable_power_off": True}),
]
#: how many moments of a verb of MAAS go by for each one that is played
MAAS_EVERY = 6
MAAS_SCENARIOS = [
    Scenario("maas-enlist", "manage", "enroll", "manageable", ("enroll",), maas=("", "New")),
    Scenario("maas-find", "manage", "enroll", "manageable", ("enroll",), maas=("new", "New")),
    Scenario("maas-inspect", "inspect", "manageable", "manageable", ("inspect failed",),
             maas=("new", "Ready")),
    Scenario("maas-provide", "provide", "manageable", "available", ("clean failed",),
             CLEAN_AGAIN, maas=("ready", "Ready")),
    Scenario("maas-clean", "clean", "manageable", "manageable", ("clean failed",), CLEAN_AGAIN,
             args={"clean_steps": [{"interface": "deploy", "step": ERASE}]},
             maas=("ready", "Ready"), every=2),
    Scenario("maas-deploy", "deploy", "available", "active", DEPLOY_AGAIN,
             maas=("ready", "Deployed"), every=MAAS_EVERY),
    Scenario("maas-rebuild", "rebuild", "active", "active", DEPLOY_AGAIN,
             maas=("deployed", "Deployed"), every=2 * MAAS_EVERY),
    Scenario("maas-delete", "delete", "active", "available", ("error", "clean failed"),
             CLEAN_AGAIN, maas=("deployed", "Ready")),
    Scenario("maas-rescue", "rescue", "active", "rescue", ("rescue failed",),
             maas=("deployed", "Rescue mode")),
    Scenario("maas-unrescue", "unrescue", "rescue", "active", ("unrescue failed",),
             maas=("rescue_mode", "Deployed")),
]
NODE_SCENARIOS += MAAS_SCENARIOS
SITE_SCENARIOS = [
    Scenario("validate_design", "validate_design", "", ""),
    Scenario("verify_site", "verify_site", "", ""),
    Scenario("prepare_site", "prepare_site", "", "enroll"),
    Scenario("verify_nodes", "verify_nodes", "available", "available"),
    Scenario("prepare_nodes", "prepare_nodes", "enroll", "available"),
    Scenario("deploy_nodes", "deploy_nodes", "available", "active"),
    Scenario("destroy_nodes", "destroy_nodes", "active", "available"),
    Scenario("relabel_nodes", "relabel_nodes", "active", "active"),
    Scenario("bootaction_report", "bootaction_report", "active", "active"),
    Scenario("apply_plan", "apply_plan", "enroll", "active", every=4),
]
SCENARIOS = [*NODE_SCENARIOS, *SITE_SCENARIOS]
by_name = functools.partial(pytest.mark.parametrize, "scenario", ids=lambda item: item.name)


def test_every_flow_has_a_scenario():
    assert {scenario.action for scenario in SCENARIOS} == set(flows.registered())


# --- setting up -------------------------------------------------------------------------------


class _Images(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        """Nobody reads it."""


@pytest.fixture(scope="module")
def design():
    """The small example site with two machines on fake hardware, and images that are there."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Images)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield small_site(SITE_NODES, server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A file with the tables in it."""
    folder = tmp_path_factory.mktemp("template")
    url = cluster.fresh(folder)
    cluster.Cluster(url).close()
    return url.removeprefix("sqlite:///")


def maas_node(on: cluster.Cluster, status: str, columns: dict) -> None:
    """A node whose machine is in that status in the region of the cluster's world."""
    region = on.world.region
    uuid = on.node("machine", driver_info=maas_region.settings(region), driver="maas",
                   instance_info={"image_source": "jammy"},
                   properties={"layout": maas_region.LAYOUT}, **columns)
    if status:
        maas_region.enlist(region, status, uuid)


class Play:
    """One scenario, played on clusters of its own."""

    def __init__(self, scenario: Scenario, design, folder, template):
        self.scenario = scenario
        self._design = design
        self.folder = folder
        self._template = template
        self._clusters = []
        self.task = None

    def close(self) -> None:
        for each in self._clusters:
            each.close()

    def set_up(self) -> cluster.Cluster:
        """Two conductors and a node in the state that the flow begins in."""
        new = cluster.Cluster(cluster.fresh(self.folder, self._template))
        self._clusters.append(new)
        new.start("a"), new.start("b")
        columns = {**self.scenario.columns, "provision_state": self.scenario.start}
        if self.scenario.maas:
            maas_node(new, self.scenario.maas[0], columns)
            return new
        if self.scenario in NODE_SCENARIOS:
            new.node("machine", agent=self.scenario.agent, **columns)
            return new
        if self.scenario.start:
            prepared(new, self._design, **columns)
        else:
            store(new, self._design)
        return new

    def resumed(self, snapshot: cluster.Snapshot) -> cluster.Cluster:
        """Another process takes over what the dead have left."""
        new = cluster.Cluster.after(snapshot)
        self._clusters.append(new)
        new.start("z")
        new.pass_time(TAKE_OVER)
        return new

    def ask(self, on: cluster.Cluster) -> str:
        if self.scenario in NODE_SCENARIOS:
            return on.accept(self.scenario.action, on.names()["machine"].uuid,
                             args=self.scenario.args)
        args = self.scenario.args
        if self.scenario.action == "apply_plan":
            args = {"plan": self._plan(on)}
        return on.accept(self.scenario.action, site="small", design=self._design.digest, args=args)

    def _plan(self, on: cluster.Cluster) -> str:
        return Planner(on.live()[0].services).make(PlanRequest(
            "small", self._design.digest, list(BUILDING), "plan"))

    def check(self, on: cluster.Cluster, task: sa.Row, where: str = "") -> None:
        """It has ended as asked, and nothing has happened on the way that must not."""
        assert task.state == tasks.SUCCEEDED, (where, task.error)
        self.check_history(on, where)
        for node in self._own(on):
            assert (node.provision_state, node.target_provision_state, node.last_error) == (
                self.scenario.end, None, None), where
            assert (node.task, node.reservation, node.incarnation) == (None, None, None), where
            assert not node.maintenance, where
            if self.scenario.maas:
                (machine,) = on.world.region.machines.values()
                assert machine.status_name == self.scenario.maas[1], where
            if self.scenario.power:
                assert on.world.machine(node.uuid).power == self.scenario.power, where
                assert node.power_state == self.scenario.power, where

    def check_history(self, on: cluster.Cluster, where: str = "") -> None:
        assert violations(on.database) == [], where
        assert on.wrong == [], where

    def check_ran(self, on: cluster.Cluster, where: str = "") -> None:
        assert tuple(step for _, step in on.world.ran) == self.scenario.ran, where

    def _own(self, on: cluster.Cluster) -> list[sa.Row]:
        return list(on.names().values())


@pytest.fixture
def play(request, scenario, design, tmp_path, template):
    playing = Play(scenario, design, tmp_path, template)
    yield playing
    playing.close()


# --- deaths -----------------------------------------------------------------------------------


def moments(play: Play) -> tuple[cluster.Cluster, str, list[cluster.Snapshot]]:
    """The undisturbed play, and what each moment of it would leave behind.

    A moment counts if a record was committed, or a machine told something, since the one before.
    """
    on = play.set_up()
    found, seen = [], set()

    def watch(name: str) -> None:
        mark = (on.points.count("after commit"), len(on.world.sent))
        if mark not in seen and accepted:
            seen.add(mark)
            found.append(on.snapshot(play.folder))
    accepted: list[str] = []
    on.watch = watch
    accepted.append(play.ask(on))
    play.check(on, on.run(accepted[0]))
    play.check_ran(on)
    return on, accepted[0], found


@by_name(argvalues=SCENARIOS)
def test_a_total_death_at_any_moment_changes_nothing_but_the_time(play):
    on, task, found = moments(play)
    assert len(found) >= len(on.steps(task))
    for snapshot in found[::play.scenario.every]:
        where = f"after point {snapshot.number}: {on.points[snapshot.number - 1]}"
        other = play.resumed(snapshot)
        play.check(other, other.run(task), where)
        play.check_ran(other, where)


@by_name(argvalues=[item for item in SCENARIOS if item.name in (
    "inspect-ramdisk", "deploy", "power-rebooting", "deploy_nodes", "prepare_site")])
def test_one_of_two_processes_dies_in_the_middle_of_it(play):
    count = len(moments(play)[0].points)
    for number in range(2, count, 9):
        on = play.set_up()
        on.die_at = len(on.points) + number
        try:
            task = play.ask(on)
        except cluster.Died:
            continue  # in the very moment of accepting: the next one to be asked has the key
        play.check(on, on.run(task), f"point {number}: {on.points[-1]}")
        play.check_ran(on)


@by_name(argvalues=SCENARIOS)
def test_every_step_can_be_called_twice_in_a_row(play):
    on = play.set_up()
    on.disturb = lambda context, call: (call(), call())[1]
    play.check(on, on.run(play.ask(on)))
    play.check_ran(on)


# --- errors -----------------------------------------------------------------------------------


class Trouble:
    """One step of a task fails, for as long as :attr:`times` says.

    Machines answer with the error; where a step asks no machine it is what the step comes to.
    """

    def __init__(self, on: cluster.Cluster, position: int, error, times: float):
        self._on = on
        self._position = position
        self._error = error
        self.times = times
        self.task = None

    def __call__(self, context, call):
        mine = context.task.uuid == self.task and context.step.position == self._position
        if not mine or self.times <= 0:
            return call()
        self.times -= 1
        passing = isinstance(self._error, exceptions.Unreachable)
        self._on.world.fault = self._error
        try:
            outcome = call() if context.node is not None else None
        finally:
            self._on.world.fault = None
        return outcome if isinstance(outcome, Failed) else Failed(
            self._error.as_dict(), retryable=passing)


def calls(play: Play) -> tuple[str, dict[str, tuple[int, cluster.Snapshot]]]:
    """The task, and (position, what was recorded) when each of its steps was first called."""
    on = play.set_up()
    found = {}

    def note(context, call):
        if context.task.uuid == task:
            found.setdefault(f"{context.step.position} {context.step.name}",
                             (context.step.position, on.snapshot(play.folder)))
        return call()
    on.disturb = note
    task = play.ask(on)
    on.run(task)
    return task, found


def troubled(play: Play, task: str, call, error, times: float):
    """(cluster, ended task) of a play that goes on from a call, which is in trouble."""
    position, snapshot = call
    on = play.resumed(snapshot)
    on.disturb = trouble = Trouble(on, position, error, times)
    trouble.task = task
    return on, on.run(task)


@by_name(argvalues=SCENARIOS)
def test_an_error_in_any_step_ends_the_task_clearly_and_leaves_nothing_locked(play):
    uuid, found = calls(play)
    for name, call in found.items():
        on, task = troubled(play, uuid, call, exceptions.LoginRefused("Wrong password."), 1)
        assert task.state == tasks.FAILED, name
        assert (task.error["code"], task.error["step"], task.error["message"]) == (
            "LoginRefused", name.partition(" ")[2], "Wrong password.")
        assert task.error["remedy"]
        settle(on)
        play.check_history(on, name)
        second_request(play, on, task, name)


def settle(on: cluster.Cluster) -> None:
    """Let everything end that runs yet."""
    with on.database.reader() as tx:
        open_ = [row.uuid for row in tx.all(sa.select(models.tasks.c.uuid).where(
            models.tasks.c.state.not_in(tasks.ENDED)))]
    for uuid in open_:
        on.run(uuid)


def second_request(play: Play, on: cluster.Cluster, task: sa.Row, where: str) -> None:
    """Where a failure leaves things, a second request works."""
    if play.scenario in SITE_SCENARIOS:
        on.accept("retry", args={"task": task.uuid})
        play.check(on, on.run(task.uuid), where)
        return
    node = on.names()["machine"]
    assert node.provision_state in play.scenario.failed, where
    assert (node.task, node.reservation, node.incarnation) == (None, None, None), where
    assert node.last_error == "Wrong password.", where
    faults = flows.get(task.action).fault
    assert (node.fault, node.maintenance) == (faults, bool(faults)), where
    verb = play.scenario.again.get(node.provision_state, task.action)
    second = on.run(on.accept(verb, node.uuid, args=play.scenario.args))
    assert second.state == tasks.SUCCEEDED, (where, second.error)
    node = on.names()["machine"]
    assert (node.fault, node.maintenance, node.last_error) == (None, False, None), where


@by_name(argvalues=SCENARIOS)
def test_errors_that_pass_are_tried_again(play):
    """Each step fails three times in passing, in one play."""
    on = play.set_up()
    troubles = {}

    def trouble(context, call):
        key = (context.task.uuid, context.step.position)
        if key not in troubles:
            troubles[key] = Trouble(on, key[1], exceptions.Unreachable("No answer."), 3)
            troubles[key].task = key[0]
        return troubles[key](context, call)
    on.disturb = trouble
    play.check(on, on.run(play.ask(on)))
    play.check_ran(on)
    assert [each.times for each in troubles.values()] == [0] * len(troubles)


@by_name(argvalues=[item for item in SCENARIOS if item.name in ("manage", "deploy-plain")])
def test_an_error_that_does_not_pass_ends_the_task_after_its_attempts(play):
    uuid, found = calls(play)
    for name, call in found.items():
        on, task = troubled(play, uuid, call, exceptions.Unreachable("No answer."), 100)
        assert (task.state, task.error["code"], task.error["step"]) == (
            tasks.FAILED, "Unreachable", name.partition(" ")[2])
        assert on.disturb.times == 100 - 7, "eight attempts, the first of which died"
        play.check_history(on, name)
