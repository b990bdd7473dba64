"""``design ...``: check documents here, keep them there."""

import codecs
import json
import pathlib
import sys
from collections.abc import Iterable, Iterator

from provisioner import exceptions
from provisioner.cli import sarif
from provisioner.cli.commands import (
    Command,
    Lines,
    Lister,
    ShowOne,
    Telling,
    local_time,
    row,
    version,
)
from provisioner.site import documents, findings, schema, validate
from provisioner.site.effective import Design

BASE = "/api/v1.1/designs"


def _read(path: str) -> bytes:
    """A file, or standard input for ``-``. :raises Invalid:"""
    try:
        return sys.stdin.buffer.read() if path == "-" else pathlib.Path(path).read_bytes()
    except OSError as error:
        raise exceptions.Invalid(f"{path}: {error.strerror}.",
                                 remedy="Name a file of YAML documents, or - for input.") from None


def check(paths: list[str]) -> tuple[Design, dict[str, bytes]]:
    """The design that files describe together, checked here, and their contents."""
    texts = {path: _read(path) for path in paths}
    loaded = [documents.load(text, path) for path, text in texts.items()]
    return validate.validate(documents.join(loaded)), texts


def join(texts: Iterable[bytes]) -> bytes:
    """One stream of the documents of several files, whether or not they begin with ``---``."""
    texts = [text.removeprefix(codecs.BOM_UTF8) for text in texts]
    joined = texts[0]
    for text in texts[1:]:
        first = next((line for line in text.splitlines()
                      if line.strip() and not line.lstrip().startswith(b"#")), b"")
        joined += (b"\n...\n" if first.startswith((b"---", b"%")) else b"\n---\n") + text
    return joined


def report(design: Design) -> dict:
    """Plain data of the check, as JSON shows it."""
    return findings.report(design.findings, len(design.documents.own),
                           len(design.documents.foreign))


def show_findings(design: Design, stream) -> None:
    """Findings as a good compiler shows them, and a line that counts them."""
    for found in findings.ordered(design.findings):
        print(findings.render(found, design.documents.lines), file=stream)
    counted = report(design)["summary"]
    print(f"{counted['errors']} errors, {counted['warnings']} warnings in "
          f"{counted['documents']} documents ({counted['foreign']} of other tools left "
          f"unchecked), {len(design.site.nodes)} nodes.", file=stream)


class Validate(Command):
    """Check site documents without any service.

    Shows each finding with file, line and what to do. The exit status is 1 if one of them is an
    error.

    Examples:

      provisioner design validate site.yaml
      provisioner design validate networks.yaml nodes.yaml images.yaml
      provisioner design validate -f json site.yaml
      provisioner design validate -f sarif site.yaml > findings.sarif
    """

    #: ``openstack`` need not log in anywhere for this
    auth_required = False

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("files", nargs="+", metavar="FILE",
                            help="file of YAML documents, - for standard input")
        parser.add_argument("-f", "--format", choices=("text", "json", "sarif"), default="text",
                            help="for people (default), for programs, for code scanning")
        return parser

    def take_action(self, parsed_args):
        design, _ = check(parsed_args.files)
        if parsed_args.format == "text":
            show_findings(design, self.app.stdout)
        else:
            data = report(design)
            if parsed_args.format == "sarif":
                data = sarif.document(data["findings"], version())
            print(json.dumps(data, indent=2), file=self.app.stdout)
        return 0 if design.valid else 1


def _details(body: dict) -> tuple[tuple, tuple]:
    found, counted = body.get("findings", []), body["summary"]
    flat = {**counted, **counted.get("kinds", {})}
    flat.pop("kinds", None)
    shown = {
        "digest": body["digest"], "parent": body["parent"], "source": body["source"],
        "created_at": local_time(body["created_at"]), "user": body["user"],
        "summary": Lines((counted, [f"{name}: {value}" for name, value in flat.items()])),
        "findings": Lines((found, [f"{item['severity']}: {item['code']} {item['message']}"
                                   for item in found]))}
    return row(shown)


