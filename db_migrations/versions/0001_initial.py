"""All tables of the first release.

A copy of what the models were then, which stays as it is when they move on. Every statement may
be run again: MariaDB commits each of them, so a run that was killed has left some behind.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})

# Texts are compared byte by byte, as on the other databases; InnoDB, for transactions.
_OPTIONS = {f"{dialect}_{key}": value for dialect in ("mysql", "mariadb") for key, value in (
    ("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))}


def _table(name, *columns):
    return sa.Table(name, metadata, *columns, **_OPTIONS)


def upgrade():
    for table in metadata.sorted_tables:
        op.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: index.name):
            op.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def downgrade():
    for table in reversed(metadata.sorted_tables):
        op.execute(sa.schema.DropTable(table, if_exists=True))


Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id():
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def _uuid(name="uuid", **kw):
    return sa.Column(name, sa.String(36), **kw)


def _json(name):
    return sa.Column(name, Text, nullable=False)


def _flag(name):
    return sa.Column(name, sa.Boolean(create_constraint=False), nullable=False)


INTERFACE_KINDS = ("bios", "boot", "console", "deploy", "firmware", "inspect", "management",
                   "network", "power", "raid", "rescue", "storage", "vendor")

_table(
    "conductors", _id(),
    _uuid("incarnation", nullable=False, unique=True),
    sa.Column("hostname", sa.String(255), nullable=False, index=True),
    sa.Column("conductor_group", sa.String(255), nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("lease_until", Time, nullable=False),
    _flag("dead"),
    sa.Column("dead_at", Time),
    sa.Column("live_name", sa.String(255), unique=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
    sa.Index("ix_conductors_dead_lease_until", "dead", "lease_until"))

_table(
    "conductor_drivers",
    _uuid("incarnation", primary_key=True),
    sa.Column("hardware_type", sa.String(255), primary_key=True),
    _json("interfaces"),
    _json("settings"))

_table(
    "secret_keys",
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    _flag("primary"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("primary_since", Time), sa.Column("retired_at", Time))

_table(
    "nodes", _id(), _uuid(nullable=False, unique=True),
    sa.Column("name", sa.String(255), unique=True),
    sa.Column("driver", sa.String(255), nullable=False, index=True),
    _json("driver_info"), _json("driver_internal_info"), _json("properties"),
    _json("instance_info"), _json("extra"), _json("network_data"),
    _uuid("instance_uuid", unique=True),
    sa.Column("instance_name", sa.String(255)),
    _uuid("chassis_uuid", index=True),
    sa.Column("provision_state", sa.String(32), nullable=False, index=True),
    sa.Column("target_provision_state", sa.String(32)),
    sa.Column("provision_updated_at", Time),
    sa.Column("power_state", sa.String(16)), sa.Column("target_power_state", sa.String(16)),
    sa.Column("last_error", Text),
    sa.Column("reservation", sa.String(255), index=True),
    _flag("maintenance"), sa.Column("maintenance_reason", Text),
    sa.Column("fault", sa.String(64), index=True),
    _flag("console_enabled"),
    sa.Column("inspection_started_at", Time), sa.Column("inspection_finished_at", Time),
    _json("clean_step"), _json("deploy_step"), _json("service_step"),
    _json("raid_config"), _json("target_raid_config"),
    *[sa.Column(f"{kind}_interface", sa.String(255)) for kind in INTERFACE_KINDS],
    sa.Column("resource_class", sa.String(80), index=True),
    sa.Column("conductor_group", sa.String(255), nullable=False, index=True),
    sa.Column("automated_clean", sa.Boolean(create_constraint=False)),
    _flag("protected"), sa.Column("protected_reason", Text),
    sa.Column("owner", sa.String(255), index=True), sa.Column("lessee", sa.String(255), index=True),
    sa.Column("description", Text),
    _flag("retired"), sa.Column("retired_reason", Text),
    sa.Column("boot_mode", sa.String(16)),
    sa.Column("secure_boot", sa.Boolean(create_constraint=False)),
    sa.Column("shard", sa.String(255), index=True),
    _uuid("parent_node", index=True),
    _flag("disable_power_off"),
    sa.Column("health", sa.String(16)),
    sa.Column("created_at", Time, nullable=False), sa.Column("updated_at", Time),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    _uuid("incarnation", index=True),
    _uuid("task", index=True),
    sa.Column("event_sequence", sa.BigInteger, nullable=False),
    sa.Column("power_read_at", Time, index=True),
    sa.Column("power_failures", sa.Integer, nullable=False))

_table(
    "node_traits",
    _uuid("node_uuid", primary_key=True),
    sa.Column("trait", sa.String(255), primary_key=True))

_table(
    "node_agents",
    _uuid("node_uuid", primary_key=True),
    sa.Column("url", sa.String(512)), sa.Column("version", sa.String(64)),
    sa.Column("token", Text),
    sa.Column("verify_ca", Text),
    sa.Column("last_heartbeat", Time),
    sa.Column("status", sa.String(16)), sa.Column("status_message", Text))

_table(
    "inventories",
    _uuid("node_uuid", primary_key=True),
    _json("inventory"), _json("plugin_data"),
    sa.Column("created_at", Time, nullable=False))

_table(
    "ports", _id(), _uuid(nullable=False, unique=True),
    _uuid("node_uuid", nullable=False, index=True),
    sa.Column("address", sa.String(18), nullable=False, unique=True),
    sa.Column("name", sa.String(255), unique=True),
    _json("extra"), _json("internal_info"), _json("local_link_connection"),
    sa.Column("pxe_enabled", sa.Boolean(create_constraint=False), nullable=False),
    _uuid("portgroup_uuid", index=True),
    sa.Column("physical_network", sa.String(64)),
    _flag("is_smartnic"),
    sa.Column("description", sa.String(255)), sa.Column("vendor", sa.String(32)),
    sa.Column("category", sa.String(80)),
    sa.Column("available_for_dynamic_portgroup", sa.Boolean(create_constraint=False),
              nullable=False),
    sa.Column("created_at", Time, nullable=False), sa.Column("updated_at", Time))

_table(
    "boot_scripts",
    sa.Column("address", sa.String(18), primary_key=True),
    _uuid("node_uuid", nullable=False, index=True),
    sa.Column("script", Text, nullable=False),
    sa.Column("updated_at", Time, nullable=False))

_table(
    "tasks", _id(), _uuid(nullable=False, unique=True),
    sa.Column("request_key", sa.String(255), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Column("request_id", sa.String(64)),
    _uuid("parent", index=True), _uuid("root", index=True),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("retry", sa.Integer, nullable=False),
    _uuid("node", index=True),
    sa.Column("node_name", sa.String(255)),
    sa.Column("site", sa.String(255), index=True),
    sa.Column("design", sa.String(64), index=True),
    sa.Column("design_ref", Text),
    sa.Column("node_filter", Text),
    _json("args"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("result", Text), sa.Column("error", Text),
    _flag("cancel"),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    _uuid("incarnation", index=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("wake", sa.BigInteger, nullable=False),
    sa.Column("due_at", Time),
    sa.Column("run_until", Time),
    sa.Column("wait_for", sa.String(64)), sa.Column("wait_late", Text),
    sa.Column("deadline", Time),
    sa.Column("event_sequence", sa.BigInteger, nullable=False),
    sa.Column("user", sa.String(255)), sa.Column("project", sa.String(255)),
    sa.Column("created_at", Time, nullable=False), sa.Column("started_at", Time),
    sa.Column("updated_at", Time), sa.Column("finished_at", Time),
    sa.UniqueConstraint("parent", "node", "action", "retry", name="uq_tasks_child"),
    sa.Index("ix_tasks_state_due_at", "state", "due_at"))

_table(
    "steps",
    _uuid("task", primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    _json("args"),
    sa.Column("event", sa.String(32)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("polls", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger),
    sa.Column("started_at", Time), sa.Column("deadline", Time), sa.Column("finished_at", Time),
    sa.Column("result", Text), sa.Column("error", Text))

_table(
    "signals", _id(),
    _uuid("task", nullable=False, index=True),
    sa.Column("kind", sa.String(64), nullable=False),
    _json("data"),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False))

_table(
    "events", _id(), _uuid(nullable=False, unique=True),
    _uuid("node", index=True), _uuid("task", index=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("message", Text, nullable=False),
    _json("data"),
    sa.Column("epoch", sa.BigInteger), _uuid("incarnation"),
    sa.Column("conductor", sa.String(255)),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False, index=True))

_table(
    "designs", _id(),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("parent", sa.String(64)),
    sa.Column("source", Text),
    sa.Column("documents", Text, nullable=False),
    _json("summary"), _json("findings"),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False))

_table(
    "sites", _id(),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("design", sa.String(64)),
    _uuid("locked_by"),
    sa.Column("created_at", Time, nullable=False), sa.Column("updated_at", Time))

_table(
    "build_data", _id(),
    sa.Column("node_name", sa.String(255), nullable=False, index=True),
    _uuid("task", index=True),
    sa.Column("generator", sa.String(255), nullable=False),
    sa.Column("data_format", sa.String(128), nullable=False),
    sa.Column("data_element", Text, nullable=False),
    sa.Column("created_at", Time, nullable=False))
