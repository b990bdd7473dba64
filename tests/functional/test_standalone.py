"""The first proof: one process on SQLite, killed in mid deploy; the work goes on where it was."""

import random

from tests import deployment, simulated


def _standalone(tmp_path, port, log):
    config = deployment.write_config(tmp_path / "standalone.conf", {
        "conductor": {"agent_poll": 0.3, "power_poll": 0.2, "sweep_interval": 0.3},
        "api": {"ramdisk_heartbeat_timeout": 5}})
    return deployment.process(deployment.python(
        "provisioner_standalone", "--config-file", str(config),
        "--state-dir", str(tmp_path / "state"), "--listen-port", str(port)), tmp_path / log)


def test_killed_in_mid_deploy_the_work_goes_on(tmp_path, free_port, eventually):
    port = free_port()
    boot_url = f"http://127.0.0.1:{port}/boot/{{mac}}.ipxe"
    with simulated.fleet(3, tmp_path, args=("--boot-url", boot_url)) as fleet:
        client = deployment.Client(f"http://127.0.0.1:{port}")
        text, digest = deployment.site_of(fleet)
        with _standalone(tmp_path, port, "first.log") as first:
            design = client.create_design(text)
            for action in ("verify_site", "prepare_site", "verify_nodes", "prepare_nodes"):
                client.run(action, design)
            before = len(fleet.log(changes=True))
            task = client.start("deploy_nodes", design, "deploy")
            commands = random.Random(1).randrange(4, 14)
            eventually(lambda: len(fleet.log(changes=True)) >= before + commands, 30)
            first.kill()
        with _standalone(tmp_path, port, "second.log") as second:
            ended = client.wait(task, 60)
            assert ended["state"] == "succeeded", (ended["error"], second.tail())
            deployment.assert_deployed(fleet, client, digest)
            again = client.run("deploy_nodes", design)
            assert {entry["message"] for entry in again["result"]["messages"]} == {
                "already deployed"}
