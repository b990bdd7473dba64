"""Making plans, and applying one exactly or not at all.

A plan is made from one look at the rows and kept with the index of what was seen. Applying it
takes the rows, looks again and compares, in the transaction that accepts the task: whatever has
moved between the two looks refuses it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from provisioner import exceptions
from provisioner.db import designs, events, plans, tasks
from provisioner.db.session import Transaction
from provisioner.rpc.client import PlanRequest, TaskRequest
from provisioner.site import filters, plan
from provisioner_conductor import flows, world
from provisioner_conductor.context import Services
from provisioner_conductor.flows.base import Request
from provisioner_conductor.outlooks import Outlooks

APPLY = "apply_plan"


class Planner:
    """Makes plans. Touches no hardware and changes nothing but the table of plans."""

    def __init__(self, services: Services):
        self._services = services

    def make(self, request: PlanRequest) -> str:
        """Make a plan and store it; its uuid. The same request key gives the same plan.

        :raises Invalid: if the actions or the filter cannot be right
        :raises NotFound: if the design is not stored
        """
        check_actions(request.actions)
        with self._services.database.reader() as tx:
            known = plans.by_request_key(tx, request.request_key)
        if known is not None:
            return known.uuid
        new = self._made(request)
        try:
            return self._services.database.write(lambda tx: _store(tx, new))
        except db_exception.DBDuplicateEntry:
            # The same request, answered by another conductor at the same moment.
            with self._services.database.reader() as tx:
                return plans.by_request_key(tx, request.request_key).uuid

    def _made(self, request: PlanRequest) -> plans.NewPlan:
        """The plan of now. Rows are read first; no lock is held while it is thought out."""
        design = self._services.designs.get(request.design)
        wish = plan.Wish(request.site, design.digest, tuple(request.actions),
                         request.node_filter)
        names = filters.select(design.site, wish.node_filter)
        macs = [mac for name in names for mac in design.site.node(name).boot_macs]
        with self._services.database.reader() as tx:
            seen = world.read(tx, wish.site, names, macs)
            if wish.node_filter is None:
                seen = dataclasses.replace(
                    seen, strangers=world.strangers(tx, wish.site, design.site.nodes))
        made = self._plan(design.site, wish, names, seen)
        return plans.NewPlan(
            site=wish.site, design=wish.design, actions=list(wish.actions),
            document=made.as_dict(), world=seen.index(names), totals=made.totals(),
            node_filter=request.node_filter, saved=request.save,
            request_key=request.request_key, user=request.user, project=request.project)

    def _plan(self, site, wish: plan.Wish, names: tuple[str, ...],
              seen_world: world.World) -> plan.Plan:
        ahead = Outlooks(self._services.hardware, self._services.conf.conductor, site, wish,
                         seen_world)
        seen = {row.name: plan.Seen(row.uuid, row.provision_state, {})
                for row in seen_world.strangers}
        outlooks = {}
        for name in names:
            there, outlooks[name] = ahead.of(name)
            if there is not None:
                seen[name] = there
        return plan.make(site, wish, seen, outlooks, seen_world.design)


def _store(tx: Transaction, new: plans.NewPlan) -> str:
    plans.prune(tx)
    return plans.insert(tx, new)


def check_actions(actions) -> None:
    """:raises Invalid: unless they are different ones that change something"""
    unknown = [action for action in actions if action not in plan.ACTIONS]
    if unknown or not actions or len(set(actions)) != len(actions):
        raise exceptions.Invalid(
            f"These actions cannot be planned: {', '.join(map(str, actions)) or 'none'}.",
            remedy=f"Name some of {', '.join(plan.ACTIONS)}, each once.", field="actions")


def apply(tx: Transaction, conf: Any, request: TaskRequest) -> str:
    """Accept the task that does what a plan says, and nothing else; its uuid.

    :param conf: options of the conductor group
    :raises PlanStale: if what the plan was made from has moved, or it was applied before
    """
    row = plans.require(tx, request.args["plan"])
    if row.task is not None:
        raise exceptions.PlanStale(f"Plan {row.uuid} was applied before, by task {row.task}.",
                                   plan=row.uuid, moved=[f"applied by task {row.task}"])
    _check_index(tx, row)
    uuid = _insert(tx, conf, request, row)
    if not plans.mark_applied(tx, row.uuid, uuid):
        raise exceptions.PlanStale(f"Plan {row.uuid} is being applied by another request.",
                                   plan=row.uuid, moved=["applied by another request"])
    events.append(tx, events.Event(
        kind="task.accepted", task=uuid, user=request.user, data={"plan": row.uuid},
        message=f"Task {APPLY} accepted"))
    return uuid


def _check_index(tx: Transaction, row: sa.Row) -> None:
    """:raises PlanStale: with what has moved"""
    before = row.world
    world.lock(tx, row.site, [node["uuid"] for node in before["nodes"].values() if node])
    now = world.read(tx, row.site, before["nodes"]).index(before["nodes"])
    if world.digest(now) == world.digest(before):
        return
    moved = world.moved(before, now)
    raise exceptions.PlanStale(f"The site has moved since the plan was made: {'; '.join(moved)}.",
                               plan=row.uuid, moved=moved)


def _insert(tx: Transaction, conf: Any, request: TaskRequest, row: sa.Row) -> str:
    document = row.document
    if document["empty"]:
        raise exceptions.Conflict(f"Plan {row.uuid} has nothing to do.",
                                  remedy="There is nothing to apply.", plan=row.uuid)
    if designs.get(tx, row.design) is None:
        raise exceptions.NotFound(f"Design {row.design[:12]} of the plan is gone.",
                                  remedy="Create it again, then make a new plan.")
    args = {"plan": row.uuid, "rebuild": bool(document["totals"]["replace"])}
    steps = flows.get(APPLY).plan(Request(None, {**args, **work(document)}, conf))
    return tasks.insert(tx, tasks.NewTask(
        steps=steps, action=APPLY, args=args, site=row.site, design=row.design,
        node_filter=row.node_filter, user=request.user, project=request.project,
        request_key=request.request_key, request_digest=request.request_digest,
        request_id=request.request_id))


def work(document: Mapping) -> dict:
    """What a plan lets its task do: ``{"actions": {action: nodes or verbs by node}}``.

    For prepare_site the names of the nodes to write, for the others each node's verbs, in order.
    """
    actions: dict = {}
    for action in document["actions"]:
        if action == "prepare_site":
            actions[action] = [node["node"] for node in document["nodes"]
                               if any(not item["field"].startswith(plan.IMAGE)
                                      for item in node["changes"])]
        else:
            verbs = {node["node"]: [verb["verb"] for verb in node["verbs"]
                                    if verb["action"] == action] for node in document["nodes"]}
            actions[action] = {name: own for name, own in verbs.items() if own}
    return {"actions": actions}
