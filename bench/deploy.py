"""Deploys a simulated fleet end to end and says where the time goes.

    python -m bench.deploy [--nodes 200] [--conductors 0]

``--conductors 0`` is standalone on SQLite; any other number starts the API and so many conductors
on the PostgreSQL and RabbitMQ of PROVISIONER_TEST_POSTGRESQL and PROVISIONER_TEST_RABBITMQ.
The machines boot in half a second, so that what is measured is mostly ours: real ones are slower,
and wait for nobody here.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import statistics
import tempfile
import time

import sqlalchemy as sa

from provisioner import secrets
from provisioner.db import models, schema
from provisioner.db.session import Database
from tests import deployment, simulated

PORT = 16385
ACTIONS = ("prepare_site", "verify_nodes", "prepare_nodes", "deploy_nodes")
PATIENCE = 1800


@contextlib.contextmanager
def standalone(folder: pathlib.Path):
    """The API's client and the URL of the database."""
    command = deployment.python("provisioner_standalone", "--state-dir", str(folder / "state"),
                                "--listen-port", str(PORT))
    with deployment.process(command, folder / "standalone.log") as one:
        yield f"sqlite:///{folder}/state/provisioner.sqlite", [one]


@contextlib.contextmanager
def cluster(folder: pathlib.Path, conductors: int):
    admin = sa.make_url(os.environ["PROVISIONER_TEST_POSTGRESQL"])
    name = f"bench_{int(time.time())}"
    engine = sa.create_engine(admin, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = admin.set(database=name).render_as_string(hide_password=False)
    try:
        database = Database(url)
        schema.upgrade(database)
        database.dispose()
        secrets.add_key(str(folder / "keys"))
        with contextlib.ExitStack() as stack:
            yield url, [stack.enter_context(_service(folder, url, name)) for name in (
                "api", *(f"c{number}" for number in range(conductors)))]
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _service(folder: pathlib.Path, url: str, name: str):
    config = deployment.write_config(folder / f"{name}.conf", {
        "DEFAULT": {"transport_url": os.environ["PROVISIONER_TEST_RABBITMQ"]},
        "database": {"connection": url}, "secrets": {"key_file": folder / "keys"},
        "api": {"port": PORT, "require_agent_tls": False},
        "conductor": {"host": name, "ramdisk_api_url": f"http://127.0.0.1:{PORT}"}})
    module = "provisioner_api" if name == "api" else "provisioner_conductor"
    return deployment.process(deployment.python(module, "--config-file", str(config)),
                              folder / f"{name}.log")


def steps(url: str) -> dict[str, list[float]]:
    """Seconds from first start to end of each step, by name."""
    database = Database(url)
    try:
        with database.reader() as tx:
            rows = tx.all(sa.select(models.steps.c.name, models.steps.c.started_at,
                                    models.steps.c.finished_at).where(
                models.steps.c.state == "done", models.steps.c.name.not_like("site.%")))
    finally:
        database.dispose()
    found = collections.defaultdict(list)
    for row in rows:
        found[row.name].append((row.finished_at - row.started_at).total_seconds())
    return found


def cpu(process) -> float:
    """Seconds of processor that a running process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process) -> float:
    """MiB resident at most."""
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def run(count: int, conductors: int) -> None:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="provisioner-bench-"))
    boot = f"http://127.0.0.1:{PORT}/boot/{{mac}}.ipxe"
    service = cluster(folder, conductors) if conductors else standalone(folder)
    with service as (url, processes), simulated.fleet(
            count, folder, args=("--boot-url", boot)) as fleet:
        client = deployment.Client(f"http://127.0.0.1:{PORT}")
        text, digest = deployment.site_of(fleet)
        design = client.create_design(text)
        print(f"{count} machines, {conductors or 'standalone,'} conductors\n")
        print(f"{'action':<16}{'seconds':>10}{'machines/min':>14}{'our CPU s':>12}")
        for action in ACTIONS:
            began, used = time.monotonic(), sum(map(cpu, processes))
            client.run(action, design, PATIENCE)
            took = time.monotonic() - began
            print(f"{action:<16}{took:>10.1f}{count / took * 60:>14.0f}"
                  f"{sum(map(cpu, processes)) - used:>12.1f}", flush=True)
        deployment.assert_deployed(fleet, client, digest)
        report(url, processes)


def report(url: str, processes: list) -> None:
    print(f"\n{'step':<20}{'runs':>7}{'median s':>11}{'95 % s':>9}{'sum s':>10}")
    for name, seconds in sorted(steps(url).items(), key=lambda item: -sum(item[1])):
        seconds.sort()
        print(f"{name:<20}{len(seconds):>7}{statistics.median(seconds):>11.2f}"
              f"{seconds[int(len(seconds) * 0.95)]:>9.2f}{sum(seconds):>10.0f}")
    for one in processes:
        print(f"\n{one.command[2]}: {cpu(one):.1f} s CPU, {memory(one):.0f} MiB at most", end="")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--conductors", type=int, default=0)
    asked = parser.parse_args()
    run(asked.nodes, asked.conductors)


if __name__ == "__main__":
    main()
