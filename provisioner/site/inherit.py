"""Inheritance of host profiles, as pure data: trees of leaves that know where they came from.

A body is annotated into a tree whose leaves carry the document and path they stand at; merging
two trees keeps the leaves, so that every effective value still knows its origin. Subtrees that a
child does not mention are shared with the parent, never copied.

How each part merges is data (:data:`HOST`):

=========  ==========================================================================
SCALAR     the child's value; ``"!"`` or ``-1`` unsets; absent: the parent's
LIST       the child's members, then the parent's not removed by ``"!member"``
DICT       the parent's entries not removed by a key ``"!key"``, the child's over them
Keyed      members by name; ``!name`` (or null) removes, same name merges
Record     part by part
OWN        never inherited
=========  ==========================================================================

A member or key that begins with ``!`` is never itself part of a result, with or without parent.
"""

import dataclasses
import functools
from typing import Any

SCALAR = "scalar"
LIST = "list"
DICT = "dict"
OWN = "own"


@dataclasses.dataclass(frozen=True)
class Record:
    """Named parts; unknown keys follow ``rest`` (None: they are left out)."""

    parts: dict[str, Any]
    rest: str | None = None

    @functools.cached_property
    def has_own(self) -> bool:
        """Whether it cannot be taken from the parent whole."""
        return OWN in self.parts.values()


@dataclasses.dataclass(frozen=True)
class Keyed:
    """Members by name: a mapping, or a list of mappings with a ``name``."""

    member: Record


_FILESYSTEM = Record(dict.fromkeys(
    ("mountpoint", "fstype", "mount_options", "fs_uuid", "fs_label"), SCALAR))
_PARTITION = Record({"name": OWN, "size": SCALAR, "bootable": SCALAR, "part_uuid": SCALAR,
                     "volume_group": SCALAR, "labels": DICT, "filesystem": _FILESYSTEM})
_VOLUME = Record({"name": OWN, "size": SCALAR, "lv_uuid": SCALAR, "filesystem": _FILESYSTEM})
_DEVICE = Record({"labels": DICT, "volume_group": SCALAR, "partitions": Keyed(_PARTITION)})
_GROUP = Record({"vg_uuid": SCALAR, "logical_volumes": Keyed(_VOLUME)})
_INTERFACE = Record({
    "device_link": SCALAR, "slaves": LIST, "networks": LIST, "labels": DICT,
    "sriov": Record({"vf_count": SCALAR, "trustedmode": SCALAR, "trustmode": SCALAR})})
HOST = Record({
    "host_profile": OWN, "hardware_profile": SCALAR, "primary_network": SCALAR,
    "oob": Record({"type": SCALAR}, rest=DICT),
    "storage": Record({"physical_devices": Keyed(_DEVICE), "volume_groups": Keyed(_GROUP)}),
    "platform": Record({"image": SCALAR, "kernel": SCALAR, "kernel_params": DICT}),
    "interfaces": Keyed(_INTERFACE),
    "metadata": Record({"tags": LIST, "owner_data": DICT, "rack": SCALAR, "boot_mac": OWN}),
    "addressing": OWN,
})


class Leaf:
    """A value and where it stands."""

    __slots__ = ("document", "path", "value")

    def __init__(self, value, document, path):
        self.value = value
        self.document = document
        self.path = path


class Branch(dict):
    """Parts by name, and where the innermost definition stands."""

    __slots__ = ("document", "path")

    def __init__(self, document, path):
        super().__init__()
        self.document = document
        self.path = path


class Members(list):
    """Leaves in order, and where the innermost definition stands."""

    __slots__ = ("document", "path")

    def __init__(self, document, path, leaves=()):
        super().__init__(leaves)
        self.document = document
        self.path = path


def annotate(spec: Any, value: Any, document: Any, path: tuple = ()) -> Any:
    """The tree of a document's body, ``!`` marks still in it."""
    if isinstance(spec, Record):
        return _annotated_record(spec, value, document, path)
    if isinstance(spec, Keyed):
        return _annotated_keyed(spec, value, document, path)
    if spec == DICT:
        branch = Branch(document, path)
        for key, item in (value or {}).items():
            branch[key] = Leaf(item, document, (*path, key))
        return branch
    if spec == LIST:
        return Members(document, path, [Leaf(item, document, (*path, index))
                                        for index, item in enumerate(value or ())])
    return Leaf(value, document, path)


