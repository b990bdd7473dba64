"""Boot actions of a node: its key and config drive before the deployment, its reports after it."""

import secrets as random_secrets
from collections.abc import Sequence

import sqlalchemy as sa

from provisioner import exceptions, references
from provisioner.db import agents, boot_actions
from provisioner.db.boot_actions import FAILURE, INCOMPLETE, Deployment, NewAction
from provisioner.site import assets
from provisioner.site.model import BaremetalNode, BootAction, Site
from provisioner.steps import REPEAT, Done, Outcome, Wait, step
from provisioner_conductor import cloud_config, config_drive, network_data
from provisioner_conductor.context import Context
from provisioner_conductor.messages import message, with_result

#: Crockford's base 32, in which a ULID is written
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(milliseconds: int) -> str:
    """A new ULID: 48 bits of time, 80 random ones, 26 characters."""
    number = (milliseconds << 80) | random_secrets.randbits(80)
    return "".join(_BASE32[number >> shift & 31] for shift in range(125, -5, -5))


@step("bootaction.context", on_interrupt=REPEAT, run_limit=120)
def give(context: Context) -> Outcome:
    """Give the node a key, rows for its boot actions, and user data that holds the key.

    Repeating makes a new key, and nothing has left for the machine yet. Everything is rendered
    once: what cannot be is found before a disk is touched.
    """
    design = context.services.designs.get(context.args["design"])
    node = design.site.node(context.node.name)
    key = random_secrets.token_bytes(32)
    now = int(context.now.timestamp() * 1000)
    actions = [(action, ulid(now)) for action in assets.of_node(design.site, node.name)]
    packages = _rendered(context, design, actions, key.hex())
    url = f"{api_url(context)}/bootactions/nodes/{node.name}" if actions else None
    user_data = cloud_config.build(url, key.hex(), packages, _authorized(design.site))
    new = Deployment(context.node.uuid, node.name, context.task.uuid, context.args["design"], key,
                     context.conf.node_key_lifetime)
    rows = [NewAction(ident, action.name, action.signaling) for action, ident in actions]

    network = _network(context, design.site, node)

    def write(tx) -> None:
        boot_actions.begin(tx, new, rows)
    drive = _sealed(context, node, user_data, network.document)
    return Done({"boot_actions": [action.name for action, _ in actions],
                 "network": "as designed" if network.document else "left to the image",
                 "unknown_devices": network.missing}, write=write,
                node={"instance_info": {**context.node.instance_info, "configdrive": drive}})


def api_url(context: Context) -> str:
    """Base of the site API, as deployed nodes reach it."""
    base = context.conf.node_api_url or context.conf.ramdisk_api_url
    return f"{base.rstrip('/')}/api/v1.0"


def _authorized(site: Site) -> list[str]:
    return [key for region in site.regions.values() for key in region.authorized_keys]


def _rendered(context: Context, design, actions: Sequence[tuple[BootAction, str]],
              key: str) -> dict[str, str | None]:
    """Render everything for its errors; the packages, of which later ones win."""
    options = context.services.conf.api

    def fetch(uri: str) -> bytes:
        return references.fetch(uri, options.design_file_roots, options.design_http_hosts)
    packages: dict[str, str | None] = {}
    node = design.site.node(context.node.name)
    for action, ident in actions:
        variables = assets.context(design.site, node, assets.Reporting(
            ident, key, f"{api_url(context)}/bootactions/", f"provisioner:{design.digest}"))
        for _ in assets.rendered(action, (assets.UNIT, assets.FILE), variables, fetch):
            pass
        packages.update(assets.packages(action, variables, fetch))
    return packages


def _network(context: Context, site: Site, node: BaremetalNode) -> network_data.Told:
    with context.services.database.reader() as tx:
        found = agents.inventory(tx, context.node.uuid)
    return network_data.build(site, node, found.inventory if found else {})


def _sealed(context: Context, node: BaremetalNode, user_data: str, network: dict | None):
    """What ``instance_info`` keeps: a whole drive for the ramdisk, else the user data alone."""
    hardware, driver = context.services.hardware, context.node.driver
    if not context.machine.interface("deploy").needs_agent:
        return {"user_data": hardware.seal(driver, {"configdrive": user_data})["configdrive"]}
    drive = config_drive.build({
        "uuid": context.node.uuid, "name": node.name, "hostname": node.fqdn,
        "meta": dict(node.owner_data)}, user_data, network)
    return hardware.seal(driver, {"configdrive": drive})["configdrive"]


@step("bootaction.delivered", on_interrupt=REPEAT)
def delivered(context: Context) -> Outcome:
    """The machine has its key: the service keeps no copy of it."""
    kept = {key: value for key, value in context.node.instance_info.items()
            if key != "configdrive"}
    return Done(node={"instance_info": kept})


@step("bootaction.report", on_interrupt=REPEAT)
def report(context: Context) -> Outcome:
    """Wait until every signaling boot action of the last deployment has reported its end."""
    with context.services.database.reader() as tx:
        rows = boot_actions.newest(tx, context.node.uuid)
    late = [row.name for row in rows if row.status == INCOMPLETE]
    failed = [row.name for row in rows if row.status == FAILURE]
    messages = [entry for row in rows for entry in _told(row)]
    if late and not failed:
        until = context.conf.bootaction_timeout
        return Wait("boot actions", until=until, poll=min(30.0, until),
                    result={"messages": messages},
                    late=f"Boot actions {', '.join(late)} have not reported within {until} s. "
                         "Look at the machine: cloud-init's log, and systemctl status of the "
                         "units.")
    result = {"messages": messages, "boot_actions": {row.name: row.status for row in rows}}
    if not failed:
        return with_result(context, result)
    error = exceptions.RequestRefused(
        f"Boot actions {', '.join(failed)} have failed: "
        f"{'; '.join(entry['message'] for entry in messages if entry['error'])}",
        remedy="Look at the machine, mend what they complain about, then retry the task.",
        node=context.node.uuid).as_dict()
    return with_result(context, result, error)


def _told(row: sa.Row) -> list[dict]:
    """What a node has said of a boot action, and how it stands."""
    said = [{**message(entry["message"], bool(entry.get("error")), row.action_id, "bootaction"),
             "extra": {key: value for key, value in entry.items()
                       if key not in ("message", "error")}} for entry in row.details]
    return [*said, message(f"Boot action {row.name}: {row.status}", row.status == FAILURE,
                           row.action_id, "bootaction")]
