"""A route to a domain has gateway and metric, and the domain has networks."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR2006"
TITLE = "Route Domain"
SEVERITY = WARNING
REMEDY = "Give the route gateway and metric, and name a routedomain that networks are in."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    domains = {network.routedomain for network in site.networks.values()}
    for network in site.networks.values():
        for index, route in enumerate(network.routes):
            if route.computed or not route.routedomain:
                continue
            for problem in _problems(route, domains):
                yield _RULE.finding(
                    f"the route of network {network.name} to domain {route.routedomain} {problem}",
                    site.at("Network", network.name, "routes", index))


def _problems(route, domains):
    if route.metric is None:
        yield "has no metric, so no routes come of it"
    if route.routedomain not in domains:
        yield "leads nowhere: no network is in it"
    if route.subnet:
        yield "also names a subnet"
