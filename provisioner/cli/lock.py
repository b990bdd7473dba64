"""``lock ...``: which design each site has."""

from provisioner.cli.commands import Command, Lister, ShowOne, local_time, row

BASE = "/api/v1.1/locks"


class List(Lister):
    """List the sites that have a design, and the task that gave it to them.

    Example:

      provisioner lock list
    """

    def take_action(self, parsed_args):
        rows = [(item["site"], item["design"], item["task"] or "",
                 local_time(item["updated_at"] or item["created_at"]))
                for item in self.client.get(BASE)["locks"]]
        return ("Site", "Design", "Task", "Since"), rows


class Set(ShowOne):
    """Give a site a design. It cannot be deleted then.

    prepare_site does this by itself. Refused while tasks of another design run on the site.

    Example:

      provisioner lock set north 1f0c2a9b
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("site", metavar="SITE", help="name of the site")
        parser.add_argument("design", metavar="DESIGN", help="digest, or 8 or more of its digits")
        return parser

    def take_action(self, parsed_args):
        body = self.client.put(f"{BASE}/{parsed_args.site}", {"design": parsed_args.design})
        return row({"site": body["site"], "design": body["design"]})


class Delete(Command):
    """Take its design from a site. Its nodes stay as they are.

    Example:

      provisioner lock delete north
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("site", metavar="SITE", help="name of the site")
        return parser

    def take_action(self, parsed_args):
        self.client.delete(f"{BASE}/{parsed_args.site}")
