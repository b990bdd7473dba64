"""The tables, without queries.

Rows are read as SQLAlchemy Core rows: immutable named tuples that outlive their transaction.
Every table with a paging order has an integer ``id``; everything else is named by uuid. Times are
UTC without zone, written and compared in database time.
"""

import json
import uuid as uuidlib

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"})


class Json(sa.types.TypeDecorator):
    """JSON as text, the same on every database; SQL NULL is None."""

    impl = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else json.dumps(value, sort_keys=True)

    def process_result_value(self, value, dialect):
        return None if value is None else json.loads(value)


Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def new_uuid() -> str:
    return str(uuidlib.uuid4())


def _id():
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def _uuid(name="uuid", **kw):
    return sa.Column(name, sa.String(36), **kw)


def _json(name, default):
    """A JSON object (``{}``) or list (``[]``) that is never NULL."""
    return sa.Column(name, Json, nullable=False, default=default)


def _flag(name):
    return sa.Column(name, sa.Boolean(create_constraint=False), nullable=False, default=False)


INTERFACE_KINDS = ("bios", "boot", "console", "deploy", "firmware", "inspect", "management",
                   "network", "power", "raid", "rescue", "storage", "vendor")

conductors = sa.Table(
    "conductors", metadata, _id(),
    _uuid("incarnation", nullable=False, unique=True),
    sa.Column("hostname", sa.String(255), nullable=False, index=True),
    sa.Column("conductor_group", sa.String(255), nullable=False, default=""),
    sa.Column("weight", sa.Integer, nullable=False, default=1),
    sa.Column("lease_until", Time, nullable=False),
    _flag("dead"),
    sa.Column("dead_at", Time),
    # the hostname until declared dead, then NULL: two processes of one name cannot both live
    sa.Column("live_name", sa.String(255), unique=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
    sa.Index("ix_conductors_dead_lease_until", "dead", "lease_until"))

#: what a conductor offers: one row per hardware type, facts that API processes answer from
conductor_drivers = sa.Table(
    "conductor_drivers", metadata,
    _uuid("incarnation", primary_key=True),
    sa.Column("hardware_type", sa.String(255), primary_key=True),
    _json("interfaces", dict),      # {kind: [names, default first]}
    _json("settings", dict))        # {name: {help, required, secret, kind, default, choices}}

#: fingerprints of the keys that secrets are sealed with; the keys themselves are never here
secret_keys = sa.Table(
    "secret_keys", metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    _flag("primary"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("primary_since", Time),       # NULL for a key that has not sealed yet
    sa.Column("retired_at", Time))          # nothing is sealed with it; it must not come back

nodes = sa.Table(
    "nodes", metadata, _id(), _uuid(nullable=False, unique=True),
    sa.Column("name", sa.String(255), unique=True),
    sa.Column("driver", sa.String(255), nullable=False, index=True),
    _json("driver_info", dict), _json("driver_internal_info", dict), _json("properties", dict),
    _json("instance_info", dict), _json("extra", dict), _json("network_data", dict),
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
    _json("clean_step", dict), _json("deploy_step", dict), _json("service_step", dict),
    _json("raid_config", dict), _json("target_raid_config", dict),
    *[sa.Column(f"{kind}_interface", sa.String(255)) for kind in INTERFACE_KINDS],
    sa.Column("resource_class", sa.String(80), index=True),
    sa.Column("conductor_group", sa.String(255), nullable=False, default="", index=True),
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
    # The fence (see fences.py). "owner" is a project in the Bare Metal API, so the owning
    # conductor's column is called after what it holds: an incarnation.
    sa.Column("epoch", sa.BigInteger, nullable=False, default=0),
    _uuid("incarnation", index=True),
    _uuid("task", index=True),
    sa.Column("event_sequence", sa.BigInteger, nullable=False, default=0),
    sa.Column("power_read_at", Time, index=True),
    sa.Column("power_failures", sa.Integer, nullable=False, default=0))

node_traits = sa.Table(
    "node_traits", metadata,
    _uuid("node_uuid", primary_key=True),
    sa.Column("trait", sa.String(255), primary_key=True))

node_agents = sa.Table(
    "node_agents", metadata,
    _uuid("node_uuid", primary_key=True),
    sa.Column("url", sa.String(512)), sa.Column("version", sa.String(64)),
    sa.Column("token", Text),           # sealed
    sa.Column("verify_ca", Text),
    sa.Column("last_heartbeat", Time),
    sa.Column("status", sa.String(16)), sa.Column("status_message", Text))

inventories = sa.Table(
    "inventories", metadata,
    _uuid("node_uuid", primary_key=True),
    _json("inventory", dict), _json("plugin_data", dict),
    sa.Column("created_at", Time, nullable=False))

ports = sa.Table(
    "ports", metadata, _id(), _uuid(nullable=False, unique=True),
    _uuid("node_uuid", nullable=False, index=True),
    sa.Column("address", sa.String(18), nullable=False, unique=True),
    sa.Column("name", sa.String(255), unique=True),
    _json("extra", dict), _json("internal_info", dict), _json("local_link_connection", dict),
    sa.Column("pxe_enabled", sa.Boolean(create_constraint=False), nullable=False, default=True),
    _uuid("portgroup_uuid", index=True),
    sa.Column("physical_network", sa.String(64)),
    _flag("is_smartnic"),
    sa.Column("description", sa.String(255)), sa.Column("vendor", sa.String(32)),
    sa.Column("category", sa.String(80)),
    sa.Column("available_for_dynamic_portgroup", sa.Boolean(create_constraint=False),
              nullable=False, default=True),
    sa.Column("created_at", Time, nullable=False), sa.Column("updated_at", Time))

#: what firmware fetches, by MAC address, rendered by a step
boot_scripts = sa.Table(
    "boot_scripts", metadata,
    sa.Column("address", sa.String(18), primary_key=True),
    _uuid("node_uuid", nullable=False, index=True),
    sa.Column("script", Text, nullable=False),
    sa.Column("updated_at", Time, nullable=False))

tasks = sa.Table(
    "tasks", metadata, _id(), _uuid(nullable=False, unique=True),
    sa.Column("request_key", sa.String(255), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Column("request_id", sa.String(64)),
    _uuid("parent", index=True), _uuid("root", index=True),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("retry", sa.Integer, nullable=False, default=0),
    _uuid("node", index=True),
    sa.Column("node_name", sa.String(255)),
    sa.Column("site", sa.String(255), index=True),
    sa.Column("design", sa.String(64), index=True),
    sa.Column("design_ref", Text),
    sa.Column("node_filter", Json),
    _json("args", dict),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("result", Json), sa.Column("error", Json),
    _flag("cancel"),
    # who runs it; for a task without a node this is its own fence
    sa.Column("epoch", sa.BigInteger, nullable=False, default=0),
    _uuid("incarnation", index=True),
    sa.Column("version", sa.BigInteger, nullable=False, default=0),
    sa.Column("wake", sa.BigInteger, nullable=False, default=0),
    sa.Column("due_at", Time),
    sa.Column("run_until", Time),
    sa.Column("wait_for", sa.String(64)), sa.Column("wait_late", Text),
    sa.Column("deadline", Time),
    sa.Column("event_sequence", sa.BigInteger, nullable=False, default=0),
    sa.Column("user", sa.String(255)), sa.Column("project", sa.String(255)),
    sa.Column("created_at", Time, nullable=False), sa.Column("started_at", Time),
    sa.Column("updated_at", Time), sa.Column("finished_at", Time),
    sa.UniqueConstraint("parent", "node", "action", "retry", name="uq_tasks_child"),
    sa.Index("ix_tasks_state_due_at", "state", "due_at"))

steps = sa.Table(
    "steps", metadata,
    _uuid("task", primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    _json("args", dict),
    sa.Column("event", sa.String(32)),
    sa.Column("state", sa.String(16), nullable=False, default="pending"),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("polls", sa.Integer, nullable=False, default=0),
    sa.Column("epoch", sa.BigInteger),
    sa.Column("started_at", Time), sa.Column("deadline", Time), sa.Column("finished_at", Time),
    sa.Column("result", Json), sa.Column("error", Json))

signals = sa.Table(
    "signals", metadata, _id(),
    _uuid("task", nullable=False, index=True),
    sa.Column("kind", sa.String(64), nullable=False),
    _json("data", dict),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False))

events = sa.Table(
    "events", metadata, _id(), _uuid(nullable=False, unique=True),
    _uuid("node", index=True), _uuid("task", index=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False, default="info"),
    sa.Column("message", Text, nullable=False),
    _json("data", dict),
    sa.Column("epoch", sa.BigInteger), _uuid("incarnation"),
    sa.Column("conductor", sa.String(255)),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False, index=True))

designs = sa.Table(
    "designs", metadata, _id(),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("parent", sa.String(64)),
    sa.Column("source", Text),
    sa.Column("documents", Text, nullable=False),
    _json("summary", dict), _json("findings", list),
    sa.Column("user", sa.String(255)),
    sa.Column("created_at", Time, nullable=False))

sites = sa.Table(
    "sites", metadata, _id(),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("design", sa.String(64)),
    _uuid("locked_by"),
    sa.Column("created_at", Time, nullable=False), sa.Column("updated_at", Time))

#: what an action would do, as somebody has seen it; applied once, if nothing has moved since
plans = sa.Table(
    "plans", metadata, _id(), _uuid(nullable=False, unique=True),
    sa.Column("request_key", sa.String(255), unique=True),
    sa.Column("site", sa.String(255), nullable=False, index=True),
    sa.Column("design", sa.String(64), nullable=False, index=True),
    _json("actions", list),
    sa.Column("node_filter", Json),
    _json("document", dict), _json("world", dict), _json("totals", dict),
    _flag("saved"),
    _uuid("task"),                          # that applies it
    sa.Column("user", sa.String(255)), sa.Column("project", sa.String(255)),
    sa.Column("created_at", Time, nullable=False))

build_data = sa.Table(
    "build_data", metadata, _id(),
    sa.Column("node_name", sa.String(255), nullable=False, index=True),
    _uuid("task", index=True),
    sa.Column("generator", sa.String(255), nullable=False),
    sa.Column("data_format", sa.String(128), nullable=False),
    sa.Column("data_element", Text, nullable=False),
    sa.Column("created_at", Time, nullable=False))

#: what a deployed node proves itself with; the key itself is on the node only
node_keys = sa.Table(
    "node_keys", metadata,
    _uuid("node_uuid", primary_key=True),
    sa.Column("node_name", sa.String(255), nullable=False, index=True),
    _uuid("task", nullable=False),
    sa.Column("design", sa.String(64), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False),    # SHA-256
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("created_at", Time, nullable=False))

#: what deployed nodes do at their first boot, one row for each deployment and boot action
boot_actions = sa.Table(
    "boot_actions", metadata, _id(),
    sa.Column("action_id", sa.String(26), nullable=False, unique=True),     # ULID
    _uuid("node_uuid", nullable=False, index=True),
    _uuid("task", nullable=False, index=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    _json("details", list),
    sa.Column("created_at", Time, nullable=False), sa.Column("reported_at", Time))
