"""What the demo looks at itself: disks against the design, and who went on with which step."""

import os
import pathlib
import signal
import sys
import time

import requests
import yaml

#: commands that a conductor sends in mid deploy before it is killed
KILL_AFTER = 12
KILL_SECONDS = 60


def kill(pid: str, fleet_log: str, note: str) -> int:
    """kill -9 a conductor once machines are being deployed; note when."""
    log = pathlib.Path(fleet_log)
    begin, deadline = log.stat().st_size, time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        with open(log, encoding="utf-8") as lines:
            lines.seek(begin)
            changes = sum(1 for line in lines if '"changes": true' in line)
        if changes >= KILL_AFTER:
            break
        time.sleep(0.05)
    os.kill(int(pid), signal.SIGKILL)
    pathlib.Path(note).write_text(str(time.time()))
    print(f"\n*** kill -9 of conductor c1 (pid {pid}) after {changes} commands ***", flush=True)
    return 0


def _image_of(site: str) -> str:
    """SHA-256 that the site's documents name."""
    with open(site, encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            if document and document["schema"].startswith("provisioner/Image/"):
                return document["data"]["sha256"]
    raise SystemExit("the site has no image")


def _disks(url: str, control: str, wanted: str) -> bool:
    """A table of nodes and disks; whether all of them are as they should be."""
    nodes = requests.get(f"{url}/v1/nodes", params={"fields": "name,provision_state,power_state"},
                         headers={"X-OpenStack-Ironic-API-Version": "1.78"}, timeout=30).json()
    size = len(requests.get(_image_url(control), timeout=60).content)
    good = True
    print(f"\n{'node':<12}{'state':<12}{'power':<12}{'booted from':<14}disk carries the image")
    for node in sorted(nodes["nodes"], key=lambda entry: entry["name"]):
        machine = requests.get(f"{control}/machines/{node['name']}", timeout=30).json()
        disk = requests.get(f"{control}/machines/{node['name']}/disk", params={"bytes": size},
                            timeout=60).json()["sha256"]
        fine = disk == wanted and node["provision_state"] == "active"
        good = good and fine
        print(f"{node['name']:<12}{node['provision_state']:<12}{node['power_state'] or '-':<12}"
              f"{machine['booted'] or '-':<14}{'yes ' + disk[:12] if fine else 'NO ' + disk}")
    print(f"\n{len(nodes['nodes'])} nodes; image sha256 {wanted}")
    return good


def _image_url(control: str) -> str:
    return control.replace(":6481", ":6480") + "/images/demo-os.raw"


def _elsewhere(url: str, killed_at: float) -> None:
    """Steps that began on one conductor and ended on the other."""
    answer = requests.get(f"{url}/v1/nodes", params={"fields": "uuid,name"},
                          headers={"X-OpenStack-Ironic-API-Version": "1.78"}, timeout=30)
    names = {node["uuid"]: node["name"] for node in answer.json()["nodes"]}
    started: dict[tuple, str] = {}
    after, moved = 0, []
    while True:
        events = requests.get(f"{url}/api/v1.1/events", params={"after": after, "limit": 1000},
                              timeout=30).json()["events"]
        for event in events:
            key = (event["task"], event["data"].get("position"))
            if event["kind"] == "step.started":
                started.setdefault(key, event["conductor"])
            elif event["kind"] == "step.done" and started.get(key) != event["conductor"]:
                moved.append((names.get(event["node"], "site"), event["data"]["step"],
                              started.get(key), event["conductor"]))
        if len(events) < 1000:
            break
        after = events[-1]["id"]
    print(f"\nSteps that began on one conductor and ended on another "
          f"({len(moved)}; c1 was killed at {time.strftime('%H:%M:%S', time.gmtime(killed_at))} "
          "UTC):")
    for node, step, origin, heir in moved:
        print(f"  {node:<14}{step:<22}{origin} -> {heir}")


def result(url: str, control: str, site: str, killed: str | None = None) -> int:
    good = _disks(url, control, _image_of(site))
    if killed is not None:
        note = pathlib.Path(killed)
        if not note.exists():
            print("the conductor was not killed", file=sys.stderr)
            return 1
        _elsewhere(url, float(note.read_text()))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit({"kill": kill, "result": result}[sys.argv[1]](*sys.argv[2:]))
