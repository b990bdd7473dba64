"""The commands given to one agent: listed in order, carried out one at a time.

A command that takes time runs as a task of its own; while it runs, any other is refused.
"""

import asyncio
import dataclasses
import uuid

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"


class CommandError(Exception):
    """A command that failed; becomes ``command_error`` or, if it never began, the HTTP answer.

    :ivar status: an outcome other than ``FAILED``, such as ``CLEAN_VERSION_MISMATCH``
    """

    def __init__(self, kind: str, message: str, code: int = 500, status: str = FAILED):
        super().__init__(message)
        self.kind, self.code, self.status = kind, code, status

    def as_dict(self) -> dict:
        return {"type": self.kind, "code": self.code, "message": self.kind,
                "details": str(self)}


@dataclasses.dataclass
class Command:
    """One command.

    :ivar name: without its extension, as the protocol shows it
    """

    name: str
    params: dict
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    status: str = RUNNING
    error: dict | None = None
    result: dict | None = None
    task: asyncio.Task | None = None

    def as_dict(self) -> dict:
        return {"id": self.id, "command_name": self.name, "command_params": self.params,
                "command_status": self.status, "command_error": self.error,
                "command_result": self.result}


class Commands:
    """All commands of one agent since it booted.

    :param ended: called with each command when it has ended
    """

    def __init__(self, ended):
        self._ended = ended
        self._all: dict[str, Command] = {}

    def find(self, command_id: str) -> Command | None:
        return self._all.get(command_id)

    def listing(self) -> list[dict]:
        return [command.as_dict() for command in self._all.values()]

    def start(self, name: str, params: dict, run) -> Command:
        """Begin ``run()``, a coroutine function that returns the result.

        :raises CommandError: another command is still running (409)
        """
        busy = next((one for one in self._all.values() if one.status == RUNNING), None)
        if busy is not None:
            raise CommandError("AgentIsBusy", f"executing command {busy.name}", 409)
        command = Command(name, params)
        self._all[command.id] = command
        command.task = asyncio.get_running_loop().create_task(self._run(command, run))
        return command

    async def cancel(self) -> None:
        """The agent dies: what runs is cut off where it is."""
        tasks = [one.task for one in self._all.values() if not one.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, command, run):
        try:
            command.result = await run()
            command.status = SUCCEEDED
        except CommandError as error:
            command.error, command.status = error.as_dict(), error.status
        self._ended(command)
