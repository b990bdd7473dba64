"""Build data: what an inspection has found of a node, one record for each source."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from provisioner.db import build_data
from provisioner.db.build_data import Record
from provisioner.db.session import Transaction

_JSON = "application/json"
#: sources that send text of a kind of its own
_FORMATS = {"lshw": "text/xml", "lldp_raw": _JSON}


def keep(tx: Transaction, node: sa.Row, task: str, inventory: Mapping[str, Any],
         plugin_data: Mapping[str, Any]) -> None:
    """Add records of an inventory and of what came with it. History is kept."""
    for generator, content in {"inventory": inventory, **plugin_data}.items():
        if content:
            text = isinstance(content, str)
            format_ = _FORMATS.get(generator, "text/plain") if text else _JSON
            build_data.add(tx, Record(
                node.name or node.uuid, generator[:255], format_,
                content if text else json.dumps(content, sort_keys=True), task))