class Create(ShowOne):
    """Check documents and store them as a design.

    Several files make one design. The digest that is shown names the design from then on; any
    unique beginning of 8 or more digits will do.

    Examples:

      provisioner design create site.yaml
      provisioner design create networks.yaml nodes.yaml images.yaml -f value -c digest
      provisioner design create --href http://designs.example/site.yaml
      provisioner design create site.yaml --parent 1f0c2a9b
      provisioner design create rack2.yaml --parent 1f0c2a9b --compose --owner rack-tool

    With --parent it is an update of that design. With --compose too, the documents sent are added
    to those of the parent, or replace them. A document whose label provisioner/owner names
    another tool than --owner is neither changed nor left out: that is refused.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("files", nargs="*", metavar="FILE",
                            help="file of YAML documents, - for standard input")
        parser.add_argument("--href", metavar="URI",
                            help="let the service fetch the documents itself")
        parser.add_argument("--parent", metavar="DESIGN", help="the design that this one updates")
        parser.add_argument("--compose", action="store_true",
                            help="keep the parent's other documents")
        parser.add_argument("--owner", metavar="TOOL", help="whose parts may be changed")
        return parser

    def take_action(self, parsed_args):
        if bool(parsed_args.files) == bool(parsed_args.href):
            raise exceptions.Invalid("Name either files or --href.",
                                     remedy="provisioner design create FILE...")
        query = {"parent": parsed_args.parent, "owner": parsed_args.owner,
                 "compose": "true" if parsed_args.compose else None}
        if parsed_args.href:
            return _details(self.client.post(BASE, {"href": parsed_args.href}, **query))
        design, texts = check(parsed_args.files)
        # Parts of a design need not stand alone: the service checks the whole.
        if not design.valid and not parsed_args.compose:
            show_findings(design, sys.stderr)
            raise exceptions.InvalidDesign("The documents have errors; nothing was stored.")
        name = ", ".join(pathlib.PurePath(path).name for path in parsed_args.files)[:255]
        return _details(self.client.post_yaml(BASE, join(texts.values()), source=name, **query))


class List(Lister):
    """List designs, newest first.

    Examples:

      provisioner design list
      provisioner design list -f value -c Digest
    """

    def take_action(self, parsed_args):
        rows = [(item["digest"], item["source"], item["summary"].get("nodes"),
                 item["summary"].get("warnings"), local_time(item["created_at"]))
                for item in self.client.pages(BASE, "designs")]
        return ("Digest", "Source", "Nodes", "Warnings", "Created"), rows


class _OfDesign:
    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("design", metavar="DESIGN", help="digest, or 8 or more of its digits")
        return parser


class Show(_OfDesign, ShowOne):
    """Show a design: what it counts, and its findings.

    Example:

      provisioner design show 1f0c2a9b
    """

    def take_action(self, parsed_args):
        return _details(self.client.get(f"{BASE}/{parsed_args.design}"))


class Documents(_OfDesign, Command):
    """Print a design's documents, line for line, with secrets masked.

    With --kind, --name or --foreign those that match, as JSON. Documents of other tools are found
    by their schema, or by the part of it that says the kind.

    Examples:

      provisioner design documents 1f0c2a9b
      provisioner design documents 1f0c2a9b --kind Network --name pxe
      provisioner design documents 1f0c2a9b --foreign
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("--kind", help="only of this kind or schema")
        parser.add_argument("--name", help="only of this name")
        parser.add_argument("--foreign", action="store_true", help="only those of other tools")
        return parser

    def take_action(self, parsed_args):
        path = f"{BASE}/{parsed_args.design}/documents"
        if not (parsed_args.kind or parsed_args.name or parsed_args.foreign):
            self.app.stdout.write(self.client.text(path))
            return
        found = self.client.get(path, kind=parsed_args.kind, name=parsed_args.name,
                                foreign="true" if parsed_args.foreign else None)
        print(json.dumps(found["documents"], indent=2), file=self.app.stdout)


class Diff(Telling):
    """Show what differs between two designs: documents, values, and the nodes concerned.

    The exit status is 0 if nothing differs, 2 if something does.

    Examples:

      provisioner design diff 1f0c2a9b 77d0e1c4
      provisioner design diff 1f0c2a9b 77d0e1c4 -f json
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("old", metavar="OLD", help="digest, or 8 or more of its digits")
        parser.add_argument("new", metavar="NEW", help="digest, or 8 or more of its digits")
        parser.add_argument("-f", "--format", choices=("text", "json"), default="text",
                            help="for people (default) or for programs")
        return parser

    def take_action(self, parsed_args):
        body = self.client.get(f"{BASE}/{parsed_args.old}/diff/{parsed_args.new}")
        if parsed_args.format == "json":
            print(json.dumps(body, indent=2), file=self.app.stdout)
        else:
            print("\n".join(_differences(body)), file=self.app.stdout)
        return 0 if body["empty"] else 2


def _differences(body: dict) -> Iterator[str]:
    """A difference in lines."""
    if body["empty"]:
        yield "Nothing differs."
    for item in body["documents"]:
        yield (f"{item['change']} {item['schema']} {item['name']}  "
               f"[{item['source']}:{item['line']}]")
        for value in item["values"]:
            shown = " -> ".join(json.dumps(value[side]) for side in ("before", "after")
                                if value["change"] == "~" or value[side] is not None)
            yield f"    {value['change']} {value['path']}: {shown}  [line {value['line']}]"
    for kind, names in body["nodes"].items():
        if names:
            yield f"{kind} nodes: {', '.join(names)}"


class Schema(Command):
    """Print the JSON Schema of a kind's body, or of whole documents, for editors.

    A first line in a YAML file makes an editor with a YAML language server use it:

      # yaml-language-server: $schema=./document.json

    Examples:

      provisioner design schema document > document.json
      provisioner design schema BaremetalNode
    """

    #: ``openstack`` need not log in anywhere for this
    auth_required = False

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("kind", metavar="KIND", choices=schema.PUBLISHED,
                            help=", ".join(schema.PUBLISHED))
        return parser

    def take_action(self, parsed_args):
        print(json.dumps(schema.of(parsed_args.kind), indent=2), file=self.app.stdout)


class Effective(_OfDesign, Lister):
    """Show a node as the design means it, and where each value comes from.

    Example:

      provisioner design effective 1f0c2a9b node-001
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("node", metavar="NODE", help="name of a node of the design")
        return parser

    def take_action(self, parsed_args):
        body = self.client.get(f"{BASE}/{parsed_args.design}/nodes/{parsed_args.node}")
        rows = [(path, _at(body["effective"], path), f"{origin['schema']} {origin['name']}",
                 f"{origin['source']}:{origin['line']}")
                for path, origin in sorted(body["origins"].items())]
        return ("Field", "Value", "Document", "Line"), rows


def _at(value, path: str):
    """The value at a path with slashes; "" where the document has none."""
    for part in path.split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return ""
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)


class Delete(Command):
    """Delete designs that no site and no task uses.

    Example:

      provisioner design delete 1f0c2a9b
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument("designs", nargs="+", metavar="DESIGN",
                            help="digest, or 8 or more of its digits")
        return parser

    def take_action(self, parsed_args):
        for design in parsed_args.designs:
            self.client.delete(f"{BASE}/{design}")
