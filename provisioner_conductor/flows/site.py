"""Actions on a site, and the verbs of one node that only they use."""

from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Flow, Request


def _steps(*names: str):
    def plan(request: Request) -> list[StepSpec]:
        return [StepSpec(name) for name in ("site.pin", *names)]
    return plan


def _applied(request: Request) -> list[StepSpec]:
    """The steps of a plan: only what its actions do, and only to the nodes that it names."""
    steps = [StepSpec("site.pin")]
    for action, nodes in request.args["actions"].items():
        if action == "prepare_site":
            steps += [StepSpec("site.lock"), StepSpec("site.nodes", {"nodes": nodes})]
        elif nodes:
            steps.append(StepSpec("site.children", {"action": action, "verbs": nodes}))
    return steps


def _relabel(request: Request) -> list[StepSpec]:
    return [StepSpec("node.relabel", {"labels": request.args.get("labels", {})})]


def _report(request: Request) -> list[StepSpec]:
    return [StepSpec("bootaction.report")]


def _verify(request: Request) -> list[StepSpec]:
    steps = [StepSpec("power.verify"), StepSpec("node.identify")]
    if "expected" in request.args:
        steps.append(StepSpec("node.check", {"expected": request.args["expected"]}))
    return steps


FLOWS = [
    Flow("validate_design", _steps("site.validate"), provision=False, site=True),
    Flow("verify_site", _steps("site.verify"), provision=False, site=True),
    Flow("prepare_site", _steps("site.lock", "site.nodes"), provision=False, site=True),
    Flow("verify_nodes", _steps("site.children"), provision=False, site=True),
    Flow("prepare_nodes", _steps("site.children"), provision=False, site=True),
    Flow("deploy_nodes", _steps("site.children"), provision=False, site=True),
    Flow("destroy_nodes", _steps("site.children"), provision=False, site=True),
    Flow("bootaction_report", _steps("site.children"), provision=False, site=True),
    Flow("relabel_nodes", _steps("site.children"), provision=False, site=True),
    Flow("apply_plan", _applied, provision=False, site=True),
    Flow("verify", _verify, provision=False, validates=("power", "management")),
    Flow("relabel", _relabel, provision=False),
    Flow("report", _report, provision=False),
]
