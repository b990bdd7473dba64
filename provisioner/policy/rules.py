"""The rules and their defaults, as data; operators change them in ``policy.yaml``.

Names are those of the Bare Metal API where it has one. The rules ``reads_node``, ``uses_node`` and
``owns_node`` look at the node's ``owner`` and ``lessee``; without a node they match nobody.
"""

from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from provisioner import exceptions
from provisioner.context import RequestContext
from provisioner.policy import drydock

ADMIN = "rule:admin"
READER = "rule:system_reader"
READ_NODE = "rule:system_reader or rule:reads_node"
USE_NODE = "rule:system_member or rule:uses_node"
OWN_NODE = "rule:system_member or rule:owns_node"
PUBLIC = "@"

_BASE = {
    "admin": ("is_admin:True or role:admin or role:service", "Everything."),
    "system_member": ("rule:admin or (role:member and system_scope:all)",
                      "Works on every node."),
    "system_reader": ("rule:system_member or (role:reader and system_scope:all)",
                      "Sees every node."),
    "reads_node": ("role:reader and (project_id:%(owner)s or project_id:%(lessee)s)",
                   "Sees the nodes its project owns or leases."),
    "uses_node": ("role:member and (project_id:%(owner)s or project_id:%(lessee)s)",
                  "Works on the nodes its project owns or leases."),
    "owns_node": ("role:member and project_id:%(owner)s",
                  "Changes the nodes its project owns."),
}

_RULES = {
    "baremetal:node:create": (ADMIN, "Enroll a node."),
    "baremetal:node:list": ("role:reader or rule:system_reader",
                            "List nodes; without the next rule only those of one's project."),
    "baremetal:node:list_all": (READER, "List the nodes of all projects."),
    "baremetal:node:get": (READ_NODE, "Know that a node exists, and see it."),
    "baremetal:node:update": (OWN_NODE, "Change a node's fields."),
    "baremetal:node:update:owner": ("rule:system_member", "Give a node to a project."),
    "baremetal:node:delete": (ADMIN, "Remove a node."),
    "baremetal:node:validate": (USE_NODE, "Check a node's settings."),
    "baremetal:node:get_states": (READ_NODE, "See a node's states."),
    "baremetal:node:set_maintenance": (OWN_NODE, "Set the maintenance flag."),
    "baremetal:node:clear_maintenance": (OWN_NODE, "Clear the maintenance flag."),
    "baremetal:node:set_power_state": (USE_NODE, "Switch a machine."),
    "baremetal:node:set_provision_state": (USE_NODE, "Ask for a provision verb."),
    "baremetal:node:get_boot_device": (OWN_NODE, "Read the boot device."),
    "baremetal:node:set_boot_device": (OWN_NODE, "Set the boot device."),
    "baremetal:node:inject_nmi": (OWN_NODE, "Send a non-maskable interrupt."),
    "baremetal:node:traits:list": (READ_NODE, "See a node's traits."),
    "baremetal:node:traits:set": (OWN_NODE, "Change a node's traits."),
    "baremetal:node:vif:list": (READ_NODE, "See attached virtual interfaces."),
    "baremetal:node:vif:attach": (USE_NODE, "Attach a virtual interface."),
    "baremetal:node:vif:detach": (USE_NODE, "Detach a virtual interface."),
    "baremetal:node:bios:get": (READ_NODE, "See BIOS settings."),
    "baremetal:node:firmware:get": (READ_NODE, "See firmware versions."),
    "baremetal:node:inventory:get": (READ_NODE, "See what inspection found."),
    "baremetal:node:history:get": (READ_NODE, "See what has happened to a node."),
    "baremetal:node:vendor_passthru": (ADMIN, "Call a driver's own methods."),
    "baremetal:port:get": (READ_NODE, "See a node's ports."),
    "baremetal:port:list": ("role:reader or rule:system_reader", "List ports."),
    "baremetal:port:create": (OWN_NODE, "Add a port to a node."),
    "baremetal:port:update": (OWN_NODE, "Change a port."),
    "baremetal:port:delete": (OWN_NODE, "Remove a port."),
    "baremetal:driver:get": ("role:reader or rule:system_reader", "See drivers."),
    "baremetal:driver:get_properties": (READER, "See a driver's settings."),
    "baremetal:conductor:get": (READER, "See conductors."),
    "provisioner:metrics:get": (READER, "Read the figures of /metrics."),
    "provisioner:design:get": (READER, "See site designs."),
    "provisioner:design:create": (ADMIN, "Store a site design."),
    "provisioner:design:delete": (ADMIN, "Remove a site design."),
    "provisioner:lock:change": (ADMIN, "Lock a design for a site, or unlock it."),
    "provisioner:plan:get": (READER, "See plans."),
    "provisioner:plan:create": (READER, "Ask what an action would do to a site."),
    "provisioner:plan:delete": (ADMIN, "Remove a saved plan."),
    "provisioner:plan:apply": (ADMIN, "Have done what a plan says."),
    "provisioner:task:get": (READER, "See tasks and events of all sites."),
    "provisioner:task:create": (ADMIN, "Ask for an action on a site."),
    "provisioner:task:change": (ADMIN, "Cancel, retry, resume, skip or fail a task."),
    "provisioner:node:explain": (READ_NODE, "Ask why a node is where it is."),
}


def list_rules() -> list[policy.RuleDefault]:
    """Every rule with its default, for the enforcer and ``oslopolicy-sample-generator``."""
    return [policy.RuleDefault(name, check, text)
            for name, (check, text) in {
                **_BASE, **drydock.BASE, **_RULES, **drydock.RULES}.items()]


def enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """The rules of this configuration: defaults, and what ``policy.yaml`` changes."""
    made = policy.Enforcer(conf)
    made.register_defaults(list_rules())
    return made


def get_enforcer() -> policy.Enforcer:
    """For the tools of oslo.policy, which name no configuration."""
    conf = cfg.ConfigOpts()
    conf([], project="provisioner")
    return enforcer(conf)


def allowed(rules: policy.Enforcer, rule: str, context: RequestContext,
            target: Mapping[str, Any] | None = None) -> bool:
    """Whether the caller may.

    :param target: the node's ``owner`` and ``lessee``
    :raises oslo_policy.policy.PolicyNotRegistered: for a rule that nobody has declared
    """
    # A node without an owner must not match a caller without a project.
    known = {key: value for key, value in (target or {}).items() if value is not None}
    return bool(rules.authorize(rule, known, context.credentials()))


def authorize(rules: policy.Enforcer, rule: str, context: RequestContext,
              target: Mapping[str, Any] | None = None) -> None:
    """As :func:`allowed`. :raises Forbidden: if not"""
    if not allowed(rules, rule, context, target):
        raise exceptions.Forbidden(f"Access was denied by policy: {rule}.",
                                   remedy="Ask for a role that this rule names.", rule=rule)
