"""Running verbs on the nodes of a site: each node at its own pace, at most so many at a time.

The child task *is* the node's provision task. Its key (parent, node, action, retry) is unique, so
a repetition after a crash finds the children that were made, and makes only what is missing.
"""

import collections
import dataclasses

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import nodes, signals, tasks
from provisioner.rpc.client import TaskRequest
from provisioner.steps import REPEAT, Outcome, Wait, step
from provisioner_conductor import accept, flows, progress
from provisioner_conductor.context import Context
from provisioner_conductor.messages import message, with_result
from provisioner_conductor.orders import Orders
from provisioner_conductor.steps.site import design_of, selected

#: nodes worked on at the same time, unless the task says otherwise
MAX_PARALLEL = 200
#: seconds for which a child waits for a node that another task has
BUSY_PATIENCE = 3600.0
WEEK = 7 * 86400.0
#: what a look reads of each node and child: every child that ends is a look at all of them
LOOKED_AT = ("uuid", "task", *progress.READS)
KIDS = ("uuid", "node", "action", "retry", "state", "error")


@dataclasses.dataclass
class Tally:
    """Where every node of the task stands, in this look.

    :ivar refused: errors of nodes on which no child could be started
    :ivar started: children that this look has made
    """

    running: list[str] = dataclasses.field(default_factory=list)
    waiting: list[tuple[str, progress.Start]] = dataclasses.field(default_factory=list)
    good: list[str] = dataclasses.field(default_factory=list)
    bad: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    started: list[str] = dataclasses.field(default_factory=list)
    busy: bool = False


@step("site.children", on_interrupt=REPEAT, run_limit=600)
def run_children(context: Context) -> Outcome:
    """Look where every node stands, start what may be started, wait for the rest.

    ``args["verbs"]`` are the verbs that each node may be given, where a plan says so.
    """
    verbs = context.args.get("verbs")
    names = selected(context) if verbs is None else tuple(sorted(verbs))
    with context.services.database.reader() as tx:
        # Children first: what one of them has ended with is then in its node's row.
        kids = tasks.children(tx, context.task.uuid, KIDS)
        rows = nodes.by_names(tx, names, LOOKED_AT)
    tally = Tally(refused=dict(context.kept.get("refused", {})))
    by_node = collections.defaultdict(list)
    for kid in kids:
        by_node[kid.node].append(kid)
    for name in names:
        _place(context, tally, name, rows.get(name), by_node)
    started = _start(context, tally, rows)
    if started or tally.running or tally.busy:
        return Wait("children", until=WEEK, poll=2.0 if tally.busy else 30.0,
                    settle=signals.GATHER, result={"refused": tally.refused},
                    late="The children take a week.")
    return _over(context, tally)


def _place(context: Context, tally: Tally, name: str, row: sa.Row | None, by_node) -> None:
    """Put one node where it belongs."""
    if row is None:
        tally.bad[name] = f"Node {name} is not known yet. Run prepare_site first."
        return
    kids = [kid for kid in by_node[row.uuid]
            if kid.retry == context.task.retry or kid.state == tasks.SUCCEEDED]
    last = kids[-1] if kids else None
    if last is not None and last.state not in tasks.ENDED:
        tally.running.append(name)
    elif last is not None and last.state != tasks.SUCCEEDED:
        tally.bad[name] = _why(last)
    elif name in tally.refused:
        tally.bad[name] = tally.refused[name]
    elif row.task is not None and context.waited() < BUSY_PATIENCE:
        tally.busy = True
    else:
        _advance(context, tally, row, kids)


def _why(kid: sa.Row) -> str:
    error = kid.error or {}
    where = f" in step {error['step']}" if error.get("step") else ""
    text = f"{kid.action} {kid.state}{where}: {error.get('message', 'no reason was recorded')}"
    return f"{text} {error.get('remedy') or ''}".strip()


