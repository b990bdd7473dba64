"""What an action would do to a site: design against what is known of the nodes. Pure.

Whoever asks hands in what he knows as plain data: for each node the fields that the design wants,
the fields that are there, and the verbs that would run. No secret comes in here: a secret field is
:data:`SECRET` on both sides when the values are equal, else :data:`OTHER` on the observed one.

A plan has two halves that must not be mixed up. *Changes* are what applying it does, so that a
plan applied leaves none. *Drift* is what differs and what none of its actions mends; a person
has to. The same input gives the same plan, in the same order.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.site.model import BaremetalNode, Site

VERSION = 1
#: the actions that change something, in the order in which they build a site up
BUILDING = ("prepare_site", "prepare_nodes", "deploy_nodes")
ACTIONS = (*BUILDING, "destroy_nodes")

ADD, UPDATE, REMOVE, REPLACE = "+", "~", "-", "-/+"
SECRET, OTHER = "(secret)", "(another secret)"
#: fields of the image that an instance was made from
IMAGE = "image/"

#: column and key of a node -> path in its effective body, where names differ
_NODE_PATHS = {
    "driver": ("oob", "type"), "extra/rack": ("metadata", "rack"),
    "extra/tags": ("metadata", "tags"), "extra/labels": ("metadata", "owner_data")}
_IMAGE_KEYS = {"driver_info/deploy_kernel": "kernel", "driver_info/deploy_ramdisk": "ramdisk",
               "driver_info/kernel_append_params": "kernel_params",
               "image/url": "url", "image/sha256": "sha256"}
_LOGIN = {"username": "account", "password": "credential"}


@dataclasses.dataclass(frozen=True)
class Origin:
    """The document and line that a wanted value comes from. :ivar line: 0 if unknown"""

    schema: str
    name: str
    file: str
    line: int


@dataclasses.dataclass(frozen=True)
class Change:
    """One field that applying the plan sets, changes or removes.

    :ivar change: ``+``, ``~``, ``-`` or ``-/+``
    :ivar before: None if the field is not there
    """

    change: str
    field: str
    before: Any
    after: Any
    destroys_data: bool = False
    origin: Origin | None = None


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb that would run, with the steps of its flow.

    :ivar action: the site action that runs it
    :ivar steps: ``{"name", "args"}`` each, in order
    """

    action: str
    verb: str
    steps: tuple[Mapping[str, Any], ...] = ()
    reboots: int = 0
    destroys_data: bool = False


@dataclasses.dataclass(frozen=True)
class Blocked:
    """Why an action cannot do its part on a node, and what a person can do."""

    action: str
    message: str
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class Drift:
    """Something that is not as the design wants it, and that this plan leaves alone."""

    field: str
    expected: Any
    observed: Any
    remedy: str
    origin: Origin | None = None


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is known of a node. A node that is not known has none.

    :ivar fields: ``column`` or ``column/key`` to value
    :ivar image: ``image/...`` fields of the instance on it; empty without an instance
    :ivar drift: what else is not as it should be
    """

    uuid: str
    provision_state: str
    fields: Mapping[str, Any]
    image: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drift: tuple[Drift, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What the design wants of a node, and what would run on it.

    :ivar fields: as :attr:`Seen.fields`, those that the design names
    :ivar writes: whether the actions bring the node's fields to what is wanted
    :ivar provision_state: in which the verbs leave it; None if it is not known then
    :ivar image: ``image/...`` fields after the verbs
    :ivar wanted_image: ``image/...`` fields that the design wants; empty if it names none
    """

    fields: Mapping[str, Any]
    writes: bool
    provision_state: str | None
    image: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    wanted_image: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    verbs: tuple[Verb, ...] = ()
    blocked: Blocked | None = None


