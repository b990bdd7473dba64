"""What a node of a site needs next. Pure: a site action and rows in, a verb out."""

import dataclasses
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from provisioner import states
from provisioner.drivers.base import HardwareType
from provisioner.site.model import BaremetalNode, Image, Site

#: columns of a node that say what it needs next: those that are read here, and its hardware type
READS = ("name", "driver", "provision_state", "instance_info", "inspect_interface")


@dataclasses.dataclass(frozen=True)
class Start:
    """Start this verb on the node. :ivar instance: ``instance_info`` to set before"""

    verb: str
    instance: Mapping | None = None


@dataclasses.dataclass(frozen=True)
class Reached:
    """Nothing is left to do. :ivar note: why, if nothing was ever done"""

    note: str = ""


@dataclasses.dataclass(frozen=True)
class Stuck:
    """The node cannot get there from where it is; ``remedy`` says what a person can do."""

    message: str
    remedy: str


@dataclasses.dataclass(frozen=True)
class OwnImage:
    """An image that the deploying service has itself, under this name."""

    name: str


#: what a node is to be deployed with
Wanted = Image | OwnImage | None


def image_for(hardware_type: HardwareType, site: Site,
              node: BaremetalNode) -> Wanted:
    """The node's image; by its name alone where a bootstrapper deploys, which has its own."""
    if node.image and hardware_type.interface("deploy", None).external:
        return OwnImage(node.image)
    return site.image_of(node)


Next = Start | Reached | Stuck

_PREPARE = {states.ENROLL: "manage", states.INSPECT_FAILED: "inspect",
            states.CLEAN_FAILED: "manage", states.ADOPT_FAILED: "manage"}
_PREPARED = frozenset({states.AVAILABLE, states.ACTIVE, states.DEPLOY_FAILED})
_DEPLOY_FROM = frozenset({states.AVAILABLE, states.DEPLOY_FAILED})
#: states in which an instance is, or may be, on the machine
INSTANCE_STATES = frozenset({
    states.ACTIVE, states.DEPLOY_FAILED, states.DEPLOY_WAIT, states.ERROR, states.RESCUE,
    states.RESCUE_FAILED, states.SERVICE_FAILED})


def instance_info(image: Image | OwnImage) -> dict:
    """What the deploy interface needs to know of an image."""
    if isinstance(image, OwnImage):
        return {"image_source": image.name}
    return {"image_source": image.url, "image_os_hash_algo": "sha256",
            "image_os_hash_value": image.sha256, "image_disk_format": image.disk_format}


@dataclasses.dataclass(frozen=True)
class Aim:
    """What a node of a site is to become.

    :ivar rebuild: whether an instance of another image may be deleted for the one wanted; only
        a plan, which has shown what that destroys, may say so
    :ivar rebootstrap: whether a destroyed node is prepared and deployed again
    :ivar reports: whether boot actions report once the node is deployed
    """

    image: Wanted = None
    rebuild: bool = False
    rebootstrap: bool = False
    reports: bool = False


#: actions that are one verb on each node
_SINGLE = {"verify_nodes": "verify", "relabel_nodes": "relabel", "bootaction_report": "report"}


def following(action: str, node: sa.Row, done: Iterable[str], aim: Aim) -> Next:
    """What ``node`` needs next for a site action.

    :param done: verbs that children of this task have carried out on it already
    """
    done = set(done)
    if action in _SINGLE:
        return Reached() if _SINGLE[action] in done else Start(_SINGLE[action])
    if action == "destroy_nodes" and aim.rebootstrap:
        wanted = _again(node, done, aim.image)
    else:
        wanted = next_for(action, node, done, aim.image, aim.rebuild)
    # A verb of its own: to wait for a report again is not to deploy again.
    reported = not aim.reports or "report" in done or "deploy" not in done
    if isinstance(wanted, Reached) and not reported:
        return Start("report")
    return wanted


def _again(node: sa.Row, done: set[str], image: Wanted) -> Next:
    """Destroy, prepare, deploy; what this task has done is not undone by it."""
    if not done & {"delete", "deploy"}:
        step = _destroy(node, done)
        if not isinstance(step, Reached):
            return step
    if "deploy" not in done:
        step = _prepare(node, done)
        if not isinstance(step, Reached):
            return step
    return _deploy(node, done, image, False)


def next_for(action: str, node: sa.Row, done: Iterable[str], image: Wanted,
             rebuild: bool = False) -> Next:
    """What ``node`` needs next to be prepared, deployed or destroyed."""
    done = set(done)
    if action == "prepare_nodes":
        return _prepare(node, done)
    if action == "deploy_nodes":
        return _deploy(node, done, image, rebuild)
    return _destroy(node, done)


def _stuck(node: sa.Row, wanted: str) -> Stuck:
    return Stuck(f"Node {node.name} is {node.provision_state}; that does not lead to {wanted}.",
                 "Bring it back with the verb that its state allows, then retry the task.")


def _prepare(node: sa.Row, done: set[str]) -> Next:
    state = node.provision_state
    if state in _PREPARED:
        return Reached("" if done else "already prepared")
    if state == states.MANAGEABLE:
        blind = node.inspect_interface == "no-inspect"
        return Start("provide" if blind or "inspect" in done else "inspect")
    if state in _PREPARE:
        return Start(_PREPARE[state])
    return _stuck(node, states.AVAILABLE)


def _deploy(node: sa.Row, done: set[str], image: Wanted, rebuild: bool) -> Next:
    state = node.provision_state
    if state == states.ACTIVE:
        return _deployed(node, done, image, rebuild)
    if image is None:
        return Stuck(f"The design gives node {node.name} no image.",
                     "Set platform.image in its host profile, and define that image.")
    if state in _DEPLOY_FROM:
        return Start("deploy", instance_info(image))
    return Stuck(f"Node {node.name} is {state}, not {states.AVAILABLE}.",
                 "Run prepare_nodes first.")


def _deployed(node: sa.Row, done: set[str], image: Wanted, rebuild: bool) -> Next:
    told = instance_info(image) if image else {}
    key = "image_source" if isinstance(image, OwnImage) else "image_os_hash_value"
    wanted, have = told.get(key), node.instance_info.get(key)
    if wanted in (None, have):
        return Reached("" if done else "already deployed")
    if rebuild and not done & {"delete", "deploy"}:
        return Start("delete")
    return Stuck(f"Node {node.name} is active with another image than the design names.",
                 "Make a plan and apply it, or run destroy_nodes first; both destroy its data.")


def _destroy(node: sa.Row, done: set[str]) -> Next:
    state = node.provision_state
    if state in INSTANCE_STATES:
        return Start("delete")
    if state in (states.AVAILABLE, states.MANAGEABLE, states.ENROLL):
        return Reached("" if done else "not deployed")
    return _stuck(node, states.AVAILABLE)
