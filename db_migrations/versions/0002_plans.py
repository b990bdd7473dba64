"""Saved plans.

Every statement may be run again: MariaDB commits each of them, so a run that was killed has left
some behind.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s"})
Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Texts are compared byte by byte, as on the other databases; InnoDB, for transactions.
_OPTIONS = {f"{dialect}_{key}": value for dialect in ("mysql", "mariadb") for key, value in (
    ("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))}

plans = sa.Table(
    "plans", metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("request_key", sa.String(255), unique=True),
    sa.Column("site", sa.String(255), nullable=False, index=True),
    sa.Column("design", sa.String(64), nullable=False, index=True),
    sa.Column("actions", Text, nullable=False),
    sa.Column("node_filter", Text),
    sa.Column("document", Text, nullable=False),
    sa.Column("world", Text, nullable=False),
    sa.Column("totals", Text, nullable=False),
    sa.Column("saved", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("task", sa.String(36)),
    sa.Column("user", sa.String(255)), sa.Column("project", sa.String(255)),
    sa.Column("created_at", Time, nullable=False),
    **_OPTIONS)


def upgrade():
    op.execute(sa.schema.CreateTable(plans, if_not_exists=True))
    for index in sorted(plans.indexes, key=lambda index: index.name):
        op.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def downgrade():
    op.execute(sa.schema.DropTable(plans, if_exists=True))
