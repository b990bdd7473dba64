"""What a flow declares."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from provisioner import exceptions
from provisioner.steps import StepSpec


@dataclasses.dataclass(frozen=True)
class Request:
    """What a plan is made from. Nothing here has touched hardware.

    :ivar node: row, or None for a site action
    :ivar args: of the request
    :ivar conf: options of the conductor group
    :ivar interface: ``(kind) -> Interface`` of the node
    """

    node: sa.Row | None
    args: dict
    conf: Any
    interface: Callable[[str], Any] | None = None


@dataclasses.dataclass(frozen=True)
class Flow:
    """A verb or an action.

    :ivar plan: the step list; stored with the task, so it is made once. Raises ``Invalid`` for
        requests that cannot be right
    :ivar provision: whether the verb moves the provision state
    :ivar event: state machine event fired when the task is accepted
    :ivar final: event fired when it has succeeded
    :ivar fault: ``nodes.fault`` when it fails; the node then goes to maintenance
    :ivar validates: kinds of interface whose settings are checked when it is accepted
    :ivar keeps: arguments that become part of the node's ``instance_info``
    """

    action: str
    plan: Callable[[Request], Sequence[StepSpec]]
    provision: bool = True
    event: str | None = None
    final: str | None = "done"
    fault: str | None = None
    validates: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    maintenance: bool = True
    site: bool = False

    def refuse(self, node: Any) -> None:
        """Raise if a flag of the node forbids this verb.

        :raises InMaintenance: :raises NodeProtected:
        """
        if node.maintenance and not self.maintenance:
            raise exceptions.InMaintenance(
                f"The {self.action} operation can't be performed on node {node.uuid} because "
                "it's in maintenance mode.", node=node.uuid)
        if node.protected and self.action in ("rebuild", "delete"):
            raise exceptions.NodeProtected(f"Node {node.name or node.uuid} is protected.",
                                           node=node.uuid)

    def final_event(self, task: sa.Row) -> str | None:
        """The event that ends this task, or None."""
        return task.args.get("final_event", self.final) if self.provision else None
