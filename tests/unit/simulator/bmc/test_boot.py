import pytest

from provisioner.simulator.bmc.boot import FLAGS, VALID_BIT_CLEARING, BootOptions

PXE_ONCE, PXE_ALWAYS, DISK_EFI = "8004000000", "c004000000", "a008000000"
UNSET = {"device": "default", "persistent": False, "efi": False}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def options(clock):
    return BootOptions(clock)


def flags(options, text):
    options.set(FLAGS, bytes.fromhex(text))


def test_default_when_nothing_was_set(options):
    assert options.describe() == UNSET
    assert options.consume() == "default"


def test_once_is_used_up_by_a_boot(options):
    flags(options, PXE_ONCE)
    assert options.consume() == "pxe"
    assert options.consume() == "default"
    assert options.get(FLAGS).hex() == "0004000000"


def test_persistent_stays(options):
    flags(options, PXE_ALWAYS)
    assert [options.consume() for _ in range(3)] == ["pxe"] * 3


def test_efi_bit_is_kept(options):
    flags(options, DISK_EFI)
    assert options.describe() == {"device": "disk", "persistent": False, "efi": True}


def test_invalid_flags_do_not_count(options):
    flags(options, "4004000000")
    assert options.consume() == "default"


@pytest.mark.parametrize("text", [PXE_ONCE, PXE_ALWAYS])
def test_valid_bit_is_cleared_after_a_minute(options, clock, text):
    flags(options, text)
    clock.now += 60
    assert options.describe()["device"] == "pxe"
    clock.now += 0.1
    assert options.describe() == UNSET


def test_parameter_3_forbids_the_timeout(options, clock):
    options.set(VALID_BIT_CLEARING, b"\x08")
    flags(options, PXE_ONCE)
    clock.now += 3600
    assert options.consume() == "pxe"


def test_chassis_control_ends_the_timeout(options, clock):
    flags(options, PXE_ALWAYS)
    clock.now += 30
    options.chassis_controlled()
    clock.now += 3600
    assert options.consume() == "pxe"


def test_wrong_length_is_refused(options):
    with pytest.raises(ValueError, match="bytes"):
        options.set(VALID_BIT_CLEARING, b"")
