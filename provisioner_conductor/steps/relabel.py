"""Labels of the machine's node in Kubernetes, as the design has them."""

from collections.abc import Mapping

from provisioner.drivers.clients.kubernetes import Request
from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor.context import Context


@step("node.relabel", on_interrupt=REPEAT, run_limit=60)
def relabel(context: Context) -> Outcome:
    """Bring the labels to ``args["labels"]`` and read them back.

    Labels that an earlier relabeling set and the design no longer has are taken away; those of
    others stay.
    """
    name, wanted = context.node.name, dict(context.args["labels"])
    channel = context.machine.channel("kubernetes", dict(context.services.conf.kubernetes))
    shown = channel.read(Request(name))
    changes = difference(wanted, shown)
    if not changes and set(shown["owned"]) == set(wanted):
        return Done({"labels": wanted, "changed": context.kept.get("changed", [])})
    channel.send(Request(name, changes, tuple(wanted)))
    changed = sorted({*context.kept.get("changed", []), *changes})
    return Wait("kubernetes", until=60, poll=context.conf.power_poll, result={"changed": changed},
                late=f"Node {name} does not keep the labels {', '.join(changed)}. Look for "
                     "whatever else writes labels in the cluster.")


def difference(wanted: Mapping[str, str], shown: Mapping) -> dict[str, str | None]:
    """Labels to set, and (None) to take away."""
    changes: dict[str, str | None] = {
        key: value for key, value in wanted.items() if shown["labels"].get(key) != value}
    changes |= {key: None for key in shown["owned"]
                if key not in wanted and key in shown["labels"]}
    return changes
