"""``plan ...``: see what an action would do, agree to it, have exactly that done."""

import json

from provisioner import exceptions
from provisioner.cli import task
from provisioner.cli.commands import Command, Lister, Telling, local_time
from provisioner.site import plan_text
from provisioner.site.plan import ACTIONS

BASE = "/api/v1.1/plans"


def _shown(command: Command, body: dict, form: str) -> int:
    """Print a plan; the exit status that it stands for."""
    if form == "json":
        data = {**body["plan"], "uuid": body["uuid"], "task": body["task"],
                "user": body["user"], "created_at": body["created_at"]}
        print(json.dumps(data, indent=2), file=command.app.stdout)
        return plan_text.status(body["plan"])
    print(plan_text.render(body["plan"]), file=command.app.stdout)
    if body["task"]:
        print(f"\nApplied by task {body['task']}.", file=command.app.stdout)
    elif body["uuid"]:
        print(f"\nApply exactly this with: provisioner plan apply {body['uuid']}",
              file=command.app.stdout)
    return plan_text.status(body["plan"])


class _Showing(Telling):
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("-f", "--format", choices=("text", "json"), default="text",
                            help="for people (default) or for programs")
        return parser


class Make(_Showing):
    """Show what would be done to a site, and what has drifted. Nothing is touched.

    Without --action the plan is for all that brings the site to its design: prepare_site,
    prepare_nodes, deploy_nodes. Without --design it is the design that the site has.

    Signs: + is added, ~ is changed, - is removed, -/+ is replaced and loses its data; > is a verb
    with its steps, ! is something in the way, ? is drift that the plan does not mend.

    The exit status is 0 if nothing is to do, 2 if something is, 1 if something is in the way.

    Examples:

      provisioner plan --site north
      provisioner plan --site north --design 1f0c2a9b --save
      provisioner plan --site north --action destroy_nodes --node node-001
      provisioner plan --site north -f json
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--site", default="default", help="name of the site (default)")
        parser.add_argument("--design", metavar="DIGEST", help="digest, or 8 of its digits")
        parser.add_argument("--action", action="append", choices=ACTIONS, metavar="ACTION",
                            help=f"{', '.join(ACTIONS)}; may be repeated, in order")
        parser.add_argument("--node-filter", metavar="JSON", help="which nodes, as Drydock's")
        parser.add_argument("--node", action="append", metavar="NAME",
                            help="only this node; may be repeated")
        parser.add_argument("--save", action="store_true", help="keep the plan, to apply it")
        return parser

    def take_action(self, parsed_args):
        body = {"site": parsed_args.site, "design": parsed_args.design,
                "actions": parsed_args.action, "save": parsed_args.save,
                "node_filter": task.node_filter(parsed_args.node_filter, parsed_args.node)}
        made = self.client.post(BASE, {name: value for name, value in body.items()
                                       if value is not None})
        return _shown(self, made, parsed_args.format)


class List(Lister):
    """List saved plans, newest first.

    Example:

      provisioner plan list --site north
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--site", help="only of this site")
        return parser

    def take_action(self, parsed_args):
        rows = [(item["uuid"], item["site"], item["design"][:12], ",".join(item["actions"]),
                 item["totals"]["create"], item["totals"]["update"], item["totals"]["replace"],
                 item["totals"]["destroy"], item["task"] or "", local_time(item["created_at"]))
                for item in self.client.pages(BASE, "plans", site=parsed_args.site)]
        return ("UUID", "Site", "Design", "Actions", "Create", "Update", "Replace", "Destroy",
                "Task", "Created"), rows


class _OfPlan:
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("plan", metavar="PLAN", help="uuid of the plan")
        return parser


class Show(_OfPlan, _Showing):
    """Show a saved plan as it was made. The exit status is that of plan.

    Example:

      provisioner plan show 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11
    """

    def take_action(self, parsed_args):
        return _shown(self, self.client.get(f"{BASE}/{parsed_args.plan}"), parsed_args.format)


class Apply(_OfPlan, task.Watching):
    """Have done exactly what a saved plan says, once.

    Refused if anything that the plan was made from has moved since; the message says what.

    Examples:

      provisioner plan apply 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --watch
    """

    def asked(self, parsed_args):
        try:
            return self.client.post(f"{BASE}/{parsed_args.plan}/apply", {})
        except exceptions.PlanStale as error:
            error.remedy = ("Make a new plan with 'provisioner plan --save', look at it, and "
                            "apply that one.")
            raise


class Delete(Command):
    """Forget saved plans.

    Example:

      provisioner plan delete 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("plans", nargs="+", metavar="PLAN", help="uuid of a plan")
        return parser

    def take_action(self, parsed_args):
        for plan in parsed_args.plans:
            self.client.delete(f"{BASE}/{plan}")
