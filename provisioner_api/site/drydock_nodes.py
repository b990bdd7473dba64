"""``/api/v1.0/nodes``: machines and what was learnt of them, for Drydock's clients."""

import sqlalchemy as sa

from provisioner.db import build_data, nodes
from provisioner.db.models import ports
from provisioner.db.session import Transaction
from provisioner_api import arguments
from provisioner_api.arguments import Argument
from provisioner_api.call import Answer, Call
from provisioner_api.site import drydock_views

_ADDRESSES = ("ipmi_address", "redfish_address", "address")


def index(call: Call) -> Answer:
    """All nodes in two queries; nothing is asked of any machine."""
    call.authorize()
    arguments.none(call)
    with call.services.database.reader() as tx:
        rows = nodes.find(tx, nodes.NodeFilter(), nodes.Page(limit=100000), columns=(
            "name", "properties", "provision_state", "power_state", "driver_info"))
        macs = _boot_macs(tx)
    return Answer(200, [_view(row, macs.get(row.uuid)) for row in rows])


def _boot_macs(tx: Transaction) -> dict[str, str]:
    """The first port of each node that boots from the network."""
    found: dict[str, str] = {}
    for row in tx.all(sa.select(ports.c.node_uuid, ports.c.address).where(
            ports.c.pxe_enabled.is_(True)).order_by(ports.c.id)):
        found.setdefault(row.node_uuid, row.address)
    return found


def _view(row: sa.Row, boot_mac: str | None) -> dict:
    info, properties = row.driver_info, row.properties
    address = next((info[name] for name in _ADDRESSES if isinstance(info.get(name), str)), None)
    power = (row.power_state or "unknown").removeprefix("power ")
    return {"hostname": row.name or row.uuid, "memory": properties.get("memory_mb"),
            "cpu_count": properties.get("cpus"), "status_name": row.provision_state,
            "boot_mac": boot_mac, "power_state": power, "power_address": address,
            "boot_ip": None}


def builddata(call: Call, hostname: str) -> Answer:
    """What was learnt of a node; 404 without a body if nothing was."""
    call.authorize()
    given = arguments.query(call, {"latest": Argument("bool", 0)})
    with call.services.database.reader() as tx:
        records = build_data.of_node(tx, hostname, given.get("latest", False))
    if not records:
        return Answer(404, None)
    return Answer(200, [drydock_views.build_data(record) for record in records])
