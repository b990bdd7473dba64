"""A conductor as a whole: it starts, works and stops whether or not there is a bus."""

import threading

import pytest

from provisioner.conf import opts
from provisioner.db import models, nodes, tasks
from provisioner.db.session import Database
from provisioner.rpc import transport
from provisioner.steps import Done
from provisioner_conductor.service import Conductor, main
from tests.cluster import BOX
from tests.unit.conductor.conftest import SPECS


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/test.sqlite")
    models.metadata.create_all(made.engine)
    yield made
    made.dispose()


@pytest.fixture
def conductor(database, free_port):
    """One whose broker is not there."""
    conf = opts.load([], "tests")
    conf.set_override("enabled_hardware_types", ["fake-hardware"], "conductor")
    bus = transport.get(conf, f"rabbit://nobody:x@127.0.0.1:{free_port()}/")
    return Conductor(conf, database, bus, BOX)


def run(function) -> None:
    """Run it to its end, which comes soon."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(15)
    assert not thread.is_alive(), f"{function.__name__} hangs"


def test_work_goes_on_without_a_bus(conductor, database, script, eventually):
    with database.writer() as tx:
        node = nodes.create(tx, {"driver": "fake-hardware"})
        task = tasks.insert(tx, tasks.NewTask("power", [SPECS["repeat"]], node=node))
        nodes.update_engine(tx, node, {"task": task})
    script.answer = lambda context: Done()
    run(conductor.start)

    def state() -> bool:
        with database.reader() as tx:
            return tasks.get(tx, task).state == tasks.SUCCEEDED
    eventually(state)
    run(conductor.stop)
    with database.reader() as tx:
        assert tx.scalar(models.conductors.select().with_only_columns(models.conductors.c.dead))


def test_a_step_that_does_not_end_keeps_no_conductor_from_stopping(
        conductor, database, script):
    entered, leave = threading.Event(), threading.Event()

    def hang(context):
        entered.set()
        leave.wait(60)
        return Done()
    script.answer = hang
    with database.writer() as tx:
        node = nodes.create(tx, {"driver": "fake-hardware"})
        task = tasks.insert(tx, tasks.NewTask("power", [SPECS["repeat"]], node=node))
        nodes.update_engine(tx, node, {"task": task})
    run(conductor.start)
    assert entered.wait(10)
    try:
        run(lambda: conductor.stop(0.1))
        assert conductor.lease.current.remaining() < 0, "it may send nothing more"
        assert not conductor.lease._thread.is_alive(), "nor keep others from taking over"
    finally:
        leave.set()


def test_a_conductor_without_a_key_file_says_so_and_ends(tmp_path, capsys):
    file = tmp_path / "provisioner.conf"
    file.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/x.sqlite\n"
                    f"[secrets]\nkey_file = {tmp_path}/keys\n")
    assert main(["--config-file", str(file)]) == 1
    told = capsys.readouterr().err
    assert str(tmp_path / "keys") in told and "create_key" in told
