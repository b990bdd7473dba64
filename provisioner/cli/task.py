"""``task ...``: ask for actions on a site, and watch them."""

import json
import sys

from provisioner import exceptions
from provisioner.cli import watch
from provisioner.cli.commands import (
    Command,
    Data,
    Lines,
    Lister,
    ShowOne,
    elapsed,
    local_time,
    reported,
    row,
)

BASE = "/api/v1.1/tasks"
ACTIONS = ("validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes",
           "deploy_nodes", "destroy_nodes", "relabel_nodes", "bootaction_report")


def node_filter(text: str | None, names: list[str] | None) -> dict | None:
    """The filter that the options describe; None means every node.

    :raises Invalid: if they say two things, or the text is not JSON
    """
    if text and names:
        raise exceptions.Invalid("--node-filter and --node cannot be combined.",
                                 remedy="Put the names into the filter's node_names.")
    if names:
        return {"filter_set_type": "intersection", "filter_set": [
            {"filter_type": "union", "node_names": names}]}
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise exceptions.Invalid(f"--node-filter is not JSON: {error}.", remedy=(
            "Write '{\"filter_set_type\": \"union\", \"filter_set\": [{\"filter_type\": "
            "\"union\", \"node_names\": [\"node-001\"]}]}', or use --node.")) from None


def _row(task: dict) -> tuple[tuple, tuple]:
    now = {"uuid": task["uuid"], "action": task["action"], "state": task["state"],
           "site": task["site"], "design": task["design"] or task["design_ref"],
           "node": task["node_name"] or task["node"], "retry": task["retry"],
           "node_filter": Data(task["node_filter"]),
           "created_at": local_time(task["created_at"]),
           "started_at": local_time(task["started_at"]),
           "finished_at": local_time(task["finished_at"]),
           "user": task["user"], "request_id": task["request_id"],
           "result": Data(task["result"]), "error": Data(task["error"])}
    return row(now)


class _OfTask:
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("task", metavar="TASK", help="uuid of the task")
        return parser


class Watching(ShowOne):
    """A command that shows a task, or with ``--watch`` follows it to its end."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--watch", action="store_true",
                            help="show live progress; exit 0 only if the task succeeds")
        return parser

    def asked(self, parsed_args) -> dict:
        """Send the request; the task."""
        raise NotImplementedError

    def take_action(self, parsed_args):
        return _row(self.asked(parsed_args))

    def run(self, parsed_args) -> int:
        if not parsed_args.watch:
            return super().run(parsed_args)
        return reported(lambda: follow(self.client, self.asked(parsed_args)["uuid"],
                                       self.app.stdout))


def follow(client, uuid: str, stream) -> int:
    """Watch a task; an interrupt leaves it alone and says how to go on."""
    try:
        return watch.follow(client, uuid, stream)
    except KeyboardInterrupt:
        print(f"\nThe task goes on. Watch it with: provisioner task watch {uuid}\n"
              f"Stop it with: provisioner task cancel {uuid}", file=sys.stderr)
        return 130


class Create(Watching):
    """Ask for an action on a site.

    Actions, in the order of a site's life: validate_design, verify_site, prepare_site,
    verify_nodes, prepare_nodes, deploy_nodes (bootaction_report waits for what it reports); then
    relabel_nodes and destroy_nodes.
    Without --design the site keeps the design it has.

    Examples:

      provisioner task create verify_site --site north --design 1f0c2a9b --watch
      provisioner task create deploy_nodes --site north --watch
      provisioner task create deploy_nodes --site north --node node-001 --node node-002
      provisioner task create deploy_nodes --site north --max-parallel 20 --node-filter \\
        '{"filter_set_type": "union", "filter_set":
          [{"filter_type": "union", "rack_names": ["rack1"]}]}'
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("action", choices=ACTIONS, metavar="ACTION",
                            help=", ".join(ACTIONS))
        parser.add_argument("--site", default="default", help="name of the site (default)")
        parser.add_argument("--design", metavar="DIGEST", help="digest, or 8 of its digits")
        parser.add_argument("--design-ref", metavar="URI",
                            help="where the conductor fetches the design")
        parser.add_argument("--node-filter", metavar="JSON", help="which nodes, as Drydock's")
        parser.add_argument("--node", action="append", metavar="NAME",
                            help="only this node; may be repeated")
        parser.add_argument("--max-parallel", type=int, metavar="N",
                            help="nodes worked on at the same time")
        parser.add_argument("--max-failures", type=int, metavar="N",
                            help="start no more nodes once more than N have failed")
        parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE",
                            help="argument of the action; VALUE is JSON or else text")
        return parser

    def asked(self, parsed_args):
        args = dict(_argument(text) for text in parsed_args.arg)
        for name in ("max_parallel", "max_failures"):
            if getattr(parsed_args, name) is not None:
                args[name] = getattr(parsed_args, name)
        body = {"action": parsed_args.action, "site": parsed_args.site,
                "design": parsed_args.design, "design_ref": parsed_args.design_ref,
                "node_filter": node_filter(parsed_args.node_filter, parsed_args.node),
                "args": args}
        return self.client.post(BASE, {name: value for name, value in body.items()
                                       if value not in (None, {})})


