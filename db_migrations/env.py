"""What alembic runs for each of its commands.

The caller hands in a connection with an open transaction and commits it; the command line of
alembic, used to write revisions, names a database with ``-x database=URL``.
"""

import sqlalchemy as sa
from alembic import context

from provisioner.db import models


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=models.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _run_alone() -> None:
    engine = sa.create_engine(context.get_x_argument(as_dictionary=True)["database"])
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    _run_alone()
else:
    _run(given)
