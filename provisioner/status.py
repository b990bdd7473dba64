"""``provisioner-status upgrade check``: whether services of this release can start here."""

import sys
from collections.abc import Sequence

from oslo_config import cfg
from oslo_log import log
from oslo_upgradecheck import upgradecheck

from provisioner import exceptions, secrets
from provisioner.conf import opts
from provisioner.db import keys, schema
from provisioner.db.session import OUTAGE, Database

FAILURE = upgradecheck.Code.FAILURE
SUCCESS = upgradecheck.Code.SUCCESS
WARNING = upgradecheck.Code.WARNING


class Checks(upgradecheck.UpgradeCommands):
    """The checks; each opens the database anew, so that one failure does not hide another."""

    def __init__(self, conf: cfg.ConfigOpts):
        super().__init__()
        self._conf = conf

    def _database(self) -> Database:
        return Database(self._conf.database.connection, pool=1)

    def check_database(self) -> upgradecheck.Result:
        """The database answers."""
        return self._told(self._reach)

    def check_schema(self) -> upgradecheck.Result:
        """The schema is the one that this release knows."""
        return self._told(self._compare_schema)

    def check_keys(self) -> upgradecheck.Result:
        """The key file can be read and has every key that something is sealed with."""
        return self._told(self._compare_keys)

    def _told(self, check) -> upgradecheck.Result:
        """The result of a check, whose errors are failures. It gets a database."""
        database = None
        try:
            database = self._database()
            return check(database)
        except exceptions.ProvisionerError as error:
            return upgradecheck.Result(FAILURE, f"{error.message} {error.remedy}".strip())
        except OUTAGE as error:
            return upgradecheck.Result(FAILURE, f"The database failed: {error}".split("\n")[0])
        finally:
            if database is not None:
                database.dispose()

    def _reach(self, database: Database) -> upgradecheck.Result:
        with database.reader() as tx:
            return upgradecheck.Result(SUCCESS, f"{tx.dialect}, {tx.read_now()} UTC")

    def _compare_schema(self, database: Database) -> upgradecheck.Result:
        found, wanted = schema.version(database), schema.latest()
        if found == wanted:
            return upgradecheck.Result(SUCCESS, f"Revision {found}")
        if found is None:
            return upgradecheck.Result(
                FAILURE, "The database has no schema. Run provisioner-dbsync upgrade.")
        if not schema.is_known(found):
            return upgradecheck.Result(
                FAILURE, f"Revision {found} belongs to a newer release of this program.")
        return upgradecheck.Result(
            FAILURE, f"Revision {found}, wanted {wanted}. Run provisioner-dbsync upgrade.")

    def _compare_keys(self, database: Database) -> upgradecheck.Result:
        held = secrets.read_box(self._conf.secrets.key_file).fingerprints()
        with database.reader() as tx:
            known = keys.registered(tx)
        keys.require(known, held)
        names = ", ".join(row.fingerprint for row in known)
        if len(known) > 1:
            return upgradecheck.Result(
                WARNING, f"A rotation of keys has not ended; in use: {names}. "
                "See provisioner-dbsync rotate_keys --help.")
        return upgradecheck.Result(SUCCESS, names or "No key is in use yet.")

    _upgrade_checks = (("Database", check_database), ("Schema", check_schema),
                       ("Secret keys", check_keys))


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``upgrade check``; 0 ready, 1 a warning, 2 a failure, 255 an error of the check."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    for group, options in opts.list_opts():
        conf.register_opts(options, group=group)
    arguments = list(sys.argv[1:] if argv is None else argv)
    return upgradecheck.main(conf, "provisioner", Checks(conf), argv=arguments)
