"""A conductor dies, or freezes, or loses a service, while machines are being deployed."""

import random
import signal
import time

import pytest

from tests.chaos import cluster as clusters
from tests.chaos import history

pytestmark = [pytest.mark.chaos, pytest.mark.services]
#: seconds a deployment may take, whatever happens
PATIENCE = 240


@pytest.fixture
def moment():
    """How many changing commands the victim has sent when it is hit: another one in each run."""
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")
    return random.Random(seed).randrange(5, 60)


def _hit_at(cluster, victim, commands, eventually):
    """Start the deployment; return once ``victim`` has sent that many changing commands."""
    before = cluster.commands(victim)
    task = cluster.client.start("deploy_nodes", cluster.design, "deploy")
    eventually(lambda: cluster.commands(victim) >= before + commands, 60)
    return task


def _first_take_over(cluster, hit_at, heir):
    """Seconds from the hit to the first take, by the heir, of a node that the victim held."""
    for node in history.takes(cluster.database).values():
        for earlier, later in zip(node, node[1:], strict=False):
            if earlier.conductor != heir == later.conductor and later.at > hit_at:
                yield later.at - hit_at


def _killed(cluster, moment, eventually):
    task = _hit_at(cluster, "c1", moment, eventually)
    hit_at = time.time()
    cluster.conductors["c1"].kill()
    ended = cluster.client.wait(task, PATIENCE)
    assert ended["state"] == "succeeded", (ended["error"], cluster.conductors["c2"].tail())
    cluster.check()
    first = min(_first_take_over(cluster, hit_at, "c2"), default=None)
    print(f"killed after {moment} commands; first step resumed after {first} s; "
          f"expected at most {clusters.LEASE + clusters.MARGIN + 2} s")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_killed(tmp_path, any_database_url, rabbitmq_url, moment, eventually):
    with clusters.cluster(tmp_path, any_database_url, rabbitmq_url, 40) as cluster:
        _killed(cluster, moment, eventually)


def test_frozen_for_twice_its_lease(tmp_path, postgresql_url, rabbitmq_url, moment, eventually):
    with clusters.cluster(tmp_path, postgresql_url, rabbitmq_url, 40) as cluster:
        task = _hit_at(cluster, "c1", moment, eventually)
        frozen = cluster.conductors["c1"]
        frozen.signal(signal.SIGSTOP)
        time.sleep(2 * clusters.LEASE)  # the fault itself, not a wait for a condition
        frozen.signal(signal.SIGCONT)
        ended = cluster.client.wait(task, PATIENCE)
        assert ended["state"] == "succeeded", (ended["error"], frozen.tail())
        eventually(lambda: "is lost" in frozen.tail() or "acts as incarnation" in frozen.tail(),
                   30)
        # One request per worker may have passed its check at the moment of the stop.
        strays = cluster.check(allowed_strays=clusters.OPTIONS.get("workers", 100))
        print(f"{len(strays)} requests had passed their check when c1 was stopped: {strays}")


OUTAGE = 30.0


def _without(cluster, service, eventually, task):
    """Take a service away for a while in mid deploy, then see that everything ends as asked."""
    service.run("stop")
    time.sleep(OUTAGE)  # the fault itself, not a wait for a condition
    service.run("start")
    ended = cluster.client.wait(task, PATIENCE)
    assert ended["state"] == "succeeded", ended["error"]
    cluster.check()


def test_bus_away(tmp_path, postgresql_url, private_service, moment, eventually):
    bus = private_service("rabbitmq")
    with clusters.cluster(tmp_path, postgresql_url, bus.url, 12) as cluster:
        task = _hit_at(cluster, "c1", min(moment, 10), eventually)
        _without(cluster, bus, eventually, task)


def test_database_away(tmp_path, rabbitmq_url, private_service, moment, eventually):
    database = private_service("postgresql")
    with clusters.cluster(tmp_path, database.url, rabbitmq_url, 12) as cluster:
        task = _hit_at(cluster, "c1", min(moment, 10), eventually)
        _without(cluster, database, eventually, task)