def _advance(context: Context, tally: Tally, row: sa.Row, kids: list[sa.Row]) -> None:
    """Find out what the node needs next. :param kids: its children, all of which have succeeded"""
    done = [kid.action for kid in kids]
    site = design_of(context).site
    image = progress.image_for(context.services.hardware.type(row.driver), site,
                               site.node(row.name))
    action = context.args.get("action", context.task.action)
    aim = progress.Aim(image, _may_rebuild(context),
                       bool(context.task.args.get("rebootstrap")),
                       _orders(context).signals(row.name))
    following = progress.following(action, row, done, aim)
    if isinstance(following, progress.Start) and not _planned(context, row.name, following.verb):
        tally.bad[row.name] = (f"Node {row.name} needs {following.verb} now, which is not in the "
                               "plan. Make a new plan.")
    elif isinstance(following, progress.Start) and following.verb in [
            kid.action for kid in kids if kid.retry == context.task.retry]:
        tally.bad[row.name] = (f"Node {row.name} is {row.provision_state} again after "
                               f"{following.verb}; somebody else works on it. Retry the task.")
    elif isinstance(following, progress.Start):
        tally.waiting.append((row.name, following))
    elif isinstance(following, progress.Reached):
        tally.good.append(row.name)
        if following.note:
            tally.notes[row.name] = following.note
    else:
        tally.bad[row.name] = f"{following.message} {following.remedy}"


def _orders(context: Context) -> Orders:
    return Orders(design_of(context).site, context.task.design, context.task.args)


def _may_rebuild(context: Context) -> bool:
    """Only a plan has shown somebody what a new image on a running machine destroys."""
    return bool(context.args.get("verbs") and context.task.args.get("rebuild"))


def _planned(context: Context, name: str, verb: str) -> bool:
    verbs = context.args.get("verbs")
    return verbs is None or verb in verbs.get(name, ())


def _start(context: Context, tally: Tally, rows: dict[str, sa.Row]) -> int:
    """Start children on nodes that need one; how many were started."""
    args = context.task.args
    threshold = args.get("max_failures")
    room = (args.get("max_parallel") or MAX_PARALLEL) - len(tally.running)
    started = 0
    for name, following in tally.waiting:
        if threshold is not None and len(tally.bad) > threshold:
            tally.bad[name] = f"Not started: more than {threshold} nodes had failed."
        elif started < room:
            started += _start_one(context, tally, rows[name], following)
    if tally.started:
        context.services.hint(*tally.started)
    return started


def _start_one(context: Context, tally: Tally, row: sa.Row, following: progress.Start) -> int:
    request = TaskRequest(
        action=following.verb, request_key=None, request_digest=None, not_after=None,
        node=row.uuid, request_id=context.task.request_id, user=context.task.user,
        project=context.task.project, args=_orders(context).of(row.name, following.verb))
    flow = flows.get(following.verb)

    def body(tx) -> str:
        if following.instance is not None:
            nodes.update_engine(tx, row.uuid, {"instance_info": dict(following.instance)})
        return accept.accept_node(tx, context.services, request, flow, parent=context.task.uuid,
                                  root=context.task.root, retry=context.task.retry)
    try:
        tally.started.append(context.fenced(body))
        return 1
    except exceptions.NodeBusy as error:
        if context.waited() < BUSY_PATIENCE:
            tally.busy = True
            return 0
        tally.refused[row.name] = tally.bad[row.name] = error.message
    except (exceptions.Invalid, exceptions.Forbidden, exceptions.Conflict) as error:
        tally.refused[row.name] = tally.bad[row.name] = f"{error.message} {error.remedy}".strip()
    return 0


def _told(context: Context) -> list[dict]:
    """What children have to say that have succeeded; the others are told of by their error."""
    with context.services.database.reader() as tx:
        kids = tasks.children(tx, context.task.uuid, ("state", "result"))
    return [entry for kid in kids if kid.state == tasks.SUCCEEDED
            for entry in (kid.result or {}).get("messages", [])]


def _over(context: Context, tally: Tally) -> Outcome:
    messages = [message(text, True, name) for name, text in sorted(tally.bad.items())]
    messages += [message(text, False, name) for name, text in sorted(tally.notes.items())]
    messages += _told(context)
    if not tally.good and not tally.bad:
        messages.append(message("The node filter selects no node; nothing to do."))
    status = "success" if not tally.bad else "partial_success" if tally.good else "failure"
    result = {"status": status, "successes": sorted(tally.good), "failures": sorted(tally.bad),
              "messages": messages}
    if not tally.bad:
        return with_result(context, result)
    first = messages[0]
    error = exceptions.ProvisionerError(
        f"{len(tally.bad)} of {len(tally.bad) + len(tally.good)} nodes failed; "
        f"{first['context']}: {first['message']}",
        remedy="Mend what the messages name, then retry the task.").as_dict()
    return with_result(context, result, {**error, "code": "NodesFailed"})
