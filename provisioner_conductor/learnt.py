"""What an inspection has found of a node: build data, a record for each source, and its links."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.db import build_data, ports
from provisioner.db.build_data import Record
from provisioner.db.session import Transaction
from provisioner_conductor import lldp

_JSON = "application/json"
#: sources that send text of a kind of its own
_FORMATS = {"lshw": "text/xml", "lldp_raw": _JSON}


def keep(tx: Transaction, node: sa.Row, task: str, inventory: Mapping[str, Any],
         plugin_data: Mapping[str, Any]) -> None:
    """Add records of an inventory and of what came with it, and where its ports hang.

    History is kept. What people wrote of a port's link stays.
    """
    _links(tx, node, inventory)
    for generator, content in {"inventory": inventory, **plugin_data}.items():
        if content:
            text = isinstance(content, str)
            format_ = _FORMATS.get(generator, "text/plain") if text else _JSON
            build_data.add(tx, Record(
                node.name or node.uuid, generator[:255], format_,
                content if text else json.dumps(content, sort_keys=True), task))


def _links(tx: Transaction, node: sa.Row, inventory: Mapping[str, Any]) -> None:
    heard = {str(entry.get("mac_address")).lower(): lldp.local_link(entry.get("lldp"))
             for entry in inventory.get("interfaces") or []}
    for port in ports.of_node(tx, node.uuid):
        link = heard.get(port.address)
        if link and not port.local_link_connection:
            with contextlib.suppress(exceptions.Changed):  # somebody wrote it just now
                ports.update(tx, port, {"local_link_connection": link})
