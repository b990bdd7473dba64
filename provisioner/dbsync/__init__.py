"""``provisioner-dbsync``: the schema of the database and the keys of its secrets.

The functions are for the standalone service and for tests; the command is a thin shell over them.
"""

from provisioner.db.schema import create_schema, downgrade, latest, stamp, upgrade, version
from provisioner.dbsync.command import main
from provisioner.dbsync.rotation import forget_old, prepare, rotate

__all__ = ["create_schema", "downgrade", "forget_old", "latest", "main", "prepare", "rotate",
           "stamp", "upgrade", "version"]
