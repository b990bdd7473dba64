"""A plan as text for people, from its plain data (:meth:`provisioner.site.plan.Plan.as_dict`)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

#: characters of one value
_WIDTH = 60


def render(document: Mapping[str, Any]) -> str:
    """All of a plan: the site, each node with its fields and steps, then the totals."""
    lines = [f"Plan for site {document['site']}, design {document['design'][:12]}: "
             f"{', '.join(document['actions'])}", ""]
    for change in document["changes"]:
        lines += [f"  {change['change']} site {document['site']}", _change(change), ""]
    for node in document["nodes"]:
        lines += [*_node(node), ""]
    if len(lines) == 2:
        lines.append("Nothing to do: the site is as the design wants it.\n")
    lines.append(_totals(document["totals"]))
    return "\n".join(lines)


def _node(node: Mapping[str, Any]) -> Iterator[str]:
    yield f"{node['change'] or ' ':>3} node {node['node']}{_marks(node)}{_states(node)}"
    yield from map(_change, node["changes"])
    for verb in node["verbs"]:
        steps = ", ".join(map(_step, verb["steps"])) or "no steps"
        yield f"      > {verb['action']}: {verb['verb']}{_marks(verb)}: {steps}"
    if node["blocked"]:
        blocked = node["blocked"]
        yield f"      ! {blocked['action']}: {blocked['message']}"
        if blocked["remedy"]:
            yield f"        to do: {blocked['remedy']}"
    for item in node["drift"]:
        yield (f"      ? {item['field']}: is {_value(item['observed'])}, "
               f"should be {_value(item['expected'])}{_origin(item['origin'])}")
        yield f"        to do: {item['remedy']}"


def _marks(item: Mapping[str, Any]) -> str:
    marks = ["destroys data"] if item["destroys_data"] else []
    marks += [f"reboots {item['reboots']}"] if item["reboots"] else []
    return f" ({', '.join(marks)})" if marks else ""


def _states(node: Mapping[str, Any]) -> str:
    before, after = node["provision_state"]["before"], node["provision_state"]["after"]
    return f": {before or 'not known'} -> {after}" if after and after != before else ""


def _change(change: Mapping[str, Any]) -> str:
    values = _value(change["after"])
    if change["change"] in ("~", "-/+"):
        values = f"{_value(change['before'])} -> {values}"
    elif change["change"] == "-":
        values = _value(change["before"])
    loss = " (destroys data)" if change["destroys_data"] else ""
    return f"    {change['change']:>3} {change['field']}: {values}{loss}{_origin(change['origin'])}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH - 3]}..."


def _origin(origin: Mapping[str, Any] | None) -> str:
    if not origin or not origin["line"]:
        return ""
    return f"  [{origin['schema']} {origin['name']}, {origin['file']}:{origin['line']}]"


def _step(step: Mapping[str, Any]) -> str:
    told = [str(value) for key, value in sorted(step["args"].items())
            if key in ("target", "device", "mode") and value is not None]
    return f"{step['name']}({', '.join(told)})" if told else step["name"]


def _totals(totals: Mapping[str, int]) -> str:
    counts = [f"{totals[key]} to {key}" for key in ("create", "update", "replace", "destroy")]
    rest = [f"{totals['blocked']} blocked", f"{totals['drifted']} drifted",
            f"{totals['destroys_data']} lose data", f"{totals['reboots']} reboots"]
    return f"{totals['nodes']} nodes: {', '.join([*counts, *rest])}."


def status(document: Mapping[str, Any]) -> int:
    """The exit status that a plan stands for.

    0: nothing to do; 2: something is, by the plan or, for drift, by a person; 1: an action cannot
    do its part on some node.
    """
    if document["totals"]["blocked"]:
        return 1
    return 0 if document["empty"] and not document["totals"]["drifted"] else 2
