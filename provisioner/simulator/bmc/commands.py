"""The command table of a BMC: which privilege each command needs and what it answers.

A command is a function of one :class:`Call`; it returns the response data without completion
code, or raises :class:`Completion`. Adding one: decorate a function in the module of its network
function.
"""

import dataclasses
import types

from provisioner.simulator.bmc import rmcp

CALLBACK, USER, OPERATOR, ADMINISTRATOR = 1, 2, 3, 4

OK = 0x00
PARAMETER_NOT_SUPPORTED = 0x80
PRIVILEGE_LIMIT = 0x81
INVALID_COMMAND = 0xC1
REQUEST_TRUNCATED = 0xC7
PARAMETER_OUT_OF_RANGE = 0xC9
NOT_PRESENT = 0xCB
INVALID_DATA = 0xCC
INSUFFICIENT_PRIVILEGE = 0xD4
NOT_IN_THIS_STATE = 0xD5


class Completion(Exception):
    """A completion code other than success (table 5-2)."""

    def __init__(self, code: int):
        super().__init__(f"completion code {code:#04x}")
        self.code = code


@dataclasses.dataclass
class Call:
    """One command being carried out.

    :ivar bmc: the :class:`provisioner.simulator.bmc.server.Bmc`
    :ivar session: ``None`` outside of a session
    :ivar args: what the log says of the request; the command fills it in
    :ivar changes: true if the command is of a kind that changes the machine
    """

    bmc: object
    session: object
    data: bytes
    name: str = "unknown"
    args: dict = dataclasses.field(default_factory=dict)
    changes: bool = False


@dataclasses.dataclass(frozen=True)
class Command:
    name: str
    privilege: int | None
    changes: bool
    run: object


class Table:
    """Commands of one network function, by number."""

    def __init__(self, netfn: int):
        self.netfn = netfn
        self._commands = {}

    def command(self, number: int, privilege: int | None = USER, *, changes: bool = False):
        """Decorator: the function's name is the command's.

        :param privilege: least privilege that may call it; ``None``: also outside of a session
        """
        def register(function):
            self._commands[number] = Command(function.__name__, privilege, changes, function)
            return function
        return register

    @property
    def commands(self) -> types.MappingProxyType:
        return types.MappingProxyType(self._commands)


def execute(tables: dict, message: rmcp.Message, call: Call) -> tuple[int, bytes]:
    """Look ``message`` up, check the privilege, run it: (completion code, response data)."""
    table = tables.get(message.netfn)
    command = table.commands.get(message.command) if table else None
    if command is None:
        call.name = f"unknown_{message.netfn:02x}_{message.command:02x}"
        return INVALID_COMMAND, b""
    call.name, call.changes = command.name, command.changes
    if not _allowed(command, call.session):
        return INSUFFICIENT_PRIVILEGE, b""
    try:
        return OK, command.run(call)
    except Completion as refused:
        return refused.code, b""
    except (IndexError, ValueError):
        return REQUEST_TRUNCATED, b""


def _allowed(command, session):
    if command.privilege is None:
        return True
    return session is not None and session.privilege >= command.privilege
