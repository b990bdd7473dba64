"""Tasks, findings and build data in the forms that Drydock's clients read."""

import datetime
import json

import sqlalchemy as sa

from provisioner import secrets
from provisioner.db import tasks
from provisioner.site.findings import ERROR, INFO, Finding
from provisioner_api.call import Call

API_VERSION = "v1.0"
_STATUS = {tasks.RUNNABLE: "queued", tasks.RUNNING: "running", tasks.WAITING: "running",
           tasks.SUCCEEDED: "complete", tasks.FAILED: "complete", tasks.PARKED: "complete",
           tasks.CANCELLED: "terminated"}
#: our verbs on one node -> Drydock's actions of its node driver
_ACTIONS = {"deploy": "deploy_node", "delete": "destroy_node", "inspect": "identify_node",
            "provide": "configure_hardware", "verify": "interrogate_oob",
            "relabel": "relabel_node", "report": "bootaction_report"}
_LEVELS = {"error": "Error", "warning": "Warning", "info": "Info"}


def moment(when: datetime.datetime | None) -> str | None:
    """A time (UTC) as Drydock writes it in tasks."""
    return str(when) if when is not None else None


def task(call: Call, row: sa.Row, children: list[str]) -> dict:
    """A task as Drydock knows it. :param children: uuids of its direct children"""
    cancelling = row.cancel and row.state not in tasks.ENDED
    cancelled = row.state == tasks.CANCELLED
    return {
        "kind": "Task", "apiVersion": "v1", "task_id": row.uuid,
        "action": _ACTIONS.get(row.action, row.action) if row.node else row.action,
        "parent_task_id": row.parent, "design_ref": design_ref(row),
        "status": "terminating" if cancelling else _STATUS[row.state],
        "result": result(call, row), "node_filter": row.node_filter,
        "subtask_id_list": children, "created": moment(row.created_at),
        "created_by": row.user, "updated": moment(row.updated_at),
        "terminated": moment(row.finished_at) if cancelled else None, "terminated_by": None,
        "terminate": bool(row.cancel or cancelled), "retry": row.retry}


def design_ref(row: sa.Row) -> str | None:
    """The task's reference, or one that this API takes for its pinned design."""
    if row.design_ref or not row.design:
        return row.design_ref
    return f"provisioner:{row.design}"


def result(call: Call, row: sa.Row) -> dict:
    """What came of a task so far. The counts are this task's own."""
    kept = row.result or {}
    messages = [_message(item, row) for item in kept.get("messages", [])]
    if row.error and not any(message["error"] for message in messages):
        messages.append(_error(row))
    successes, failures = kept.get("successes", []), kept.get("failures", [])
    if row.node_name and row.state == tasks.SUCCEEDED:
        successes = successes or [row.node_name]
    elif row.node_name and row.state in tasks.ENDED:
        failures = failures or [row.node_name]
    return {
        "kind": "Status", "apiVersion": API_VERSION, "metadata": {},
        "message": (row.error or {}).get("message"), "reason": (row.error or {}).get("code"),
        "status": _result_status(row, kept), "successes": successes, "failures": failures,
        "links": [{"rel": "detail_logs",
                   "href": call.link(f"api/{API_VERSION}/tasks", row.uuid, "builddata")}],
        "details": {"errorCount": sum(message["error"] for message in messages),
                    "messageList": messages}}


def _result_status(row: sa.Row, kept: dict) -> str:
    if row.state not in tasks.ENDED:
        return "incomplete"
    if kept.get("status"):
        return kept["status"]
    return "success" if row.state == tasks.SUCCEEDED else "failure"


def _message(item: dict, row: sa.Row) -> dict:
    return {"message": item.get("message", ""), "error": bool(item.get("error")),
            "context_type": item.get("context_type", "task"),
            "context": item.get("context", row.uuid),
            "ts": item.get("ts") or moment(row.updated_at),
            "extra": json.dumps(item.get("extra") or {})}


def _error(row: sa.Row) -> dict:
    text = f"{row.error.get('message', '')} {row.error.get('remedy') or ''}".strip()
    return _message({"message": text, "error": True,
                     "context_type": "node" if row.node else "task",
                     "context": row.node_name or row.uuid}, row)


def build_data(row: sa.Row) -> dict:
    return {"node_name": row.node_name, "task_id": row.task,
            "collected_date": moment(row.created_at), "generator": row.generator,
            "data_format": row.data_format, "data_element": row.data_element}


def validation(design, now: datetime.datetime) -> dict:
    """The answer to a validation: every finding, and an Info for each rule without an error."""
    stamp = f"{now.isoformat(sep=' ', timespec='microseconds')}+00:00"
    messages = [_finding(found, stamp) for found in design.findings]
    failed = {(found.code, found.title) for found in design.findings if found.severity == ERROR}
    messages += [_finding(Finding(code, title, INFO, "successful", ""), stamp)
                 for code, title in design.ran if (code, title) not in failed]
    errors = sum(message["error"] for message in messages)
    return {
        "kind": "Status", "apiVersion": API_VERSION, "metadata": {},
        "message": "Site Design validation " + ("succeeded" if design.valid else "failed"),
        "reason": None if design.valid else "Validation",
        "status": "Success" if design.valid else "Failure",
        "details": {"errorCount": errors, "messageList": secrets.mask(messages)},
        "code": 200 if design.valid else 400}


def _finding(found: Finding, stamp: str) -> dict:
    where = f" ({found.file}:{found.line})" if found.file else ""
    return {"kind": "ValidationMessage", "name": found.code,
            "message": f"{found.title}: {found.message}{where}",
            "error": found.severity == ERROR, "level": _LEVELS[found.severity],
            "diagnostic": found.remedy, "ts": stamp,
            "documents": [{"schema": schema, "name": name} for schema, name in found.documents]}
