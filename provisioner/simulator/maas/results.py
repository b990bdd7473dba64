"""Results of commissioning, testing and installation."""

import base64
import json
import time

from provisioner.simulator.maas.machine import Machine
from provisioner.simulator.maas.region import Region
from provisioner.simulator.maas.routing import ROOT

KINDS = {0: "Commissioning", 1: "Installation", 2: "Testing"}
_STATUSES = {0: "Pending", 1: "Running", 2: "Passed", 3: "Failed"}
_SCRIPTS = {0: ("20-maas-03-machine-resources", "50-maas-01-commissioning", "maas-lshw",
                "maas-capture-lldpd"),
            1: ("/tmp/install.log",), 2: ("smartctl-validate",)}


def lshw(machine: Machine) -> str:
    """What lshw would say of the machine, in XML, as far as people look at it."""
    devices = [f'<node id="network:{number}" class="network" handle="PCI:{nic.pci}">'
               f"<logicalname>{nic.name}</logicalname><businfo>pci@{nic.pci}</businfo>"
               f"<serial>{nic.mac}</serial></node>"
               for number, nic in enumerate(machine.hardware.nics)]
    devices += [f'<node id="disk:{number}" class="disk">'
                f"<logicalname>/dev/{drive.name}</logicalname>"
                f"<businfo>scsi@{2 + number}:0.0.0</businfo><size units=\"bytes\">{drive.size}"
                f"</size><serial>{drive.serial}</serial></node>"
                for number, drive in enumerate(machine.hardware.drives)]
    return ('<?xml version="1.0" standalone="yes"?>\n<list>'
            f'<node id="{machine.hostname}" class="system">{"".join(devices)}</node></list>\n')


def output(machine: Machine, script: str, failed: bool) -> str:
    """What a script has printed."""
    if script == "maas-lshw":
        return lshw(machine)
    if script == "maas-capture-lldpd":
        return '<?xml version="1.0" encoding="UTF-8"?>\n<lldp label="LLDP neighbors"/>\n'
    if script in _SCRIPTS[0]:
        return json.dumps({"resources": {"memory": {"total": machine.hardware.memory << 20}}})
    return f"{script}: {'failed' if failed else 'done'}\n"


def result_set(region: Region, machine: Machine, kind: int, status: int) -> dict:
    """A result set with its scripts."""
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S -0000", time.gmtime(region.now()))
    own = machine.life.results.get(KINDS[kind].lower()) if status != 1 else None
    number = own["id"] if own else region.ids.new("resultset")
    scripts = [_script(region, name, status, stamp) for name in _SCRIPTS[kind]]
    ended = stamp if status > 1 else None
    return {"results": scripts, "type": kind, "type_name": KINDS[kind], "runtime": "0:00:00",
            "last_ping": stamp, "started": stamp, "ended": ended, "id": number,
            "status": status, "status_name": _STATUSES[status],
            "system_id": machine.system_id,
            "resource_uri": f"{ROOT}nodes/{machine.system_id}/results/{number}/"}


def _script(region: Region, name: str, status: int, stamp: str) -> dict:
    now = region.now()
    return {"id": region.ids.new("result"), "created": stamp, "updated": stamp, "name": name,
            "status": status, "status_name": _STATUSES[status],
            "exit_status": {2: 0, 3: 1}.get(status), "started": stamp,
            "ended": stamp if status > 1 else None, "runtime": "0:00:00", "starttime": now,
            "endtime": now if status > 1 else None, "estimated_runtime": "0:00:00",
            "parameters": {}, "script_id": region.ids.new("script"),
            "script_revision_id": None, "suppressed": False}


def with_output(machine: Machine, results: dict) -> dict:
    """The set with what each script has printed, in base64."""
    failed = results["status"] == 3
    scripts = []
    for script in results["results"]:
        text = base64.b64encode(output(machine, script["name"], failed).encode()).decode()
        scripts.append({**script, "output": text, "stdout": text, "stderr": "", "result": ""})
    return {**results, "results": scripts}
