"""What is kept of what a ramdisk agent says."""

import json

import sqlalchemy as sa

from provisioner import states
from provisioner.db import models, tasks
from tests.cluster import BOX, IMAGE


def test_a_config_drive_that_an_agent_sends_back_is_not_kept(on):
    node = on.node(agent=True, provision_state=states.AVAILABLE, instance_info={
        **IMAGE, **BOX.seal({"configdrive": "H4sI-the-secret"})})
    task = on.accept("deploy", node)
    assert on.run(task).state == tasks.SUCCEEDED
    with on.database.reader() as tx:
        for table in models.metadata.sorted_tables:
            kept = json.dumps([list(row) for row in tx.all(sa.select(table))], default=str)
            assert "H4sI-the-secret" not in kept, table.name
    (image,) = [step for step in on.steps(task) if step.name == "agent.image"]
    assert image.result == {"result": {"deploy_result": "ok"}}
