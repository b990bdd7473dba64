"""What must be true of a cluster's database at any moment, and once its work is done."""

import collections

import sqlalchemy as sa

from provisioner.db import events, models, tasks
from provisioner.db.session import Database


def violations(database: Database) -> list[str]:
    """Sentences about what is wrong in the history that ``database`` tells; empty if nothing is."""
    with database.reader() as tx:
        history = events.find(tx, events.EventFilter(), limit=100000)
        steps = tx.all(sa.select(models.steps))
        ended = {row.uuid: row for row in tx.all(
            sa.select(models.tasks).where(models.tasks.c.state.in_(tasks.ENDED)))}
        held = tx.all(sa.select(models.nodes).where(models.nodes.c.incarnation.is_not(None)))
        nodes = tx.all(sa.select(models.nodes))
    found = [*_sequences(history), *_epochs(history), *_done_once(history)]
    found += [f"step {row.name} of ended task is {row.state}" for row in steps
              if row.task in ended and row.state == "started"]
    found += [f"task {row.uuid} has ended and is held" for row in ended.values()
              if row.incarnation is not None]
    found += [f"node {row.name} shows ended task" for row in nodes if row.task in ended]
    found += [f"node {row.name} is held without a task" for row in held if row.task is None]
    return found + [f"node {row.name} is reserved by nobody" for row in nodes
                    if row.reservation is not None and row.incarnation is None]


def _by_fence(history):
    """Events of each fence row, in the order of their sequence."""
    grouped = collections.defaultdict(list)
    for event in history:
        grouped[event.node or event.task].append(event)
    return {key: sorted(group, key=lambda event: event.sequence)
            for key, group in grouped.items()}


def _sequences(history):
    for key, group in _by_fence(history).items():
        if [event.sequence for event in group] != list(range(1, len(group) + 1)):
            yield f"events of {key} are not dense: {[event.sequence for event in group]}"


def _epochs(history):
    """Epochs only grow, each take begins a new one, and one incarnation acts in each."""
    for key, group in _by_fence(history).items():
        last, actor = 0, {}
        for event in group:
            if event.epoch is None:
                continue
            if event.epoch < last or (event.kind == "take" and event.epoch == last):
                yield f"{key}: {event.kind} in epoch {event.epoch} after {last}"
            last = max(last, event.epoch)
            if actor.setdefault(event.epoch, event.incarnation) != event.incarnation:
                yield f"{key}: two incarnations act in epoch {event.epoch}"


def _done_once(history):
    """A step recorded as done is neither started nor done again."""
    done = set()
    for event in sorted(history, key=lambda event: (event.node or event.task, event.sequence)):
        step = (event.task, event.data.get("position"))
        if event.kind == "task.retry":
            done = {known for known in done if known[0] != event.task}
        if event.kind in ("step.started", "step.done") and step in done:
            yield f"step {event.data['step']} of {event.task}: {event.kind} though it was done"
        if event.kind == "step.done":
            done.add(step)
