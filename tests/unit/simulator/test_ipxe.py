import pytest

from provisioner.simulator.ipxe import Script, ScriptError, parse

BASE = "http://api:6385/boot/52-54-00-77-00-01.ipxe"


def test_kernel_with_parameters_and_initrd():
    script = parse("#!ipxe\n# comment\n\n"
                   "kernel --name k --autofree http://a/k ipa-api-url=http://b quiet x=a=b\n"
                   "initrd /images/r\nboot\n", BASE)
    assert script == Script("http://a/k", {"ipa-api-url": "http://b", "quiet": "", "x": "a=b"},
                            ("http://api:6385/images/r",))


def test_exit_boots_from_disk():
    assert parse("#!ipxe\nexit\nkernel http://a/k\n", BASE) == Script()


def test_chain_is_resolved():
    assert parse("#!ipxe\nchain other.ipxe\n", BASE).chain == "http://api:6385/boot/other.ipxe"


@pytest.mark.parametrize("text", ["", "<html>", "kernel http://a/k"])
def test_anything_else_is_no_script(text):
    with pytest.raises(ScriptError):
        parse(text, BASE)
