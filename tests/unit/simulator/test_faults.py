import pytest

from provisioner.simulator.faults import (
    FaultError,
    Faults,
    parse_fault,
    parse_selected_fault,
)


def test_parses_values_as_json():
    assert parse_fault("mute=true") == {"mute": True}
    assert parse_fault("loss=0.25") == {"loss": 0.25}
    assert parse_fault("agent_dies_at=null") == {"agent_dies_at": None}


@pytest.mark.parametrize("text", [
    "mute", "mute=yes", "smoke=true", "loss=1.5", "refuse=256", "refuse=true", "refuse=1.5",
    "ack_without_doing=-2", "sessions_full=1", "boot_delay=-1", "agent_dies_at=-1"])
def test_refuses_what_no_knob_takes(text):
    with pytest.raises(FaultError):
        parse_fault(text)


def test_parses_selection():
    chosen, changes = parse_selected_fault("3,7,10-12:refuse=192")
    assert chosen == {3, 7, 10, 11, 12}
    assert changes == {"refuse": 192}


@pytest.mark.parametrize("text", ["3", "a:mute=true", "3-:x=1", ":mute=true"])
def test_refuses_bad_selection(text):
    with pytest.raises(FaultError):
        parse_selected_fault(text)


def test_update_changes_all_or_nothing():
    faults = Faults()
    with pytest.raises(FaultError):
        faults.update({"loss": 0.5, "refuse": -1})
    assert faults.loss == 0


def test_switch_with_time_turns_itself_off():
    faults = Faults()
    faults.update({"mute": 3600})
    assert faults.is_on("mute")
    faults.update({"mute": 0})
    assert not faults.is_on("mute")
    assert faults.as_dict()["mute"] is False


def test_acknowledgements_are_used_up():
    faults = Faults()
    faults.update({"ack_without_doing": 2})
    assert [faults.take_acknowledgement() for _ in range(3)] == [True, True, False]
    faults.update({"ack_without_doing": -1})
    assert all(faults.take_acknowledgement() for _ in range(5))
