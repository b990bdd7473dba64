"""Applying a plan on each database: the check and the acceptance are one transaction."""

import concurrent.futures
import threading

import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.db import designs, nodes, plans, schema
from provisioner.db.session import Database
from provisioner.rpc.client import PlanRequest
from provisioner_conductor.planning import Planner
from tests import cluster
from tests.unit.conductor.test_planning import small

ALL = ["prepare_site", "prepare_nodes", "deploy_nodes"]


@pytest.fixture
def on(database_url):
    database = Database(database_url)
    schema.upgrade(database)
    database.dispose()
    made = cluster.Cluster(database_url, Clock())
    made.start("a")
    yield made
    made.close()


@pytest.fixture
def make(on):
    """``make(key)`` gives the uuid of a plan for two nodes that are known already."""
    design = small()
    on.database.write(lambda tx: store(tx, design))
    planner = Planner(on.live()[0].services)
    return lambda key: planner.make(PlanRequest("small", design.digest, ALL, key))


def store(tx, design) -> None:
    designs.put(tx, design)
    for name in ("node-001", "node-002"):
        nodes.create(tx, {"name": name, "driver": "fake-hardware"})


def apply(on, uuid):
    return on.accept("apply_plan", site="small", args={"plan": uuid})


def test_what_has_moved_refuses_and_what_has_not_is_accepted(on, make):
    uuid = make("one")
    with on.database.writer() as tx:
        row = nodes.require(tx, "node-002")
        nodes.update_user(tx, row, {"description": "seen"})
    with pytest.raises(exceptions.PlanStale, match="node-002"):
        apply(on, uuid)
    later = make("two")
    assert make("two") == later
    task = apply(on, later)
    with on.database.reader() as tx:
        assert plans.get(tx, later).task == task


def test_of_two_that_apply_at_once_one_does(on, make):
    uuid = make("one")
    ready = threading.Barrier(2)

    def one():
        ready.wait(30)
        try:
            return apply(on, uuid)
        except exceptions.PlanStale as error:
            return error
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [future.result(60) for future in [pool.submit(one), pool.submit(one)]]
    tasks = [answer for answer in answers if isinstance(answer, str)]
    refused = [answer for answer in answers if not isinstance(answer, str)]
    assert (len(tasks), len(refused)) == (1, 1)
    assert refused[0].where["moved"]
