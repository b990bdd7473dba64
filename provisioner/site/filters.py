"""Node filters: which nodes an action or a boot action is for.

::

    {filter_set_type: intersection|union,
     filter_set: [{filter_type: intersection|union, node_names: [], node_tags: [],
                   node_labels: {}, rack_names: [], rack_labels: {}}]}

=============  ==================================================================
criterion      a node meets it when
=============  ==================================================================
node_names     its name is in the list
node_tags      it has any of the tags
rack_names     its rack is in the list
node_labels    its owner data has all pairs (intersection) or any pair (union)
rack_labels    the same, of its rack's labels
=============  ==================================================================

An empty criterion is as good as absent. An intersection without criteria restricts nothing, a
union without any selects nothing; no filter at all means every node. A missing type is accepted
where both would give the same, and refused where they would not.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.exceptions import Invalid
from provisioner.site.model import Site

INTERSECTION = "intersection"
UNION = "union"
_TYPES = (INTERSECTION, UNION)
_LISTS = ("node_names", "node_tags", "rack_names")
_LABELS = ("node_labels", "rack_labels")
_REMEDY = ("Send {filter_set_type, filter_set: [{filter_type, node_names, node_tags, node_labels, "
           "rack_names, rack_labels}]} with types 'intersection' or 'union', or no filter to mean "
           "every node.")


def select(site: Site, node_filter: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Names of the nodes that the filter selects, sorted.

    :raises Invalid: the filter is malformed or says two things at once
    """
    if node_filter is None:
        return tuple(sorted(site.nodes))
    filters, kind = _checked(node_filter)
    chosen = [_matching(site, item) for item in filters]
    found = set.intersection(*chosen) if kind == INTERSECTION else set.union(*chosen)
    return tuple(sorted(found))


def _refuse(message):
    raise Invalid(message, remedy=_REMEDY)


def _checked(node_filter):
    if not isinstance(node_filter, Mapping):
        _refuse("The node filter is not a mapping.")
    unknown = set(node_filter) - {"filter_set", "filter_set_type"}
    if unknown:
        _refuse(f"The node filter has no key {', '.join(sorted(map(str, unknown)))}.")
    filters = node_filter.get("filter_set")
    if not isinstance(filters, list | tuple) or not filters:
        _refuse("The node filter's filter_set is not a list of filters, or is empty.")
    kind = _type(node_filter, "filter_set_type", len(filters) == 1)
    for item in filters:
        _check_one(item)
    return filters, kind


def _type(given, key, optional):
    kind = given.get(key)
    if kind is None and optional:
        return INTERSECTION
    if kind not in _TYPES:
        _refuse(f"The node filter's {key} is {kind!r}, not 'intersection' or 'union'.")
    return kind


def _check_one(item):
    if not isinstance(item, Mapping):
        _refuse("A filter in filter_set is not a mapping.")
    unknown = set(item) - {*_LISTS, *_LABELS, "filter_type"}
    if unknown:
        _refuse(f"A filter has no key {', '.join(sorted(map(str, unknown)))}.")
    for key in _LISTS:
        value = item.get(key)
        if value is not None and (not isinstance(value, list | tuple)
                                  or not all(isinstance(name, str) for name in value)):
            _refuse(f"A filter's {key} is not a list of names.")
    for key in _LABELS:
        value = item.get(key)
        if value is not None and not isinstance(value, Mapping):
            _refuse(f"A filter's {key} is not a mapping of labels to values.")
    pairs = [len(item.get(key) or ()) for key in _LABELS]
    criteria = sum(bool(item.get(key)) for key in _LISTS) + sum(pairs)
    _type(item, "filter_type", criteria == 1)


def _matching(site, item):
    kind = item.get("filter_type") or INTERSECTION
    tests = _tests(site, item, all if kind == INTERSECTION else any)
    decide = all if kind == INTERSECTION else any
    return {node.name for node in site.nodes.values() if decide(test(node) for test in tests)}


def _tests(site, item, combine):
    """One predicate on a node for each criterion given."""
    tests = []
    names, tags, racks = (frozenset(item.get(key) or ()) for key in _LISTS)
    if names:
        tests.append(lambda node: node.name in names)
    if tags:
        tests.append(lambda node: not tags.isdisjoint(node.tags))
    if racks:
        tests.append(lambda node: node.rack in racks)
    labels, rack_labels = (dict(item.get(key) or {}) for key in _LABELS)
    if labels:
        tests.append(lambda node: _labelled(node.owner_data, labels, combine))
    if rack_labels:
        tests.append(lambda node: node.rack in site.racks and _labelled(
            site.racks[node.rack].labels, rack_labels, combine))
    return tests


def _labelled(have, wanted, combine):
    return combine(have.get(key) == str(value) for key, value in wanted.items())
