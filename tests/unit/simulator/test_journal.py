import json
import time

from provisioner.simulator.journal import Journal


def test_lines_can_be_read_at_once(tmp_path):
    journal = Journal(tmp_path / "log")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    journal.part("node-001", "bmc").write("chassis_control", source=("127.0.0.9", 40000),
                                          args={"action": "on"}, changes=True)
    line = json.loads((tmp_path / "log").read_text())
    assert before <= line.pop("boottime") <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(line.pop("t") - time.time()) < 60
    assert line == {"node": "node-001", "part": "bmc", "from": "127.0.0.9", "port": 40000,
                    "command": "chassis_control", "args": {"action": "on"}, "changes": True,
                    "result": "ok"}
    journal.close()


def test_counts_without_a_file():
    journal = Journal()
    part = journal.part("node-001", "agent")
    part.write("heartbeat")
    part.write("heartbeat")
    assert journal.counts == {"agent.heartbeat": 2}
