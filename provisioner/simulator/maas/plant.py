"""Machines as they stand in the racks, before any region knows of them."""

import dataclasses

GIGA = 10**9


@dataclasses.dataclass(frozen=True)
class Nic:
    """A network interface. :ivar pci: its bus address"""

    name: str
    mac: str
    pci: str


@dataclasses.dataclass(frozen=True)
class Drive:
    """A disk; ``size`` in bytes."""

    name: str
    size: int
    model: str = "Simulated"
    serial: str = ""
    tags: tuple[str, ...] = ("ssd",)
    block_size: int = 512


@dataclasses.dataclass
class Hardware:
    """One machine. :ivar power: whether it is on, whatever anybody believes"""

    name: str
    nics: tuple[Nic, ...]
    drives: tuple[Drive, ...]
    bmc: str = ""
    cpus: int = 8
    memory: int = 16384
    serial: str = ""
    power: bool = False

    @property
    def mac(self) -> str:
        return self.nics[0].mac


def hardware(index: int, name_format: str = "node-%03d") -> Hardware:
    """Machine number ``index``: three interfaces, three disks."""
    nics = tuple(Nic(f"eth{port}", f"52:54:00:{0x88 + port:02x}:{index >> 8 & 255:02x}:"
                     f"{index & 255:02x}", f"0000:00:{3 + port:02x}.0") for port in range(3))
    drives = (Drive("sda", 500 * GIGA, serial=f"A{index:04}"),
              Drive("sdb", 500 * GIGA, serial=f"B{index:04}"),
              Drive("nvme0n1", 250 * GIGA, serial=f"N{index:04}"))
    return Hardware(name_format % index, nics, drives,
                    f"10.88.{index >> 8 & 255}.{index & 255}", serial=f"SIM{index:05}")


def unknown(name: str, macs: list[str]) -> Hardware:
    """What stands behind a record that fits no machine of the plant."""
    nics = tuple(Nic(f"eth{port}", mac, f"0000:01:{port:02x}.0")
                 for port, mac in enumerate(macs or ["52:54:00:00:00:00"]))
    return Hardware(name, nics, (Drive("sda", 500 * GIGA),))
