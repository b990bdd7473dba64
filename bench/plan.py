"""How long it takes to plan a site and to accept the plan, and how that grows.

Usage: ``python -m bench.plan [nodes ...]`` from the top of the source tree (default: 10 200 1000
5000). Each size runs in a process of its own, on SQLite, with fake hardware and the design in
memory. ``new``: all nodes are to be created and deployed; ``same``: all are as the design wants
them. The peer is the check of the same design (``provisioner design validate``), which reads no
database; ``exponent`` is the growth of ``new`` from one size to the next: 1.0 is linear.
"""

import json
import math
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import sqlalchemy as sa

from provisioner import states
from provisioner.db import designs, plans
from provisioner.db.models import nodes
from provisioner.rpc.client import PlanRequest
from provisioner.site import documents
from provisioner.site.plan import BUILDING
from provisioner.site.validate import validate
from provisioner_conductor import progress
from provisioner_conductor.planning import Planner
from tests import cluster, sites

SIZES = (10, 200, 1000, 5000)
SITE = "bench"
_COLUMNS = ("nodes", "new", "same", "accept", "peer", "ratio", "MB", "MiB", "exponent")


def _timed(work):
    """(seconds, result)"""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def _deployed(on, design) -> None:
    """Bring all rows to where deploying leaves them."""
    task = on.run(on.accept("prepare_site", site=SITE, design=design.digest))
    if task.state != "succeeded":
        raise SystemExit(f"prepare_site: {task.error}")
    image = next(iter(design.site.images.values()))
    with on.database.writer() as tx:
        tx.execute(sa.update(nodes).values(
            provision_state=states.ACTIVE, power_state=states.POWER_ON,
            instance_info=progress.instance_info(image)))


def measure(size: int, folder: str) -> dict:
    """Seconds, and the size of the plan and of the process."""
    on = cluster.Cluster(cluster.fresh(pathlib.Path(folder)))
    on.start("bench")
    text = sites.text(size).replace("type: ipmi", "type: fake")
    loaded = documents.load(text, "site.yaml")
    peer, design = _timed(lambda: validate(loaded))
    on.database.write(lambda tx: designs.put(tx, designs.NewDesign(design.digest, text, "site")))
    services = on.live()[0].services
    services.designs.get(design.digest)

    def make(key):
        return Planner(services).make(PlanRequest(SITE, design.digest, list(BUILDING), key))
    new, uuid = _timed(lambda: make("new"))
    with on.database.reader() as tx:
        length = len(json.dumps(plans.get(tx, uuid).document))
    _deployed(on, design)
    same, uuid = _timed(lambda: make("same"))
    with on.database.reader() as tx:
        if not plans.get(tx, uuid).document["empty"]:
            raise SystemExit("the plan of a deployed site is not empty")
    more = Planner(services).make(PlanRequest(SITE, design.digest, ["destroy_nodes"], "accept"))
    accept, _ = _timed(lambda: on.accept("apply_plan", site=SITE, args={"plan": more}))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    on.close()
    return {"nodes": size, "new": new, "same": same, "accept": accept, "peer": peer,
            "ratio": new / peer, "MB": length / 1e6, "MiB": memory}


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(int(sys.argv[2]), folder)))
        return
    print(" ".join(f"{name:>8}" for name in _COLUMNS))
    previous = None
    for size in map(int, sys.argv[1:] or SIZES):
        done = subprocess.run([sys.executable, "-W", "ignore", "-m", "bench.plan", "--one",
                               str(size)], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        growth = "" if previous is None else "{:.2f}".format(
            math.log(found["new"] / previous["new"])
            / math.log(found["nodes"] / previous["nodes"]))
        values = [found["nodes"], *(f"{found[name]:.2f}" for name in _COLUMNS[1:-1]), growth]
        print(" ".join(f"{value:>8}" for value in values), flush=True)
        previous = found


if __name__ == "__main__":
    main()
