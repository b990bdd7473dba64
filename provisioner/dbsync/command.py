"""The command line of ``provisioner-dbsync``."""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from oslo_config import cfg

from provisioner import exceptions, secrets
from provisioner.conf import opts
from provisioner.db.schema import HEAD, create_schema, downgrade, stamp, upgrade, version
from provisioner.db.session import OUTAGE, Database
from provisioner.dbsync import rotation
from provisioner.dbsync.resealing import Outcome

#: seconds that a statement of a migration may wait for a lock (and run three times as long)
SCHEMA_TIMEOUT = 1200.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="provisioner-dbsync",
        description="Make and change the schema of the database, and the keys of its secrets.")
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
    _add_rotate(commands)
    return parser


def _add_rotate(commands) -> None:
    rotate = commands.add_parser(
        "rotate_keys", help="seal every secret with a new key", description=rotation.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    phase = rotate.add_mutually_exclusive_group()
    phase.add_argument("--prepare", action="store_true", help="only add a key that does not seal")
    phase.add_argument("--forget-old", action="store_true", help="retire the old keys at the end")
    rotate.add_argument("--batch", type=int, default=100, help="rows in one transaction")


def _create_key(path: str) -> None:
    if pathlib.Path(path).exists():
        raise exceptions.Conflict(f"There is a key file already: {path}.",
                                  remedy="provisioner-dbsync rotate_keys adds a key.")
    print(f"Key {secrets.add_key(path)} made in {path}.")


def _rotate(asked: argparse.Namespace, database: Database, path: str) -> int:
    if asked.prepare:
        print(f"Key {rotation.prepare(database, path)} is in {path} and opens only. Copy the file "
              "to every host, restart every service, then run rotate_keys.")
        return 0
    if asked.forget_old:
        outcome, retired = rotation.forget_old(database, path, batch=asked.batch)
        print(f"{outcome.resealed} values sealed anew; keys retired: "
              f"{', '.join(retired) or 'none'}.")
        return 0
    return _told(rotation.rotate(database, path, batch=asked.batch))


def _told(outcome: Outcome) -> int:
    print(f"{outcome.resealed} values sealed anew. Copy the key file to every host, restart every "
          "service, then run rotate_keys --forget-old.")
    for name in outcome.unreadable:
        print(f"No key opens {name}.", file=sys.stderr)
    return 1 if outcome.unreadable else 0


def _change_schema(asked: argparse.Namespace, database: Database) -> int:
    if asked.command == "create_schema":
        create_schema(database)
    elif asked.command != "version":
        {"upgrade": upgrade, "downgrade": downgrade, "stamp": stamp}[asked.command](
            database, asked.revision)
    print(version(database) or "no schema")
    return 0


def _run(asked: argparse.Namespace, conf) -> int:
    path = conf.secrets.key_file
    if asked.command == "create_key":
        _create_key(path)
        return 0
    rotating = asked.command == "rotate_keys"
    database = Database(conf.database.connection, pool=2,
                        lock_timeout=20.0 if rotating else SCHEMA_TIMEOUT)
    try:
        return _rotate(asked, database, path) if rotating else _change_schema(asked, database)
    finally:
        database.dispose()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0, or 1 with the reason on standard error."""
    asked = _parser().parse_args(argv)
    files = [f"--config-file={path}" for path in asked.config_file]
    files += [f"--config-dir={path}" for path in asked.config_dir]
    try:
        return _run(asked, opts.load(files, "provisioner-dbsync"))
    except exceptions.ProvisionerError as error:
        print(f"{error.message} {error.remedy}".strip(), file=sys.stderr)
        return 1
    except cfg.Error as error:
        print(f"The configuration cannot be read: {error}", file=sys.stderr)
        return 1
    except OUTAGE as error:
        print(f"The database failed: {error}".split("\n")[0], file=sys.stderr)
        return 1
