"""What would run on a node: the verbs and steps of site actions, played through without acting.

The decisions are those of :mod:`progress`, step lists and refusals those of the flows and drivers:
what is foreseen here is what would run, as long as nobody touches the node.
"""

import types
from collections.abc import Callable, Sequence
from typing import Any

from provisioner import exceptions, states
from provisioner.site import plan
from provisioner.steps import StepSpec
from provisioner_conductor import flows, progress
from provisioner_conductor.flows.base import Flow, Request
from provisioner_conductor.orders import Orders

#: verbs that take what is on a machine's disks, whatever their steps are called
_DESTROYING = frozenset({"deploy", "rebuild", "delete"})
#: steps that do, in verbs that need not
_DESTROYING_STEPS = frozenset({"agent.plan_clean"})


#: how often a bootstrapper brings a machine up: into its own system, and into the installed one
_EXTERNAL_BOOTS = {"commission": 1, "deploy": 2, "rescue": 1, "unrescue": 1}


class Foresight:
    """Plays verbs through on copies of nodes.

    :param conf: options of the conductor group
    :param orders: what verbs are told of the design
    """

    def __init__(self, hardware: Any, conf: Any, actions: Sequence[str], orders: Orders):
        self._hardware = hardware
        self._conf = conf
        self._actions = actions
        self._orders = orders

    def of(self, node: types.SimpleNamespace, ports: Sequence[Any], aim: progress.Aim
           ) -> tuple[list[plan.Verb], plan.Blocked | None]:
        """The verbs that would run, and what keeps an action from its end, if anything does.

        :param node: columns of the node; changed to what the verbs leave behind
        """
        verbs: list[plan.Verb] = []
        for action in self._actions:
            blocked = self._play(action, node, ports, aim, verbs)
            if blocked is not None:
                return verbs, blocked
        return verbs, None

    def _play(self, action: str, node: types.SimpleNamespace, ports: Sequence[Any],
              aim: progress.Aim, verbs: list[plan.Verb]) -> plan.Blocked | None:
        while True:
            done = [verb.verb for verb in verbs]
            following = progress.following(action, node, done, aim)
            if isinstance(following, progress.Reached):
                return None
            if isinstance(following, progress.Stuck):
                return plan.Blocked(action, following.message, following.remedy)
            if following.verb in done:
                return plan.Blocked(
                    action, f"Node {node.name} would need {following.verb} twice.",
                    "Plan fewer actions at once.")
            try:
                verbs.append(self._verb(action, node, ports, following))
            except exceptions.ProvisionerError as error:
                return plan.Blocked(action, error.message, error.remedy)

    def _verb(self, action: str, node: types.SimpleNamespace, ports: Sequence[Any],
              following: progress.Start) -> plan.Verb:
        """Play one verb. :raises ProvisionerError: as accepting it would"""
        flow = flows.get(following.verb)
        if following.instance is not None:
            node.instance_info = dict(following.instance)
        flow.refuse(node)
        self._hardware.validate(node, ports, flow.validates)
        steps = flow.plan(Request(node, self._orders.of(node.name, flow.action), self._conf,
                                  self._interface(node)))
        _move(node, flow, steps)
        return plan.Verb(
            action, flow.action, tuple({"name": step.name, "args": step.args} for step in steps),
            power_cycles(steps), destroys(flow, steps))

    def _interface(self, node: types.SimpleNamespace) -> Callable[[str], Any]:
        return lambda kind: self._hardware.interface(node, kind)


def power_cycles(steps: Sequence[StepSpec]) -> int:
    """How often the steps bring the machine up."""
    up = (states.POWER_ON, states.REBOOT, states.SOFT_REBOOT)
    external = sum(external_boots(step) for step in steps)
    return external + sum(step.name == "power.reset"
               or (step.name == "power.set" and step.args.get("target") in up) for step in steps)


def external_boots(step: StepSpec) -> int:
    """How often a bootstrapper brings the machine up for one of its verbs."""
    if step.name != "external.run":
        return 0
    erases = step.args["verb"] == "release" and step.args.get("erase")
    return 1 if erases else _EXTERNAL_BOOTS.get(step.args["verb"], 0)


def destroys(flow: Flow, steps: Sequence[StepSpec]) -> bool:
    """Whether what is on the disks is lost."""
    return flow.action in _DESTROYING or any(
        step.name in _DESTROYING_STEPS or _erases(step) for step in steps)


def _erases(step: StepSpec) -> bool:
    if step.name == "external.run":
        return bool(step.args.get("erase"))
    return str((step.args.get("step") or {}).get("step", "")).startswith("erase_")


def _move(node: types.SimpleNamespace, flow: Flow, steps: Sequence[StepSpec]) -> None:
    """Bring the copy to where the verb leaves the node. :raises InvalidState:"""
    if not flow.provision:
        return
    events = [flow.event, *(step.event for step in steps if step.event)]
    state, target = node.provision_state, node.target_provision_state
    for event in events:
        state, target = states.next_state(state, event, target)
    if state not in states.STABLE:
        state, target = states.next_state(state, flow.final, target)
    node.provision_state, node.target_provision_state = state, target
    if node.fault and state in states.STABLE:
        node.fault, node.maintenance = None, False
    if flow.action == "delete":
        node.instance_info = {}