def _annotated_record(spec, value, document, path):
    branch = Branch(document, path)
    for key, item in (value or {}).items():
        part = spec.parts.get(key)
        if part is not None:
            branch[key] = annotate(part, item, document, (*path, key))
        elif spec.rest is not None:
            branch[key] = Leaf(item, document, (*path, key))
    return branch


def _annotated_keyed(spec, value, document, path):
    branch = Branch(document, path)
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = _free_name(branch, item["name"])
            branch[name] = annotate(spec.member, item, document, (*path, index))
        return branch
    for name, item in (value or {}).items():
        where = (*path, name)
        if item is None:
            branch["!" + name.removeprefix("!")] = Branch(document, where)
        else:
            branch[name] = annotate(spec.member, item, document, where)
    return branch


def _free_name(branch, name):
    """The name, or, for a second member of that name, one that nobody can write."""
    candidate, number = name, 1
    while candidate in branch:
        number += 1
        candidate = f"{name}\0{number}"
    return candidate


def merge(spec: Any, parent: Any, child: Any) -> Any:
    """The child over the parent; either may be None (absent). Neither is changed.

    The parent must be a result of this function, so that it holds no ``!`` any more.
    """
    if child is None:
        return parent
    if isinstance(spec, Record):
        return _merged_record(spec, parent, child)
    if isinstance(spec, Keyed):
        return _merged_keyed(spec, parent, child)
    if spec == DICT:
        return _merged_dict(parent, child)
    if spec == LIST:
        return _merged_list(parent, child)
    return _merged_scalar(spec, parent, child)


def _merged_scalar(spec, parent, child):
    if spec == OWN:
        return child
    value = child.value
    if value is None:
        return parent
    unset = value == "!" or (value == -1 and not isinstance(value, bool))
    return Leaf(None, child.document, child.path) if unset else child


def _merged_list(parent, child):
    removed = {leaf.value[1:] for leaf in child if leaf.value.startswith("!")}
    kept = [leaf for leaf in child if not leaf.value.startswith("!")]
    present = {leaf.value for leaf in kept}
    inherited = [leaf for leaf in parent or ()
                 if leaf.value not in removed and leaf.value not in present]
    return Members(child.document, child.path, kept + inherited)


def _merged_dict(parent, child):
    result = Branch(child.document, child.path)
    for key, leaf in (parent or {}).items():
        if "!" + key not in child:
            result[key] = leaf
    for key, leaf in child.items():
        if not key.startswith("!"):
            result[key] = leaf
    return result


def _merged_keyed(spec, parent, child):
    result = Branch(child.document, child.path)
    parent = parent or {}
    for name, member in parent.items():
        if name in child:
            result[name] = merge(spec.member, member, child[name])
        elif "!" + name not in child:
            result[name] = member
    for name, member in child.items():
        if name not in parent and not name.startswith("!"):
            result[name] = merge(spec.member, None, member)
    return result


def _merged_record(spec, parent, child):
    result = Branch(child.document, child.path)
    parent = parent or {}
    for key, part in spec.parts.items():
        inherited = None if part == OWN else parent.get(key)
        own = child.get(key)
        if own is None and inherited is not None and isinstance(part, Record) and part.has_own:
            own = Branch(child.document, (*child.path, key))
        merged = merge(part, inherited, own)
        if merged is not None:
            result[key] = merged
    if spec.rest is not None:
        known = spec.parts
        for key, leaf in _merged_dict(parent, child).items():
            if key not in known:
                result[key] = leaf
    return result


def plain(tree: Any) -> Any:
    """The tree as plain data; unset values are left out, keyed lists become mappings."""
    if isinstance(tree, Leaf):
        return tree.value
    if isinstance(tree, list):
        return [leaf.value for leaf in tree]
    found = {key: plain(item) for key, item in tree.items()}
    return {key: value for key, value in found.items() if value is not None}


def find(tree: Any, path: tuple) -> tuple[Any, tuple]:
    """(document, path in it) of a path into a tree; of its nearest ancestor if there is none."""
    here = tree
    for index, part in enumerate(path):
        if isinstance(here, Leaf):
            return here.document, (*here.path, *path[index:])
        if isinstance(here, dict):
            following = here.get(part)
        else:
            following = here[part] if isinstance(part, int) and part < len(here) else None
        if following is None:
            break
        here = following
    return here.document, here.path


def leaves(tree: Any, path: tuple = ()):
    """(path, leaf) of every value of a tree that is set."""
    if isinstance(tree, Leaf):
        if tree.value is not None:
            yield path, tree
        return
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, item in pairs:
        yield from leaves(item, (*path, key))
