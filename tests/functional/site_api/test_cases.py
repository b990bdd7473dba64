"""Runs the cases of the ``*.yaml`` files beside this one. They read as documentation of the API.

They are written as those in ``tests/functional/api``. ``<example>`` is the text of the example
site, ``<broken>`` the same with an error in it; ``<file>`` and ``<broken-file>`` refer to them.
With ``deployed: true`` a scenario begins with node-001 deployed: ``<key>`` is its key, ``<join>``
and ``<motd>`` are its boot actions. With ``ended: true`` a site task, ``<old>``, ended long ago.
"""

import pathlib

import pytest
import sqlalchemy as sa
import yaml

from provisioner.db import boot_actions, build_data, models, nodes, ports, tasks
from tests.boot_actions_site import NODE, site_with_actions
from tests.functional.api.test_cases import run
from tests.unit.api.site.harness import EXAMPLE

FOLDER = pathlib.Path(__file__).parent


def scenarios():
    for file in sorted(FOLDER.glob("*.yaml")):
        for found in yaml.safe_load(file.read_text()):
            yield pytest.param(found, id=f"{file.stem}: {found['scenario']}")


def deployed(api) -> dict[str, str]:
    """A node with a key and two boot actions, and what was learnt of it."""
    digest, key = api.store(site_with_actions().documents), bytes(32)
    kept = {"key": key.hex(), "join": "01H0000000000000000000000J",
            "motd": "01H0000000000000000000000M"}
    with api.database.writer() as tx:
        uuid = nodes.create(tx, {
            "name": NODE, "driver": "ipmi", "provision_state": "active",
            "power_state": "power on", "properties": {"memory_mb": "1024", "cpus": "4"},
            "driver_info": {"ipmi_address": "127.77.0.2"}})
        ports.create(tx, {"node_uuid": uuid, "address": "52:54:00:77:00:01"})
        boot_actions.begin(tx, boot_actions.Deployment(uuid, NODE, uuid, digest, key, 600.0), [
            boot_actions.NewAction(kept["join"], "join", True),
            boot_actions.NewAction(kept["motd"], "motd", False)])
        for text in ("<old/>", "<list/>"):
            build_data.add(tx, build_data.Record(NODE, "lshw", "text/xml", text, uuid))
    return kept


def ended(api) -> dict[str, str]:
    """A site task with a child, both over for 100 days."""
    with api.database.writer() as tx:
        uuid = tasks.insert(tx, tasks.NewTask(action="deploy_nodes", steps=[], site="default"))
        tasks.insert(tx, tasks.NewTask(action="deploy", steps=[], node=uuid, parent=uuid,
                                       root=uuid))
        tx.execute(sa.update(models.tasks).values(finished_at=tx.now(-100 * 86400.0)))
    return {"old": uuid}


@pytest.mark.parametrize("scenario", scenarios())
def test_case(scenario, site_api, tmp_path):
    text = EXAMPLE.read_text()
    (tmp_path / "site.yaml").write_text(text)
    broken = text.replace("127.77.0.2", "10.1.2.3")
    (tmp_path / "broken.yaml").write_text(broken)
    kept = {"example": text, "broken": broken, "file": f"file://{tmp_path}/site.yaml",
            "broken-file": f"file://{tmp_path}/broken.yaml"}
    for name, prepare in (("deployed", deployed), ("ended", ended)):
        if scenario.get(name):
            kept.update(prepare(site_api))
    for position, step in enumerate(scenario["steps"]):
        run(site_api, step, kept, f"step {position + 1}")
