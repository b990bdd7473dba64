"""Disks of a machine of a simulated region, set up from layouts."""

import pytest

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.maas_storage import PIECE, sizes
from provisioner.simulator.maas import machine as m
from tests.unit.drivers.test_maas_deploy import bench

assert bench
GIGA = 10**9
ROOT = {"mountpoint": "/", "label": "root"}


@pytest.mark.parametrize(("total", "wanted", "pieces"), [
    (100, [{"bytes": 10}, {"bytes": 20}], [10, 20]),
    (100, [{"bytes": 10}, None], [10, 90]),
    (100, [{"percent": 50}, {"percent": 10, "at_least": True}], [50, 50]),
    (101, [{"bytes": 1, "at_least": True}, {"bytes": 10, "at_least": True}], [46, 55]),
    (100, [{"bytes": 100}], [100])])
def test_sizes_share_what_is_left(total, wanted, pieces):
    scaled = [size and {**size, "bytes": size["bytes"] * PIECE} if size and "bytes" in size
              else size for size in wanted]
    assert [size // PIECE for size in sizes(total * PIECE, scaled)] == pieces


@pytest.mark.parametrize("wanted", [
    [{"bytes": 80 * PIECE}, {"bytes": 21 * PIECE}], [{"bytes": 100 * PIECE}, None],
    [{"bytes": 1}]])
def test_sizes_that_do_not_fit_are_refused(wanted):
    with pytest.raises(ValueError):
        sizes(100 * PIECE, wanted)


def _storage(bench, layout):
    bench.properties["layout"] = {"storage": layout}
    return bench.begin("storage")


def _mounts(bench):
    return {one.mount_point: one for one in bench.machine.disks.filesystems()
            if one.mount_point}


def test_partitions_and_root_on_lvm_are_set_up_again_from_the_beginning(bench):
    bench.enlist(m.ALLOCATED)
    layout = {
        "devices": [
            {"device": {"name": "sdb"}, "boot": True, "partitions": [
                {"name": "boot", "size": {"bytes": GIGA}, "bootable": True,
                 "filesystem": {"mountpoint": "/boot", "fstype": "ext4"}},
                {"name": "pv", "size": {"bytes": GIGA, "at_least": True},
                 "volume_group": "vg0"}]},
            {"device": {"name": "sda"}, "volume_group": "vg0"}],
        "volume_groups": [{"name": "vg0", "logical_volumes": [
            {"name": "root", "size": {"percent": 50}, "filesystem": ROOT},
            {"name": "var", "size": None, "filesystem": {
                "mountpoint": "/var", "fstype": "xfs", "mount_options": "noatime"}}]}]}
    for _ in range(2):
        assert _storage(bench, layout).state == base.DONE
    mounts, disks = _mounts(bench), bench.machine.disks
    assert sorted(mounts) == ["/", "/boot", "/var"] and mounts["/"].label == "root"
    assert (mounts["/var"].fstype, mounts["/var"].mount_options) == ("xfs", "noatime")
    assert disks.boot.name == "sdb" and len(disks.groups) == 1
    assert disks.groups[0].used() == disks.groups[0].size()


def test_raid_and_bcache_are_built_of_what_the_layout_names(bench):
    bench.enlist(m.ALLOCATED)
    halves = [{"device": {"name": disk}, "partitions": [
        {"name": f"{disk}-1", "size": {"percent": 20}}, {"name": f"{disk}-2", "size": None}]}
        for disk in ("sda", "sdb")]
    _storage(bench, {
        "devices": halves,
        "raids": [{"name": "md0", "level": "raid-1", "members": ["sda-1", "sdb-1"],
                   "filesystem": ROOT}],
        "bcaches": [{"name": "bcache0", "cache": "nvme0n1", "backing": "sda-2",
                     "mode": "writethrough", "filesystem": {"mountpoint": "/data"}}]})
    assert sorted(_mounts(bench)) == ["/", "/data"]
    assert bench.machine.disks.raids[0].level == "raid-1"
    assert bench.machine.disks.bcaches[0].mode == "writethrough"


def test_a_layout_of_maas_s_own_is_asked_for_by_name(bench):
    bench.enlist(m.ALLOCATED)
    _storage(bench, {"layout": "lvm", "options": {"vg_name": "system"}})
    assert bench.machine.disks.groups[0].name == "system"


@pytest.mark.parametrize(("layout", "said"), [
    ({"devices": [{"device": {"name": "sdz"}}]}, "sdz"),
    ({"devices": [{"device": {"name": "sda"}, "partitions": [
        {"name": "root", "size": {"bytes": 10**13}}]}]}, "sda is too small"),
    ({"volume_groups": [{"name": "vg0"}]}, "vg0"),
    ({"raids": [{"name": "md0", "level": "raid-1", "members": ["x"]}]}, "partition x")])
def test_what_cannot_be_is_named(bench, layout, said):
    bench.enlist(m.ALLOCATED)
    with pytest.raises(exceptions.RequestRefused) as caught:
        _storage(bench, layout)
    assert said in caught.value.message and caught.value.remedy


def test_what_is_installed_is_left_alone(bench):
    machine = bench.enlist(m.DEPLOYED)
    before = machine.disks.devices[0].partitions
    assert _storage(bench, {"layout": "blank"}).state == base.DONE
    assert machine.disks.devices[0].partitions is before and before
