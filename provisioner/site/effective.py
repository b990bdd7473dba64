"""The effective site of a set of documents: a pure function, with the origin of every value.

Whatever the documents are, this gives a site and findings. A document that breaks the schema of
its kind, or a host whose profiles cannot be followed, is left out and listed in ``Site.broken``,
so that checks do not complain again about what is missing because of it.
"""

import dataclasses
from typing import Any, NamedTuple

from provisioner.exceptions import Invalid
from provisioner.site import build, filters, inherit, schema
from provisioner.site.documents import KINDS, Document, Documents
from provisioner.site.findings import ERROR, WARNING, Finding, Place, Rule, has_errors, ordered
from provisioner.site.model import Network, Route, Site

_DUPLICATE = Rule("PR0002", "Duplicate Document", WARNING,
                  "Remove or rename one of them; the first one counts.")
_INHERITANCE = Rule("PR3001", "Host Profile Inheritance", ERROR,
                    "Name a host profile that exists, without going round in circles.")
_TARGETS = Rule("PR4001", "Bootaction Node Filter", WARNING,
                "Give every filter and filter set a type, 'intersection' or 'union'.")
_DOMAIN = Rule("PR2008", "Route Domain Size", ERROR, "Split the domain.")
#: Routes grow with the square of a domain's networks.
MAX_DOMAIN = 500


class Origin(NamedTuple):
    """The document and line that a value comes from."""

    schema: str
    name: str
    source: str
    line: int
    column: int


class Origins:
    """Where objects and effective values stand."""

    def __init__(self):
        self.documents: dict[tuple[str, str], Document] = {}
        self.trees: dict[tuple[str, str], inherit.Branch] = {}

    def place(self, kind: str, name: str, path: tuple = ()) -> Place:
        """Place of a value; a host's is under the host's name, wherever it stands."""
        document = self.documents.get((kind, name))
        if document is None:
            return Place(KINDS.get(kind, kind), name)
        tree = self.trees.get((kind, name))
        if tree is None or not path:
            return document.place(path)
        there, path = inherit.find(tree, path)
        owner = None if there is document else (there.schema, there.name)
        return Place(document.schema, name, there.source, *there.position(path), owner)

    def of(self, kind: str, name: str) -> dict[str, Origin]:
        """Every effective value of a host: path with slashes to origin."""
        found = {}
        for path, leaf in inherit.leaves(self.trees[(kind, name)]):
            key = "/".join(_segment(part) for part in path)
            found[key] = _origin(leaf.document, leaf.path)
        return found

    def data(self, kind: str, name: str) -> Any:
        """The effective body as plain data (keyed lists as mappings)."""
        tree = self.trees.get((kind, name))
        return inherit.plain(tree) if tree is not None else self.documents[(kind, name)].data


