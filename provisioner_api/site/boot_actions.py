"""What a deployed node asks for itself: its boot actions, and what the design says of it.

No user is involved: the node proves itself by the key that its deployment brought, which opens
nothing but this, for this node, until it expires.
"""

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator

import sqlalchemy as sa

from provisioner import exceptions, references
from provisioner.db import boot_actions, designs, nodes, signals
from provisioner.site import assets
from provisioner.site.effective import Design
from provisioner_api import arguments
from provisioner_api.call import Answer, Call, is_name, ok
from provisioner_api.site import bodies, ingest, introspection

KEY = "X-Bootaction-Key"
#: bytes of an archive that are held in memory; more go to a temporary file
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 16
_TYPES = {"units": assets.UNIT, "files": assets.FILE}
_STATUSES = ("Failure", "Success", "failure", "success")
_REPORT = {
    "type": "object", "additionalProperties": False,
    "properties": {
        "status": {"enum": list(_STATUSES)},
        "details": {"type": "array", "maxItems": 100, "items": {
            "type": "object", "required": ["message", "error"],
            "properties": {"message": {"type": "string", "maxLength": 4096},
                           "error": {"type": "boolean"}}}}}}
_ACTION_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def _key(call: Call) -> bytes:
    """The key that the request brings. :raises Unauthenticated: :raises Forbidden:"""
    if not call.services.conf.api.enable_node_endpoints:
        raise exceptions.Forbidden("The endpoints of deployed nodes are disabled.",
                                   remedy="Set [api] enable_node_endpoints.")
    given = call.headers.get(KEY, "")
    if not given:
        raise exceptions.Unauthenticated(f"{KEY} is missing.",
                                         remedy="Send the node's key, in hexadecimal.")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise _refused()
    return bytes.fromhex(given)


def _refused() -> exceptions.Forbidden:
    return exceptions.Forbidden("The key is not this node's, or has expired.",
                                remedy="Each deployment brings a new key.")


def _admitted(call: Call, hostname: str) -> sa.Row:
    """The row of the key of the node that asks for itself.

    :raises NotFound: no node of that name has a key
    """
    key = _key(call)
    with call.services.database.reader() as tx:
        row = boot_actions.key_of(tx, hostname) if is_name(hostname) else None
        if row is None:
            raise exceptions.NotFound(f"Node {hostname[:64]} could not be found.")
        if not boot_actions.admits(tx, row, key):
            raise _refused()
    return row


def _design(call: Call, row: sa.Row) -> Design:
    with call.services.database.reader() as tx:
        found = designs.get(tx, row.design)
    if found is None:
        raise exceptions.NotFound(f"Design {row.design[:12]} of this deployment is gone.",
                                  remedy="Create it again.")
    return ingest.effective_sites.of(found, call.services.box)


def archive(call: Call, hostname: str, kind: str) -> Answer:
    """``units`` or ``files`` of a node's boot actions as tar.gz, with its SHA-256."""
    if kind not in _TYPES:
        raise exceptions.NotFound(f"Nodes have no {kind[:32]}.", remedy="Ask units or files.")
    row = _admitted(call, hostname)
    arguments.none(call)
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed once it is sent
    _pack(file, _rendered(call, row, _TYPES[kind]))
    size, digest = file.tell(), _sha256(file)
    suffix = "-unit.tar.gz" if kind == "units" else "-file.tar.gz"
    return Answer(200, _stream(file), {
        "Content-Disposition": f'attachment; filename="{row.node_name}{suffix}"',
        "Content-Length": str(size), "X-Content-SHA256": digest,
        "Cache-Control": "no-store"}, "application/gzip")


def _rendered(call: Call, row: sa.Row, kind: str) -> Iterator[assets.Asset]:
    """The node's assets of one type, over all of its boot actions."""
    design, options = _design(call, row), call.services.conf.api
    with call.services.database.reader() as tx:
        idents = {found.name: found.action_id for found in boot_actions.of_task(tx, row.task)}

    def fetch(uri: str) -> bytes:
        return references.fetch(uri, options.design_file_roots, options.design_http_hosts)
    node = design.site.node(row.node_name)
    for action in assets.of_node(design.site, row.node_name):
        if action.name in idents:
            variables = assets.context(design.site, node, assets.Reporting(
                idents[action.name], call.headers[KEY].lower(),
                call.link("api/v1.0/bootactions/"), f"provisioner:{row.design}"))
            yield from assets.rendered(action, (kind,), variables, fetch)


def _pack(file, found: Iterator[assets.Asset]) -> None:
    """A tar.gz of GNU's kind: absolute names, owned by root."""
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for asset in found:
            member = tarfile.TarInfo()
            # Assigned, not given: the constructor is for names that are cleaned on reading only.
            member.name, member.size, member.mode = asset.path, len(asset.content), asset.mode
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(asset.content))
    file.seek(0, io.SEEK_END)


def _sha256(file) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _stream(file) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def report(call: Call, action_id: str) -> Answer:
    """``POST /bootactions/<id>``: messages of a boot action, and how it ended.

    :raises Conflict: if its end was reported before
    """
    key, ident = _key(call), action_id.upper()
    known = ident if _ACTION_ID.fullmatch(ident) else ""
    with call.services.database.reader() as tx:
        _check_reporter(tx, boot_actions.get(tx, known), key)
    body = bodies.document(call, _REPORT)
    status = body.get("status", "").lower() or None

    def write(tx):
        row = boot_actions.get(tx, known)
        _check_reporter(tx, row, key)
        row = boot_actions.report(tx, known, status, body.get("details", []))
        node = nodes.by_uuid(tx, row.node_uuid)
        woken = node is not None and node.task is not None and signals.send(
            tx, node.task, "bootaction", {"action_id": row.action_id, "status": row.status})
        return row, node, woken
    row, node, woken = call.services.database.write(write)
    if woken:
        call.services.conductor_client.hint(node.task)
    return ok({"node_name": node.name if node else None, "action_id": row.action_id,
               "action_name": row.name, "task_id": row.task, "action_status": row.status})


def _check_reporter(tx, row: sa.Row | None, key: bytes) -> None:
    """:raises NotFound: :raises Forbidden: unless the key is that of the action's deployment"""
    if row is None:
        raise exceptions.NotFound("There is no such boot action.")
    known = boot_actions.key_of(tx, row.node_uuid)
    if known is None or known.task != row.task or not boot_actions.admits(tx, known, key):
        raise _refused()


def describe(call: Call, hostname: str) -> Answer:
    """``GET /api/v1.1/introspection/<hostname>``: what the design says of the node that asks."""
    row = _admitted(call, hostname)
    arguments.none(call)
    with call.services.database.reader() as tx:
        own = boot_actions.of_task(tx, row.task)
    design = _design(call, row)
    body = introspection.describe(design.site, design.site.node(row.node_name))
    return Answer(200, {
        **body, "uuid": row.node_uuid, "design": row.design,
        "report_url": call.link("api/v1.0/bootactions/"),
        "boot_actions": [{"action_id": found.action_id, "name": found.name,
                          "status": found.status} for found in own]},
        {"Cache-Control": "no-store"})
