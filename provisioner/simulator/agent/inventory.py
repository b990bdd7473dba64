"""What an agent reports about its machine: plausible, and the same at every boot."""

from provisioner.simulator.bmc import fru

_MIB = 1 << 20
_MEMORY_MB = 65536


def collect(machine) -> dict:
    """The body of ``continue_inspection``."""
    identity = machine.identity
    disk = {"name": "/dev/sda", "model": "Simulated Disk", "size": machine.disk.size,
            "rotational": False, "wwn": f"0x5000c500{identity.index:08x}",
            "serial": f"DISK{identity.index:06d}", "vendor": "SIM", "hctl": "0:0:0:0",
            "by_path": "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"}
    interface = {"name": "eth0", "mac_address": machine.mac, "ipv4_address": identity.address,
                 "ipv6_address": None, "has_carrier": True, "vendor": "0x8086",
                 "product": "0x1521", "client_id": None, "biosdevname": "em1",
                 "pci_address": "0000:01:00.0", "lldp": None, "speed_mbps": 10000}
    return {
        "inventory": {
            "interfaces": [interface],
            "cpu": {"model_name": "Simulated CPU", "frequency": "2400", "count": 16,
                    "architecture": "x86_64", "flags": ["aes", "avx2", "vmx"],
                    "socket_count": 2},
            "disks": [disk],
            "memory": {"total": _MEMORY_MB * _MIB, "physical_mb": _MEMORY_MB},
            "bmc_address": identity.address, "bmc_v6address": None,
            "system_vendor": {"manufacturer": fru.MANUFACTURER, "product_name": fru.PRODUCT,
                              "serial_number": identity.serial,
                              "firmware": {"vendor": fru.MANUFACTURER, "version": "1.0",
                                           "build_date": "01/01/2024"}},
            "boot": {"current_boot_mode": "bios", "pxe_interface": machine.mac},
            "hostname": identity.name},
        "boot_interface": machine.mac, "root_disk": disk}