def _argument(text: str) -> tuple[str, object]:
    """:raises Invalid: unless it is NAME=VALUE"""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise exceptions.Invalid(f"--arg {text} is not NAME=VALUE.",
                                 remedy="For example --arg note=rack1.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class List(Lister):
    """List tasks, newest first.

    Shows tasks on sites and single nodes; --all also shows the parts that site tasks are made of.

    Examples:

      provisioner task list --site north --state running --state waiting
      provisioner task list --node node-001
      provisioner task list -f json
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--site", help="only of this site")
        parser.add_argument("--node", metavar="NODE", help="only on this node (uuid or name)")
        parser.add_argument("--action", help="only of this kind")
        parser.add_argument("--state", action="append", help="only in this state; repeatable")
        parser.add_argument("--all", action="store_true", help="also tasks with a parent")
        parser.add_argument("--limit", type=int, default=100, help="at most so many (100)")
        return parser

    def take_action(self, parsed_args):
        body = self.client.get(
            BASE, site=parsed_args.site, node=parsed_args.node, action=parsed_args.action,
            state=",".join(parsed_args.state) if parsed_args.state else None,
            all="true" if parsed_args.all else None, limit=parsed_args.limit)
        now = self.client.now()
        rows = [(task["uuid"], task["action"], task["state"], task["site"] or "",
                 task["node_name"] or "", (task["design"] or "")[:12], elapsed(task, now),
                 local_time(task["created_at"])) for task in body["tasks"]]
        return ("UUID", "Action", "State", "Site", "Node", "Design", "Elapsed", "Created"), rows


class Show(_OfTask, ShowOne):
    """Show a task with its steps and its nodes.

    Example:

      provisioner task show 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11
    """

    def take_action(self, parsed_args):
        task = self.client.get(f"{BASE}/{parsed_args.task}")
        now = self.client.now()
        names, values = _row(task)
        steps = [f"{step['position']}/{len(task['steps'])} {step['name']} {step['state']}"
                 for step in task["steps"]]
        nodes = [f"{child['node_name'] or child['node']} {child['state']} "
                 f"{elapsed(child, now)} {watch.step_text(child)}".rstrip()
                 for child in watch.newest(task["children"])]
        return ((*names, "steps", "nodes"),
                (*values, Lines((task["steps"], steps)), Lines((task["children"], nodes))))


class Watch(_OfTask, Command):
    """Show a task's progress until it ends. The exit status is 0 only if it succeeded.

    On a terminal the table redraws itself; elsewhere each change is a line.

    Example:

      provisioner task watch 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11
    """

    def take_action(self, parsed_args):
        return follow(self.client, parsed_args.task, self.app.stdout)


class Cancel(_OfTask, Watching):
    """Stop a task, and the parts it is made of, at the next safe point.

    Examples:

      provisioner task cancel 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --reason "wrong rack"
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--reason", default="", help="why; it is kept")
        return parser

    def asked(self, parsed_args):
        return self.client.post(f"{BASE}/{parsed_args.task}/cancel",
                                {"reason": parsed_args.reason})


class Retry(Cancel):
    """Do again what failed of an ended task, and nothing else.

    Examples:

      provisioner task retry 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --watch
    """

    def asked(self, parsed_args):
        return self.client.post(f"{BASE}/{parsed_args.task}/retry",
                                {"reason": parsed_args.reason})


class _Decision(_OfTask, Watching):
    """:cvar decision: last part of the path"""

    decision = ""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--reason", required=True, help="why; it is kept")
        return parser

    def asked(self, parsed_args):
        return self.client.post(f"{BASE}/{parsed_args.task}/{self.decision}",
                                {"reason": parsed_args.reason})


class Resume(_Decision):
    """Go on with a parked task: do its step again.

    Example:

      provisioner task resume 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --reason "checked by hand"
    """

    decision = "resume"


class Skip(_Decision):
    """Go on with a parked task behind its step.

    Example:

      provisioner task skip 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --reason "was flashed"
    """

    decision = "skip"


class Fail(_Decision):
    """Give a parked task up.

    Example:

      provisioner task fail 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --reason "board is broken"
    """

    decision = "fail"
