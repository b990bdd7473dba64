"""The process: options, ready line, files, end."""

import json
import pathlib
import socket
import stat
import subprocess
import sys

import pytest

from provisioner.simulator.main import main
from tests.simulated import fleet


def test_help_names_every_fault(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    for name in ("boot_delay", "agent_dies_at", "disk_fail", "--fault-on", "unix:PATH"):
        assert name in shown


@pytest.mark.parametrize("options", [
    ["--fault", "smoke=true"], ["--fault-on", "x:mute=true"], ["--cipher-suites", "0"],
    ["--disk-size", "big"], ["--network", "nowhere"]])
def test_bad_options_are_usage_errors(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


def run(*options):
    return subprocess.run([sys.executable, "-m", "provisioner.simulator.main", *options],
                          capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("options", [
    ["--nodes", "1", "--bmc-port", "0", "--control", "nowhere"],
    ["--nodes", "300", "--network", "127.9.9.0/24"],
    ["--nodes", "1", "--bmc-port", "0", "--fault-on", "2:mute=true"]])
def test_what_cannot_be_done_is_said_and_ends(options):
    ended = run(*options)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("provisioner-simulator: ")


def test_taken_address_is_said(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.9.9.2", 0))
        ended = run("--nodes", "1", "--network", "127.9.9.0/24",
                    "--bmc-port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "in use" in ended.stderr


def test_faults_at_the_start(tmp_path):
    args = ["--fault", "boot_delay=3", "--fault-on", "2-3:refuse=193", "--fault-on", "3:mute=60"]
    with fleet(3, tmp_path, args=args) as running:
        faults = [one["faults"] for one in running.control("GET", "/machines")]
    assert [one["boot_delay"] for one in faults] == [3, 3, 3]
    assert [one["refuse"] for one in faults] == [0, 193, 193]
    assert [bool(one["mute"]) for one in faults] == [False, False, True]


def test_writes_nodes_and_keeps_disks(tmp_path):
    with fleet(2, tmp_path, args=["--write-nodes", str(tmp_path / "nodes.json"),
                                  "--disk-size", "1M"]) as running:
        written = json.loads((tmp_path / "nodes.json").read_text())
        assert written == running.nodes
        assert set(written[0]) == {"name", "mac", "address", "bmc_port", "user", "password"}
        disk = pathlib.Path(running.machine("node-001")["disk"]["path"])
        assert disk.stat().st_size == 1 << 20
    assert disk.exists()


def test_control_on_a_socket_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("s") / "c"
    with fleet(1, path.parent, args=["--control", f"unix:{path}"]) as running:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert running.machine("node-001")["power"] == "off"


def test_ends_on_sigterm_while_machines_run(tmp_path):
    with fleet(2, tmp_path, args=["--boot-url", "http://127.0.0.1:1/{mac}"]) as running:
        for node in running.nodes:
            running.control("POST", f"/machines/{node['name']}/power", {"power": "on"})
        running.process.terminate()
        assert running.process.wait(10) == 0
    assert (tmp_path / "simulator.err").read_text() == ""
