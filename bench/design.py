"""How long a site design takes to read, make effective and check, and how that grows.

Usage: ``python -m bench.design [nodes ...]`` from the top of the source tree (default: 10 100
1000 5000). Each size runs in a process of its own, three times; the best counts. The peer is
PyYAML's safe C loader reading the same text and doing nothing else with it. ``exponent`` is the
growth from one size to the next: 1.0 is linear.
"""

import json
import math
import resource
import subprocess
import sys
import time

import yaml

from provisioner.site.documents import load
from provisioner.site.effective import effective
from provisioner.site.validate import validate
from tests import sites

SIZES = (10, 100, 1000, 5000)
ROUNDS = 3


def _timed(work):
    """(best seconds, result) of several runs."""
    best, result = math.inf, None
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return best, result


def measure(nodes: int) -> dict:
    """Seconds of each part for a site of so many nodes; memory in MiB above the start's."""
    text = sites.text(nodes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read, documents = _timed(lambda: load(text, "site.yaml"))
    compiled, _ = _timed(lambda: effective(documents))
    whole, design = _timed(lambda: validate(documents))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if design.findings:
        raise SystemExit(f"the site of {nodes} nodes is not sound: {design.findings[0]}")
    peer, _ = _timed(lambda: list(yaml.load_all(text, Loader=yaml.CSafeLoader)))
    return {"nodes": nodes, "bytes": len(text), "read": read, "effective": compiled,
            "checks": max(whole - compiled, 0.0), "total": read + whole, "peer": peer,
            "memory": memory / 1024}


def _row(found, previous):
    exponent = "" if previous is None else "{:.2f}".format(
        math.log(found["total"] / previous["total"])
        / math.log(found["nodes"] / previous["nodes"]))
    return (f"{found['nodes']:>6} {found['bytes']:>9} {found['read']:>8.3f} "
            f"{found['effective']:>10.3f} {found['checks']:>8.3f} {found['total']:>8.3f} "
            f"{found['total'] / found['peer']:>8.2f} {found['memory']:>8.1f} {exponent:>9}")


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        print(json.dumps(measure(int(arguments[1]))))
        return
    print(f"{'nodes':>6} {'bytes':>9} {'read s':>8} {'effective':>10} {'checks':>8} "
          f"{'total s':>8} {'/ PyYAML':>8} {'MiB':>8} {'exponent':>9}")
    previous = None
    for nodes in [int(item) for item in arguments] or SIZES:
        done = subprocess.run([sys.executable, "-m", "bench.design", "--one", str(nodes)],
                              capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(_row(found, previous))
        previous = found


if __name__ == "__main__":
    main(sys.argv[1:])
