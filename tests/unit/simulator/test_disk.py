import hashlib

import pytest

from provisioner.simulator.disk import MIB, Disk, DiskError


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path / "disk.raw", 4 * MIB)
    disk.powered = True
    return disk


def test_is_sparse_and_blank(disk):
    assert disk.path.stat().st_size == 4 * MIB
    assert disk.path.stat().st_blocks == 0
    assert not disk.bootable()


def test_keeps_what_is_written(disk):
    disk.write(0, b"boot")
    assert disk.bootable()
    assert disk.sha256(4) == hashlib.sha256(b"boot").hexdigest()
    assert disk.sha256() == hashlib.sha256(b"boot".ljust(4 * MIB, b"\0")).hexdigest()
    assert Disk(disk.path, disk.size).bootable()


def test_takes_nothing_without_power(disk):
    disk.write(0, b"old")
    disk.powered = False
    for change in (lambda: disk.write(0, b"new"), disk.erase, disk.erase_metadata):
        with pytest.raises(DiskError):
            change()
    assert disk.sha256(3) == hashlib.sha256(b"old").hexdigest()


@pytest.mark.parametrize("offset", [-1, 4 * MIB - 3])
def test_ends_where_it_ends(disk, offset):
    with pytest.raises(DiskError):
        disk.write(offset, b"data")


def test_erasing_metadata_leaves_the_rest(disk):
    disk.write(MIB - 1, b"ab")
    disk.write(0, b"boot")
    disk.erase_metadata()
    assert not disk.bootable()
    with open(disk.path, "rb") as file:
        assert file.read(MIB + 1) == bytes(MIB) + b"b"


def test_erasing_leaves_nothing(disk):
    disk.write(2 * MIB, b"data")
    disk.erase()
    assert disk.sha256() == hashlib.sha256(bytes(4 * MIB)).hexdigest()
    assert disk.path.stat().st_blocks == 0
