"""Address ranges are static, dhcp or reserved, lie inside their network, and do not overlap."""

from provisioner.site.findings import WARNING, Rule

CODE = "PR2004"
TITLE = "Range Rationality"
SEVERITY = WARNING
REMEDY = "Write start and end inside the network's CIDR, start first, ranges apart."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)
_TYPES = ("static", "dhcp", "reserved")


def check(site):
    for network in site.networks.values():
        for message, index in _problems(network):
            yield _RULE.finding(f"{message} of network {network.name}",
                                site.at("Network", network.name, "ranges", index))


def _problems(network):
    sound = []
    for index, item in enumerate(network.ranges):
        name = f"range {item.start[:50]} to {item.end[:50]}"
        if item.type not in _TYPES:
            yield f"the type {item.type[:20]!r} of {name} is not one of {', '.join(_TYPES)}", index
        if item.bounds is None:
            yield f"{name} is not a range of addresses", index
            continue
        if network.prefix is not None and any(end not in network.prefix for end in item.bounds):
            yield f"{name} leaves the CIDR {network.cidr}", index
        sound.append((item.bounds, index, name))
    sound.sort(key=lambda entry: (entry[0][0].version, entry[0], entry[1]))
    for (before, _, first), (after, index, second) in zip(sound, sound[1:], strict=False):
        if before[0].version == after[0].version and after[0] <= before[1]:
            yield f"{second} overlaps {first}", index
