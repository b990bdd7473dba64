"""Steps that the ramdisk agent carries out, found interrupted."""

import types

import pytest

from provisioner.steps import Parked, Wait
from provisioner_conductor.steps import agent


class Machine:
    """An agent that knows no command; remembers what it was told to start."""

    def __init__(self):
        self.started = []

    def call(self, kind, method, *args):
        if method == "start_step":
            self.started.append(args[1]["step"])


def context(step: str, interrupted: bool, kept: dict):
    return types.SimpleNamespace(
        machine=Machine(), interrupted=interrupted, kept=kept,
        args={"what": "clean", "step": {"interface": "deploy", "step": step, "args": {}}},
        conf=types.SimpleNamespace(command_timeout=60, agent_poll=1))


@pytest.mark.parametrize("interrupted, kept", [(True, {}), (False, {"started": True})])
def test_what_the_agent_has_forgotten_is_a_persons_to_decide(interrupted, kept):
    given = context("upgrade_firmware", interrupted, kept)
    assert isinstance(agent.run_step(given), Parked)
    assert given.machine.started == []


def test_what_may_be_run_twice_is(interrupted=True):
    given = context("erase_devices", interrupted, {"started": True})
    assert isinstance(agent.run_step(given), Wait)
    assert given.machine.started == ["erase_devices"]


def test_what_was_never_started_is_started():
    given = context("upgrade_firmware", False, {})
    assert isinstance(agent.run_step(given), Wait)
    assert given.machine.started == ["upgrade_firmware"]
