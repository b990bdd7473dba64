"""``/api/v1.1/nodes/<ident>/explain``: where a node is, why, until when, and what to do."""

import sqlalchemy as sa

from provisioner.db import conductors, nodes, tasks
from provisioner.db.models import conductors as conductors_table
from provisioner.db.models import events as events_table
from provisioner.db.session import Transaction
from provisioner_api import arguments
from provisioner_api.call import Answer, Call, check_ident, no_node, ok
from provisioner_api.site import explanation
from provisioner_api.site.events import view

#: events told with an explanation
LAST_EVENTS = 10


def explain(call: Call, ident: str) -> Answer:
    arguments.none(call)
    with call.services.database.reader() as tx:
        node = nodes.get(tx, check_ident(ident))
        if node is None:
            raise no_node(ident)
        call.owned(node)
        facts = _facts(tx, node)
        last = tx.all(sa.select(events_table).where(
            events_table.c.node == facts.node.uuid,
            events_table.c.severity != "debug").order_by(
            events_table.c.id.desc()).limit(LAST_EVENTS))
    return ok(explanation.explain(facts) | {"last_events": [view(row) for row in last]})


def _facts(tx: Transaction, node: sa.Row) -> explanation.Facts:
    task = tasks.get(tx, node.task) if node.task else None
    if task is None:
        last = tasks.find(tx, tasks.TaskFilter(node=node.uuid), 1)
        task = last[0] if last else None
    owner = tx.one(sa.select(conductors_table).where(
        conductors_table.c.incarnation == node.incarnation)) if node.incarnation else None
    return explanation.Facts(
        node=node, task=task, steps=tasks.steps_of(tx, task.uuid) if task is not None else [],
        owner=owner, servers=_servers(tx, node), now=tx.read_now())


def _servers(tx: Transaction, node: sa.Row) -> list[str]:
    """Hostnames of live conductors that may work on the node."""
    live = {row.incarnation: row.hostname for row in conductors.live(tx)
            if row.conductor_group == node.conductor_group}
    return sorted({live[offer.incarnation] for offer in conductors.offers(tx, live)
                   if offer.hardware_type == node.driver})
