"""``provisioner``: the commands without OpenStack's client and without Keystone."""

import argparse
import os
import sys
import types
from collections.abc import Sequence

from cliff import app, commandmanager

from provisioner.cli import design, lock, node, plan, task
from provisioner.cli.client import DEFAULT_URL, Client
from provisioner.cli.commands import version

#: words of a command to its class; the plug-in has the same ones (see ``setup.cfg``)
COMMANDS = {
    "design validate": design.Validate, "design create": design.Create,
    "design list": design.List, "design show": design.Show,
    "design documents": design.Documents, "design effective": design.Effective,
    "design delete": design.Delete, "design diff": design.Diff, "design schema": design.Schema,
    "lock list": lock.List, "lock set": lock.Set, "lock delete": lock.Delete,
    "plan": plan.Make, "plan list": plan.List, "plan show": plan.Show,
    "plan apply": plan.Apply, "plan delete": plan.Delete,
    "task create": task.Create, "task list": task.List, "task show": task.Show,
    "task watch": task.Watch, "task cancel": task.Cancel, "task retry": task.Retry,
    "task resume": task.Resume, "task skip": task.Skip, "task fail": task.Fail,
    "node list": node.List, "node show": node.Show, "node explain": node.Explain,
}
_DESCRIPTION = """Bare-metal provisioning: site designs turned into running machines.

A site, from documents to running machines:
  provisioner design validate site.yaml
  provisioner design create site.yaml
  provisioner plan --site north --design 1f0c2a9b --save
  provisioner plan apply 0b0f4f5e-7f5b-4b5e-8c5c-2d6a5a0c9f11 --watch
  provisioner plan --site north
  provisioner node explain node-001
"""


class Shell(app.App):
    """The program. Its ``client_manager`` has the client where ``openstack`` would have it."""

    def __init__(self, **streams):
        manager = commandmanager.CommandManager("provisioner.cli.none")
        for words, command in COMMANDS.items():
            manager.add_command(words, command)
        super().__init__(description=_DESCRIPTION, version=version() or "unknown",
                         command_manager=manager, deferred_help=True, **streams)
        self.client_manager = types.SimpleNamespace()

    def build_option_parser(self, description, version, argparse_kwargs=None):
        parser = super().build_option_parser(description, version, {
            "formatter_class": argparse.RawDescriptionHelpFormatter, "prog": "provisioner",
            **(argparse_kwargs or {})})
        env = os.environ.get
        parser.add_argument("--url", default=env("PROVISIONER_URL") or DEFAULT_URL,
                            help=f"where the service listens (PROVISIONER_URL; {DEFAULT_URL})")
        parser.add_argument("--username", default=env("PROVISIONER_USERNAME"),
                            help="for HTTP basic authentication (PROVISIONER_USERNAME)")
        parser.add_argument("--password", default=env("PROVISIONER_PASSWORD"),
                            help="better given as PROVISIONER_PASSWORD")
        parser.add_argument("--token", default=env("PROVISIONER_TOKEN"),
                            help="a Keystone token (PROVISIONER_TOKEN)")
        return parser

    def initialize_app(self, argv: Sequence[str]) -> None:
        options = self.options
        login = (options.username, options.password or "") if options.username else None
        token = {"X-Auth-Token": options.token} if options.token else {}
        self.client_manager.provisioner = Client(options.url, lambda: token, login=login)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status: 0 done, 1 failed, 2 misused."""
    try:
        return Shell().run(list(sys.argv[1:] if argv is None else argv))
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 2