@dataclasses.dataclass(frozen=True)
class NodePlan:
    """What happens to one node."""

    node: str
    uuid: str | None
    change: str | None
    before: str | None
    after: str | None
    changes: tuple[Change, ...] = ()
    verbs: tuple[Verb, ...] = ()
    blocked: Blocked | None = None
    drift: tuple[Drift, ...] = ()

    @property
    def reboots(self) -> int:
        return sum(verb.reboots for verb in self.verbs)

    @property
    def destroys_data(self) -> bool:
        return any(item.destroys_data for item in (*self.verbs, *self.changes))

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say about the node."""
        return not (self.changes or self.verbs or self.blocked or self.drift)


@dataclasses.dataclass(frozen=True)
class Wish:
    """What was asked for. :ivar actions: of :data:`ACTIONS`, in the order in which they run"""

    site: str
    design: str
    actions: tuple[str, ...]
    node_filter: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """:ivar nodes: those about which there is something to say, by name
    :ivar considered: how many nodes were looked at
    """

    wish: Wish
    changes: tuple[Change, ...]
    nodes: tuple[NodePlan, ...]
    considered: int

    @property
    def empty(self) -> bool:
        """Whether applying it would do nothing."""
        return not self.changes and not any(node.changes or node.verbs for node in self.nodes)

    def totals(self) -> dict[str, int]:
        """Counts of nodes, and the reboots of all of them together."""
        by_change = [node.change for node in self.nodes]
        return {"nodes": self.considered, "create": by_change.count(ADD),
                "update": by_change.count(UPDATE), "replace": by_change.count(REPLACE),
                "destroy": by_change.count(REMOVE),
                "blocked": sum(node.blocked is not None for node in self.nodes),
                "drifted": sum(bool(node.drift) for node in self.nodes),
                "destroys_data": sum(node.destroys_data for node in self.nodes),
                "reboots": sum(node.reboots for node in self.nodes)}

    def as_dict(self) -> dict:
        """Plain data, the contract of ``version`` 1: keys are added, never changed."""
        return {"version": VERSION, "site": self.wish.site, "design": self.wish.design,
                "actions": list(self.wish.actions),
                "node_filter": self.wish.node_filter, "empty": self.empty,
                "changes": [_plain(item) for item in self.changes],
                "nodes": [_node_dict(node) for node in self.nodes], "totals": self.totals()}


def _node_dict(node: NodePlan) -> dict:
    return {"node": node.node, "uuid": node.uuid, "change": node.change,
            "provision_state": {"before": node.before, "after": node.after},
            "destroys_data": node.destroys_data, "reboots": node.reboots,
            "changes": [_plain(item) for item in node.changes],
            "verbs": [{**vars(verb), "steps": list(verb.steps)} for verb in node.verbs],
            "blocked": dict(vars(node.blocked)) if node.blocked else None,
            "drift": [_plain(item) for item in node.drift]}


def _plain(item: Change | Drift) -> dict:
    """As data; values are shared, not copied: there may be very many."""
    return {**vars(item), "origin": dict(vars(item.origin)) if item.origin else None}


def make(site: Site, wish: Wish, seen: Mapping[str, Seen], outlooks: Mapping[str, Outlook],
         locked: str | None) -> Plan:
    """The plan for the nodes that ``outlooks`` has.

    :param seen: known nodes by name; those without an outlook are of the site, not of the design
    :param locked: digest of the design that the site has now
    """
    changes = ()
    if "prepare_site" in wish.actions and locked != wish.design:
        changes = (Change(UPDATE if locked else ADD, "design", locked, wish.design),)
    plans = [_planned(site.node(name), site, seen.get(name), outlook, wish)
             for name, outlook in outlooks.items()]
    strangers = [NodePlan(name, node.uuid, None, node.provision_state, node.provision_state,
                          drift=(_stranger(name), *node.drift))
                 for name, node in seen.items() if name not in outlooks]
    told = sorted((item for item in [*plans, *strangers] if not item.quiet),
                  key=lambda item: item.node)
    return Plan(wish, changes, tuple(told), len(outlooks))


def _stranger(name: str) -> Drift:
    return Drift("node", None, name, "The design does not have this node. Destroy and delete it, "
                 "or put it into the design.")


def _planned(node: BaremetalNode, site: Site, seen: Seen | None, outlook: Outlook,
             wish: Wish) -> NodePlan:
    differences = _differences(node, site, seen, outlook)
    unwritten = [] if outlook.writes else differences
    changes = [*(differences if outlook.writes else ()), *_image_changes(node, site, seen, outlook)]
    drift = [*_field_drift(unwritten, seen), *_image_drift(node, site, seen, outlook),
             *(seen.drift if seen else ())]
    before = seen.provision_state if seen else None
    return NodePlan(
        node.name, seen.uuid if seen else None, _symbol(seen, outlook, changes), before,
        outlook.provision_state, tuple(changes), outlook.verbs, outlook.blocked,
        tuple(sorted(drift, key=lambda item: item.field)))


def _symbol(seen: Seen | None, outlook: Outlook, changes: Iterable[Change]) -> str | None:
    """What happens to the node as a whole."""
    kinds = {item.change for item in changes}
    if seen is None:
        return ADD if outlook.writes else None
    if REPLACE in kinds:
        return REPLACE
    if seen.image and not outlook.image:
        return REMOVE
    return UPDATE if kinds or outlook.verbs else None


def _differences(node: BaremetalNode, site: Site, seen: Seen | None,
                 outlook: Outlook) -> list[Change]:
    """Fields that the design names and that are not as it wants them."""
    there = seen.fields if seen else {}
    found = []
    for field, wanted in sorted(outlook.fields.items()):
        if field not in there:
            kind, before = ADD, None
        elif there[field] != wanted:
            kind, before = UPDATE, there[field]
        else:
            continue
        found.append(Change(kind, field, before, wanted, origin=origin_of(site, node, field)))
    return found


def _image_changes(node: BaremetalNode, site: Site, seen: Seen | None,
                   outlook: Outlook) -> list[Change]:
    """What the verbs do to the instance. A replaced one is replaced in all its fields."""
    if not any(verb.verb in ("deploy", "rebuild", "delete") for verb in outlook.verbs):
        return []
    before, after = seen.image if seen else {}, outlook.image
    found = []
    for field in sorted({*before, *after}):
        old, new = before.get(field), after.get(field)
        if field in before and field in after:
            kind = REPLACE
        else:
            kind = ADD if field in after else REMOVE
        origin = origin_of(site, node, field) if field in after else None
        found.append(Change(kind, field, old, new, kind != ADD, origin))
    return found


def _field_drift(differences: Iterable[Change], seen: Seen | None) -> list[Drift]:
    """Differences that stay because no action of the plan writes nodes."""
    if seen is None:
        return []
    return [Drift(item.field, item.after, item.before,
                  "Plan with prepare_site among the actions.", item.origin)
            for item in differences]


def _image_drift(node: BaremetalNode, site: Site, seen: Seen | None,
                 outlook: Outlook) -> list[Drift]:
    """An instance that is there, stays, and is not of the image that the design names."""
    field = IMAGE + "sha256"
    if seen is None or not seen.image or field not in outlook.wanted_image or not outlook.image:
        return []
    have, wanted = outlook.image.get(field), outlook.wanted_image[field]
    if have == wanted:
        return []
    return [Drift(field, wanted, have, "Plan with deploy_nodes among the actions, and apply it.",
                  origin_of(site, node, field))]


def origin_of(site: Site, node: BaremetalNode, field: str) -> Origin | None:
    """Where a wanted field of a node comes from; its own document if it is made of several."""
    if site.origins is None:
        return None
    if field in _IMAGE_KEYS and node.image:
        place = site.at("Image", node.image, _IMAGE_KEYS[field])
    elif field == "properties/capabilities" and node.hardware_profile:
        place = site.at("HardwareProfile", node.hardware_profile, "boot_mode")
    else:
        place = site.at("BaremetalNode", node.name, *_path(node, field))
    schema, name = place.owner or (place.schema, place.name)
    return Origin(schema, name, place.file, place.line)


def _bmc_path(node: BaremetalNode) -> tuple:
    """Path of the address that the BMC has."""
    index = next((index for index, item in enumerate(node.addressing)
                  if item.address == node.bmc_address), None)
    return ("addressing",) if index is None else ("addressing", index, "address")


def _path(node: BaremetalNode, field: str) -> tuple:
    column, _, key = field.partition("/")
    if field in _NODE_PATHS:
        return _NODE_PATHS[field]
    if column == "ports":
        return ("metadata", "boot_mac")
    if column == "driver_info":
        short = key.removeprefix(f"{node.oob_type}_")
        if short == "address":
            return _bmc_path(node)
        return ("oob", _LOGIN.get(short, key))
    return ()
