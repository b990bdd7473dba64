import pytest

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.boot.ipxe import IpxeBoot

INFO = {"deploy_kernel": "http://images/kernel", "deploy_ramdisk": "http://images/ramdisk"}
BOOT = base.RamdiskBoot("http://api:6385", ("ipa-debug=1",))


def node(**driver_info):
    return base.NodeView("0" * 8, "node-1", {**INFO, **driver_info})


def test_the_ramdisk_script_names_kernel_ramdisk_and_api():
    assert IpxeBoot().ramdisk_script(node(kernel_append_params="console=ttyS0 quiet"), BOOT) == (
        "#!ipxe\n"
        "kernel http://images/kernel ipa-api-url=http://api:6385 ipa-debug=1 console=ttyS0 quiet\n"
        "initrd http://images/ramdisk\n"
        "boot\n")


def test_the_local_script_hands_over_to_the_next_boot_device():
    assert IpxeBoot().local_script(node()) == "#!ipxe\nexit\n"


@pytest.mark.parametrize("name, value", [
    ("deploy_kernel", None), ("deploy_ramdisk", ""), ("deploy_kernel", "/tmp/kernel"),
    ("deploy_kernel", "file:///etc/shadow"), ("deploy_kernel", "http://a b"),
    ("deploy_ramdisk", "http://a\nshell"), ("kernel_append_params", "a\nboot"),
    ("kernel_append_params", "quiet ipa-api-url=http://elsewhere")])
def test_what_cannot_be_booted_is_refused_and_named(name, value):
    with pytest.raises(exceptions.InvalidSetting) as caught:
        IpxeBoot().ramdisk_script(node(**{name: value}), BOOT)
    assert caught.value.where["setting"] == name