def _segment(part):
    """A path segment as in a JSON pointer (RFC 6901 section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _origin(document, path):
    return Origin(document.schema, document.name, document.source, *document.position(path))


@dataclasses.dataclass(frozen=True)
class Design:
    """A site, what was found, and where everything comes from.

    :ivar ran: (code, title) of each check that ran, in the order of their names
    """

    site: Site
    findings: tuple[Finding, ...]
    origins: Origins
    documents: Documents
    ran: tuple[tuple[str, str], ...] = ()

    @property
    def valid(self) -> bool:
        return not has_errors(self.findings)

    @property
    def digest(self) -> str:
        return self.documents.digest


class _Work:
    """Usable documents by kind and name, and what is found on the way."""

    def __init__(self, documents):
        self.origins = Origins()
        self.complete = documents.complete
        self.findings = list(documents.findings)
        self.broken = {(item.kind, item.name) for item in documents.own if item.faulty}
        self.data: dict[str, dict[str, Document]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            for document in documents.of(kind):
                self._take(document)
        self.broken -= set(self.origins.documents)

    def _take(self, document):
        key = (document.kind, document.name)
        first = self.origins.documents.get(key)
        if first is not None:
            self.findings.append(_DUPLICATE.finding(
                f"{document.kind} {document.name!r} is already defined at "
                f"{first.source}:{first.line}", document.place(), first.place()))
            return
        usable, findings = schema.check(document)
        self.findings.extend(findings)
        if usable is None:
            self.broken.add(key)
            return
        self.data[document.kind][document.name] = usable
        self.origins.documents[key] = usable

    def missing_parent(self, message, *places):
        """Report a profile that does not exist, unless it may be in what could not be read."""
        if self.complete:
            self.findings.append(_INHERITANCE.finding(message, *places))

    def built(self, kind, make):
        return {name: make(name, document.data) for name, document in self.data[kind].items()}


def effective(documents: Documents) -> Design:
    """The effective site. Never raises; problems are findings of the design."""
    work = _Work(documents)
    networks = _with_domain_routes(work)
    hardware = work.built("HardwareProfile", build.hardware_profile)
    compiled = _compile_profiles(work)
    node_trees = _compile_nodes(work, compiled)
    hosts = build.Hosts(hardware, networks)
    site = Site(
        regions=work.built("Region", build.region), racks=work.built("Rack", build.rack),
        links=work.built("NetworkLink", build.link), networks=networks,
        hardware_profiles=hardware,
        host_profiles={name: hosts.profile(name, tree) for name, tree in compiled.items()},
        nodes={name: hosts.node(name, tree) for name, tree in node_trees.items()},
        boot_actions=work.built("BootAction", build.boot_action),
        images=work.built("Image", build.image), broken=frozenset(work.broken),
        origins=work.origins)
    site = dataclasses.replace(site, boot_targets=_boot_targets(site, work.findings))
    return Design(site, ordered(work.findings), work.origins, documents)


def _parent(document):
    parent = document.data.get("host_profile")
    return None if parent in (None, "", "!") else parent


def _compile_profiles(work):
    """Profile name to effective tree, parents first; those that cannot be are broken."""
    documents = work.data["HostProfile"]
    compiled: dict[str, inherit.Branch] = {}
    for name in documents:
        chain = _chain(work, compiled, name)
        for member in reversed(chain or ()):
            parent = compiled.get(_parent(documents[member]))
            tree = inherit.merge(inherit.HOST, parent, inherit.annotate(
                inherit.HOST, documents[member].data, documents[member]))
            compiled[member] = tree
            work.origins.trees[("HostProfile", member)] = tree
    return {name: compiled[name] for name in documents if name in compiled}


def _chain(work, compiled, name):
    """Profiles to compile for ``name``, itself first; None when that cannot be."""
    documents = work.data["HostProfile"]
    chain: dict[str, None] = {}
    here = name
    while here is not None and here not in compiled:
        if ("HostProfile", here) in work.broken:
            return _give_up(work, "HostProfile", chain)
        if here in chain or here not in documents:
            last = documents[next(reversed(chain))]
            places = (last.place(("host_profile",)), *(documents[item].place() for item in chain))
            if here in chain:
                work.findings.append(_INHERITANCE.finding(
                    f"host profile {last.name!r} inherits from itself: "
                    f"{_circle(list(chain), here)}", *places))
            else:
                work.missing_parent(f"host profile {last.name!r} inherits from host profile "
                                    f"{here!r}, which does not exist", *places)
            return _give_up(work, "HostProfile", chain)
        chain[here] = None
        here = _parent(documents[here])
    return list(chain)


def _circle(chain, name):
    members = chain[chain.index(name):]
    shown = [*members, name] if len(members) <= 10 else [*members[:10], "..."]
    return " <- ".join(shown)


def _give_up(work, kind, names):
    work.broken.update((kind, name) for name in names)


def _compile_nodes(work, compiled):
    trees = {}
    for name, document in work.data["BaremetalNode"].items():
        parent = _parent(document)
        if parent is not None and parent not in compiled:
            if ("HostProfile", parent) not in work.broken:
                work.missing_parent(f"node {name!r} inherits from host profile {parent!r}, "
                                    "which does not exist", document.place(("host_profile",)))
            _give_up(work, "BaremetalNode", [name])
            continue
        tree = inherit.merge(inherit.HOST, compiled.get(parent), inherit.annotate(
            inherit.HOST, document.data, document))
        trees[name] = tree
        work.origins.trees[("BaremetalNode", name)] = tree
    return trees


def _with_domain_routes(work) -> dict[str, Network]:
    """Networks with explicit routes to every other member of the domains that they route to.

    The first entry for a domain that has both gateway and metric counts; a network needs not be
    a member itself.
    """
    networks = work.built("Network", build.network)
    members: dict[str, list[str]] = {}
    for network in networks.values():
        if network.routedomain:
            members.setdefault(network.routedomain, []).append(network.cidr)
    for domain in [domain for domain, cidrs in members.items() if len(cidrs) > MAX_DOMAIN]:
        work.findings.append(_DOMAIN.finding(
            f"route domain {domain[:60]} has {len(members.pop(domain))} networks"))
    return {name: _routed(network, members) for name, network in networks.items()}


def _routed(network, members):
    computed, seen = [], set()
    for route in network.routes:
        domain = route.routedomain
        if not domain or domain in seen or not route.gateway or route.metric is None:
            continue
        seen.add(domain)
        computed.extend(Route(cidr, route.gateway, route.metric, domain, computed=True)
                        for cidr in members.get(domain, ()) if cidr != network.cidr)
    if not computed:
        return network
    return dataclasses.replace(network, routes=network.routes + tuple(computed))


def _boot_targets(site, findings):
    targets = {}
    for action in site.boot_actions.values():
        try:
            targets[action.name] = filters.select(site, action.node_filter)
        except Invalid as error:
            targets[action.name] = ()
            findings.append(_TARGETS.finding(
                error.message, site.at("BootAction", action.name, "node_filter")))
    return targets
