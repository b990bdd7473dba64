"""``provisioner-dbsync``: the schema of the database and the keys of its secrets.

The functions are for the standalone service and for tests; the command is a thin shell over them.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from oslo_db import exception as db_exception

from provisioner import exceptions, secrets
from provisioner.conf import opts
from provisioner.db.schema import HEAD, create_schema, downgrade, latest, stamp, upgrade, version
from provisioner.db.session import Database

__all__ = ["create_schema", "downgrade", "latest", "main", "stamp", "upgrade", "version"]

#: seconds that a statement of a migration may wait for a lock (and run three times as long)
SCHEMA_TIMEOUT = 1200.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="provisioner-dbsync", description=__doc__.split("\n\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config-file", action="append", default=[], metavar="PATH")
    parser.add_argument("--config-dir", action="append", default=[], metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("create_schema", help="make all tables in an empty database")
    commands.add_parser("version", help="print the revision of the schema")
    commands.add_parser("create_key", help="make the key file, with one key")
    for name, help_text, default in (
            ("upgrade", "bring the schema to a revision, the newest one by default", HEAD),
            ("downgrade", "take the schema back to a revision; what it drops is lost", None),
            ("stamp", "record a revision without running anything", None)):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("revision", nargs="?" if default else None, default=default)
    return parser


def _create_key(path: str) -> None:
    if pathlib.Path(path).exists():
        raise exceptions.Conflict(f"There is a key file already: {path}.",
                                  remedy="provisioner-dbsync rotate_keys adds a key.")
    print(f"Key {secrets.add_key(path)} made in {path}.")


def _run(asked: argparse.Namespace, conf) -> None:
    if asked.command == "create_key":
        _create_key(conf.secrets.key_file)
        return
    database = Database(conf.database.connection, pool=2, lock_timeout=SCHEMA_TIMEOUT)
    try:
        if asked.command == "create_schema":
            create_schema(database)
        elif asked.command != "version":
            {"upgrade": upgrade, "downgrade": downgrade, "stamp": stamp}[asked.command](
                database, asked.revision)
        print(version(database) or "no schema")
    finally:
        database.dispose()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0, or 1 with the reason on standard error."""
    asked = _parser().parse_args(argv)
    files = [f"--config-file={path}" for path in asked.config_file]
    files += [f"--config-dir={path}" for path in asked.config_dir]
    try:
        _run(asked, opts.load(files, "provisioner-dbsync"))
    except exceptions.ProvisionerError as error:
        print(f"{error.message} {error.remedy}".strip(), file=sys.stderr)
        return 1
    except db_exception.DBError as error:
        print(f"The database failed: {error}", file=sys.stderr)
        return 1
    return 0
