"""Messages of a task: what people, and Drydock's clients, read of its result."""

from provisioner.db import tasks
from provisioner.steps import Done, Failed, Outcome
from provisioner_conductor.context import Context


def message(text: str, error: bool = False, name: str = "", kind: str = "node") -> dict:
    """One entry of a result's messages."""
    return {"message": text, "error": error, "context": name or "NA",
            "context_type": kind if name else "NA"}


def with_result(context: Context, result: dict, error: dict | None = None) -> Outcome:
    """The step is over, and this is the task's result."""
    def write(tx) -> None:
        tasks.update(tx, context.task.uuid, result=result)
    if error is not None:
        return Failed(error, result=result, write=write)
    return Done(result, write=write)
