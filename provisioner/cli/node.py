"""``node ...``: what the machines are doing, and why."""

from provisioner.cli.commands import Data, Lines, Lister, ShowOne, local_time, row

_FIELDS = "uuid,name,driver,provision_state,power_state,maintenance,last_error"
_HIDDEN = ("links", "ports", "portgroups", "states", "volume", "traits")


class List(Lister):
    """List nodes.

    Examples:

      provisioner node list
      provisioner node list --provision-state active -f value -c Name
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--provision-state", metavar="STATE", help="only in this state")
        parser.add_argument("--driver", help="only with this hardware type")
        return parser

    def take_action(self, parsed_args):
        found = self.client.pages("/v1/nodes", "nodes", fields=_FIELDS, driver=parsed_args.driver,
                                  provision_state=parsed_args.provision_state)
        rows = [(node["name"] or "", node["uuid"], node["driver"], node["provision_state"],
                 node["power_state"] or "", "yes" if node["maintenance"] else "no",
                 node["last_error"] or "") for node in found]
        return ("Name", "UUID", "Driver", "State", "Power", "Maintenance", "Last Error"), rows


class _OfNode(ShowOne):
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("node", metavar="NODE", help="uuid or name of the node")
        return parser


class Show(_OfNode):
    """Show a node.

    Examples:

      provisioner node show node-001
      provisioner node show node-001 -f value -c provision_state
    """

    def take_action(self, parsed_args):
        node = self.client.get(f"/v1/nodes/{parsed_args.node}")
        shown = {name: Data(value) if isinstance(value, dict | list) else value
                 for name, value in sorted(node.items()) if name not in _HIDDEN}
        return row(shown)


class Explain(_OfNode):
    """Say why a node is where it is, what it waits for, until when, and what to do.

    Example:

      provisioner node explain node-001
    """

    def take_action(self, parsed_args):
        body = self.client.get(f"/api/v1.1/nodes/{parsed_args.node}/explain")
        task, step, owner = body["task"], body["step"], body["owner"]
        events = [f"{local_time(event['created_at'])} {event['severity']}: {event['message']}"
                  for event in body["last_events"]]
        shown = {
            "node": body["node"]["name"] or body["node"]["uuid"],
            "why": body["why"], "remedy": body["remedy"],
            "provision_state": body["provision_state"], "power_state": body["power_state"],
            "task": f"{task['action']} {task['state']} ({task['uuid']})" if task else "",
            "step": f"{step['position']}/{step['total']} {step['name']}" if step else "",
            "waiting_for": body["waiting_for"], "since": local_time(body["since"]),
            "until": local_time(body["until"]), "late": body["late"],
            "owner": f"{owner['conductor']} ({'alive' if owner['alive'] else 'not alive'})"
                     if owner else "",
            "last_events": Lines((body["last_events"], events))}
        return row(shown)
