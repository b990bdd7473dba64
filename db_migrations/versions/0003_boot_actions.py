"""Boot actions of deployed nodes, and the keys that those prove themselves with.

Every statement may be run again: MariaDB commits each of them, so a run that was killed has left
some behind.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s"})
Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Texts are compared byte by byte, as on the other databases; InnoDB, for transactions.
_OPTIONS = {f"{dialect}_{key}": value for dialect in ("mysql", "mariadb") for key, value in (
    ("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))}

node_keys = sa.Table(
    "node_keys", metadata,
    sa.Column("node_uuid", sa.String(36), primary_key=True),
    sa.Column("node_name", sa.String(255), nullable=False, index=True),
    sa.Column("task", sa.String(36), nullable=False),
    sa.Column("design", sa.String(64), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    **_OPTIONS)

boot_actions = sa.Table(
    "boot_actions", metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("action_id", sa.String(26), nullable=False, unique=True),
    sa.Column("node_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("task", sa.String(36), nullable=False, index=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("details", Text, nullable=False),
    sa.Column("created_at", Time, nullable=False), sa.Column("reported_at", Time),
    **_OPTIONS)


def upgrade():
    for table in (node_keys, boot_actions):
        op.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: index.name):
            op.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def downgrade():
    for table in (boot_actions, node_keys):
        op.execute(sa.schema.DropTable(table, if_exists=True))
