"""What a step function gets to see and to do."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from provisioner.clock import Clock
from provisioner.db.fences import Fence
from provisioner.db.session import Database, Transaction
from provisioner_conductor.design_library import DesignLibrary
from provisioner_conductor.hardware import Hardware, Machine


@dataclasses.dataclass(frozen=True)
class Services:
    """What a conductor is made of; shared by its workers.

    :ivar hint: tells the conductors that tasks may be runnable; may be lost
    """

    conf: Any
    database: Database
    hardware: Hardware
    clock: Clock
    designs: DesignLibrary
    hint: Callable[..., None]


@dataclasses.dataclass(frozen=True)
class Context:
    """One call of one step.

    :ivar step: its row as of this call; ``step.result`` is what its last wait kept
    :ivar steps: all steps of the task; those done have their results
    :ivar node: the node's row, or None for a site task
    :ivar machine: the node's drivers, or None for a site task
    :ivar agent: row of the node's ramdisk agent, or None
    :ivar signals: all signals of the task, oldest first
    :ivar wake: the task's counter as it was before the signals were read, so that one which came
        later moves it
    :ivar now: database time when the call was recorded
    :ivar attempt: 1 for the first
    :ivar interrupted: a former call was cut off and the step said ``probe``: ask the hardware
        what has become of it before doing anything
    """

    services: Services
    fence: Fence
    task: sa.Row
    step: sa.Row
    steps: Sequence[sa.Row]
    node: sa.Row | None
    ports: Sequence[sa.Row]
    machine: Machine | None
    agent: sa.Row | None
    signals: Sequence[sa.Row]
    wake: int
    now: datetime.datetime
    attempt: int
    interrupted: bool

    @property
    def args(self) -> dict:
        return self.step.args

    @property
    def kept(self) -> dict:
        """What an earlier call of this step kept with its wait."""
        return self.step.result or {}

    @property
    def conf(self):
        """Options of the conductor group."""
        return self.services.conf.conductor

    def waited(self) -> float:
        """Seconds since the step's first start, in database time."""
        return (self.now - self.step.started_at).total_seconds() if self.step.started_at else 0.0

    def result_of(self, name: str) -> dict:
        """Result of the (last) step of that name that is done, or ``{}``."""
        found = [row.result for row in self.steps if row.name == name and row.result]
        return found[-1] if found else {}

    def fenced(self, function: Callable[[Transaction], Any]) -> Any:
        """Run ``function`` now, in a transaction that begins by locking this task's fence.

        :raises FenceLost: if the task has moved to another owner
        """
        def body(tx: Transaction):
            self.fence.lock(tx)
            return function(tx)
        return self.services.database.write(body)
