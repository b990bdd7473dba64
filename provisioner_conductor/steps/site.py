"""Steps of site tasks: pin the design, look at the site, write its nodes, run their verbs."""

import requests

from provisioner import exceptions, references
from provisioner.db import designs, nodes, tasks
from provisioner.site import documents, filters
from provisioner.site.findings import has_errors
from provisioner.site.validate import validate
from provisioner.steps import REPEAT, Done, Outcome, step
from provisioner_conductor import access_vlans, design_layout, design_nodes
from provisioner_conductor.context import Context
from provisioner_conductor.messages import message, with_result

#: seconds for one look at an image's URL
PROBE_TIMEOUT = 10


def design_of(context: Context):
    """The task's effective design."""
    return context.services.designs.get(context.task.design)


def selected(context: Context) -> tuple[str, ...]:
    """Names of the nodes that the task is for, sorted."""
    return filters.select(design_of(context).site, context.task.node_filter)


@step("site.pin", on_interrupt=REPEAT, run_limit=120)
def pin(context: Context) -> Outcome:
    """Fetch the design unless it is stored, and pin its digest: later steps read nothing else."""
    if context.task.design:
        design = design_of(context)
        return Done({"design": context.task.design, "nodes": len(design.site.nodes)})
    options = context.services.conf.api
    text = references.fetch(context.task.design_ref, options.design_file_roots,
                            options.design_http_hosts)
    design = validate(documents.load(text, context.task.design_ref))
    findings = [finding.as_dict() for finding in design.findings]
    if has_errors(design.findings):
        shown = references.without_password(context.task.design_ref)
        raise exceptions.InvalidDesign(f"The design at {shown} has errors.",
                                       findings=findings[:100])
    new = designs.NewDesign(
        design.digest, context.services.hardware.seal_text(text.decode()),
        references.without_password(context.task.design_ref), findings=findings,
        user=context.task.user)

    def write(tx) -> None:
        designs.put(tx, new)
        tasks.update(tx, context.task.uuid, design=design.digest)
    return Done({"design": design.digest, "nodes": len(design.site.nodes)}, write=write)


@step("site.validate", on_interrupt=REPEAT, run_limit=120)
def check(context: Context) -> Outcome:
    """Check the design; its findings are the task's messages."""
    findings = design_of(context).findings
    messages = [message(f"{finding.title}: {finding.message}", finding.severity == "error",
                        finding.documents[0][1] if finding.documents else "", "document")
                for finding in findings]
    failed = has_errors(findings)
    result = {"status": "failure" if failed else "success", "successes": [], "failures": [],
              "messages": messages}
    error = exceptions.InvalidDesign("The design has errors.").as_dict() if failed else None
    return with_result(context, result, error)


@step("site.verify", on_interrupt=REPEAT, run_limit=300)
def verify(context: Context) -> Outcome:
    """Look whether what the site needs is there: hardware types served, images fetched."""
    site = design_of(context).site
    served = context.services.hardware.types
    messages = []
    for kind in sorted({node.oob_type for node in site.nodes.values()}, key=str):
        driver = design_nodes.DRIVERS.get(kind)
        known = driver in served
        messages.append(message(f"oob.type {kind}: " + (
            f"served by hardware type {driver}" if known else
            f"no hardware type {driver or kind} is enabled on this conductor"), not known))
    for image in site.images.values():
        for url in (image.url, image.kernel, image.ramdisk):
            problem = _probe(url)
            shown = references.without_password(url)
            messages.append(message(f"{shown}: {problem or 'there'}", bool(problem), image.name,
                                    "document"))
    failed = [entry["message"] for entry in messages if entry["error"]]
    result = {"status": "failure" if failed else "success", "successes": [], "failures": [],
              "messages": messages}
    if not failed:
        return with_result(context, result)
    error = exceptions.Unreachable(
        f"The site is not ready: {'; '.join(failed[:3])}",
        remedy="Start or correct what is missing, then retry the task.").as_dict()
    return with_result(context, result, error)


def _probe(url: str) -> str | None:
    """What is wrong with a URL, or None."""
    try:
        answer = requests.head(url, timeout=PROBE_TIMEOUT, allow_redirects=True)
    except requests.RequestException as error:
        return f"cannot be reached ({type(error).__name__})"
    return None if answer.ok else f"answers {answer.status_code}"


@step("site.lock", on_interrupt=REPEAT)
def lock(context: Context) -> Outcome:
    """Make this design the site's; refused while tasks of another one run."""
    context.fenced(lambda tx: designs.lock_site(
        tx, context.task.site, context.task.design, context.task.uuid))
    return Done({"design": context.task.design})


@step("site.nodes", on_interrupt=REPEAT, run_limit=600)
def write_nodes(context: Context) -> Outcome:
    """Create or adopt a node, with its ports, for each node of the design.

    ``args["nodes"]`` are the names of those to write, where a plan says so.
    """
    site = design_of(context).site
    names = tuple(context.args.get("nodes", selected(context)))
    with context.services.database.reader() as tx:
        known = nodes.by_names(tx, names)
    counts: dict[str, int] = {}
    messages = []
    for name in names:
        try:
            what = _write_node(context, site, name, known.get(name))
            counts[what] = counts.get(what, 0) + 1
        except (exceptions.Invalid, exceptions.Conflict) as error:
            messages.append(message(f"{error.message} {error.remedy}".strip(), True, name))
    return _nodes_written(context, names, counts, messages)


def _write_node(context: Context, site, name: str, known) -> str:
    wanted_node = site.node(name)
    hardware = context.services.hardware
    driver = hardware.type(design_nodes.driver_of(wanted_node))
    image = site.image_of(wanted_node)
    layout = design_layout.layout_for(driver, site, wanted_node)
    values = design_nodes.with_vlans(
        design_nodes.wanted(wanted_node, image, driver, context.task.site, layout), driver,
        access_vlans.settings(site, wanted_node))
    plain = values["driver_info"]
    values = {**values, "driver_info": hardware.seal(driver.name, plain)}
    opened = {"wanted": plain, "known": hardware.open(known.driver_info) if known else {}}
    return context.fenced(lambda tx: design_nodes.write(
        tx, values, wanted_node.boot_macs, known, opened))


def _nodes_written(context: Context, names: tuple[str, ...], counts: dict[str, int],
                   messages: list[dict]) -> Outcome:
    failed = [entry["context"] for entry in messages]
    result = {"status": _status(len(names) - len(failed), len(failed)),
              "successes": [name for name in names if name not in failed], "failures": failed,
              "messages": messages, "nodes": counts}
    if not failed:
        return with_result(context, result)
    error = exceptions.Conflict(
        f"{len(failed)} of {len(names)} nodes could not be written: {messages[0]['message']}",
        remedy="Mend what the messages name, then retry the task.").as_dict()
    return with_result(context, result, error)


def _status(good: int, bad: int) -> str:
    if not bad:
        return "success"
    return "partial_success" if good else "failure"
