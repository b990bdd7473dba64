"""Rules under the names that Drydock's operators have in their policy files."""

PREFIX = "physical_provisioner:"
REQUIRED = "rule:admin_required"
#: one for each action that may be asked for, besides ``create_task``
ACTIONS = ("validate_design", "verify_site", "prepare_site", "verify_nodes", "prepare_nodes",
           "deploy_nodes", "destroy_nodes", "relabel_nodes")

BASE = {"admin_required": ("rule:admin", "Everything below /api/v1.0.")}
RULES = {f"{PREFIX}{name}": (REQUIRED, text) for name, text in {
    "read_task": "See tasks.",
    "create_task": "Ask for an action; the rule of that action is asked as well.",
    "delete_tasks": "Remove tasks that ended long ago, or end one.",
    "read_build_data": "See what was learnt of nodes.",
    "read_data": "See nodes, designs, and which nodes a filter selects.",
    "ingest_data": "Store a site design.",
    "health_data": "See what is wrong with the service.",
    "validate_site_design": "Have a design checked.",
    **{action: f"Ask for {action}." for action in ACTIONS}}.items()}
