"""YAML text to plain values with the position of every key and value, within limits.

Works on libyaml's event stream with a stack of its own, so that neither depth nor aliases can
exhaust the process, whatever the input. What must stay true: :func:`read` never raises, ends in
time linear in the input, and gives only ``dict`` (text keys), ``list``, ``str``, ``int``,
``float``, ``bool`` and ``None``.

Two readings differ from YAML 1.1 on purpose: base-60 numbers and timestamps stay text, because
an unquoted MAC address or date is meant as written.
"""

import dataclasses
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASES = 10_000
MAX_VALUES = 5_000_000
MAX_DOCUMENTS = 100_000
#: Longer numbers stay text: nothing in a site is that large, and Python refuses to print them.
MAX_NUMBER_LENGTH = 40

_TAG = "tag:yaml.org,2002:"
_STR, _MERGE = _TAG + "str", _TAG + "merge"
_MERGE_KEY = object()
_AS_TEXT = frozenset({_TAG + "timestamp", _TAG + "binary", _TAG + "value", "!", _STR})
_COLLECTIONS = frozenset({_TAG + name for name in ("map", "seq", "set", "omap", "pairs")})
_BOOLS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}


class Position(NamedTuple):
    """Where a value stands. Lines and columns count from 1.

    ``children`` is a dict (mapping), a list (sequence) or None; ``key_line`` is 0 for a value
    that has no key.
    """

    line: int
    column: int
    children: Any = None
    key_line: int = 0
    key_column: int = 0


class Oddity(NamedTuple):
    """Something legal in YAML that a document of ours should not have."""

    line: int
    column: int
    message: str
    severity: str


class Trouble(NamedTuple):
    """Why reading stopped."""

    line: int
    column: int
    message: str


@dataclasses.dataclass
class Root:
    """One YAML document: its value, positions and oddities."""

    value: Any
    position: Position
    oddities: list[Oddity]


class _Stop(Exception):
    def __init__(self, mark, message):
        super().__init__(message)
        self.trouble = Trouble(mark.line + 1, mark.column + 1, message)


class _Frame:
    """A collection under construction."""

    __slots__ = ("anchor", "before", "children", "key", "mark", "merges", "value")

    def __init__(self, value, mark, anchor, before):
        self.value = value
        self.children = {} if isinstance(value, dict) else []
        self.mark = mark
        self.anchor = anchor
        self.before = before
        self.key = None
        self.merges = []


def _resolvers():
    """First character to (tag, pattern) pairs: the safe loader's, less what stays text."""
    kept = {}
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items():
        pairs = [pair for pair in pairs if pair[0] not in _AS_TEXT]
        if pairs:
            kept[first] = pairs
    return kept


_RESOLVERS = _resolvers()


def _number(text: str) -> Any:
    """An integer or float, or the text itself when it is neither."""
    if len(text) > MAX_NUMBER_LENGTH or ":" in text:
        return text
    plain = text.replace("_", "").lower()
    sign = -1 if plain.startswith("-") else 1
    digits = plain.lstrip("+-")
    try:
        if digits.startswith("0x"):
            return sign * int(digits[2:], 16)
        if digits.startswith("0b"):
            return sign * int(digits[2:], 2)
        if digits in (".inf", ".nan"):
            return sign * float(digits[1:])
        if digits.isdigit():
            return sign * int(digits, 8 if digits[0] == "0" and len(digits) > 1 else 10)
        return sign * float(digits)
    except ValueError:
        return text


def _scalar(tag: str, text: str) -> Any:
    if tag in _AS_TEXT or tag == _MERGE:
        return text
    if tag == _TAG + "null":
        return None
    if tag == _TAG + "bool":
        return _BOOLS.get(text.lower(), text)
    return _number(text)


class _Reader:
    def __init__(self, loader):
        self.loader = loader
        self.roots: list[Root] = []
        self.stack: list[_Frame] = []
        self.values = 0
        self.aliases = 0
        self._begin()

    def _begin(self):
        self.anchors: dict[str, tuple] = {}
        self.oddities: list[Oddity] = []

    def run(self):
        handlers = {yaml.ScalarEvent: self.scalar, yaml.AliasEvent: self.alias,
                    yaml.MappingStartEvent: self.mapping, yaml.SequenceStartEvent: self.sequence,
                    yaml.MappingEndEvent: self.close, yaml.SequenceEndEvent: self.close}
        get_event = self.loader.get_event
        while True:
            event = get_event()
            if event is None or type(event) is yaml.StreamEndEvent:
                return
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def scalar(self, event):
        text = event.value
        if event.tag is not None:
            tag = event.tag
            if tag not in _AS_TEXT and tag not in _KNOWN_SCALARS:
                raise _Stop(event.start_mark, f"the tag {tag!r} is not understood")
        elif event.implicit[0]:
            tag = self._implicit(text)
        else:
            tag = _STR
        if tag == _MERGE and self._wants_key() and not event.anchor:
            value = _MERGE_KEY
        else:
            value = _scalar(tag, text)
        self.add(value, event.start_mark, None, event.anchor, text)

    @staticmethod
    def _implicit(text):
        for tag, pattern in _RESOLVERS.get(text[:1], ()):
            if pattern.match(text):
                return tag
        return _STR

    def _wants_key(self):
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) \
            and self.stack[-1].key is None

    def alias(self, event):
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise _Stop(event.start_mark, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self.anchors:
            raise _Stop(event.start_mark, f"the alias *{event.anchor} names no anchor before it")
        value, children, weight = self.anchors[event.anchor]
        self._count(weight - 1, event.start_mark)
        text = "of an alias" if isinstance(value, dict | list) else str(value)
        self.add(value, event.start_mark, children, None, text)

    def mapping(self, event):
        self._open(event, {})

    def sequence(self, event):
        self._open(event, [])

    def _open(self, event, value):
        if event.tag is not None and event.tag not in _COLLECTIONS:
            raise _Stop(event.start_mark, f"the tag {event.tag!r} is not understood")
        if len(self.stack) >= MAX_DEPTH:
            raise _Stop(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        self.stack.append(_Frame(value, event.start_mark, event.anchor, self.values))

    def close(self, _event):
        frame = self.stack.pop()
        for value, children in frame.merges:
            for key, item in value.items():
                if key not in frame.value:
                    frame.value[key] = item
                    frame.children[key] = children[key]
        weight = self.values - frame.before + 1
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.value, frame.children, weight)
        self.add(frame.value, frame.mark, frame.children, None, "a collection")

    def _count(self, number, mark):
        self.values += number
        if self.values > MAX_VALUES:
            raise _Stop(mark, f"more than {MAX_VALUES} values, aliases counted each time")

    def add(self, value, mark, children, anchor, text):
        """Put a finished value where it belongs; ``text`` names it if it must become a key."""
        self._count(1, mark)
        if anchor:
            self.anchors[anchor] = (value, children, 1)
        if not self.stack:
            self._finish(value, mark, children)
            return
        frame = self.stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
            frame.children.append(Position(mark.line + 1, mark.column + 1, children))
        elif frame.key is None:
            frame.key = (self._key(value, mark, text), mark)
        else:
            self._pair(frame, value, mark, children)

    def _key(self, value, mark, text):
        if isinstance(value, str) or value is _MERGE_KEY:
            return value
        self.oddities.append(Oddity(mark.line + 1, mark.column + 1,
                                    f"the key {text[:60]} is not text; quote it", "error"))
        return text

    def _pair(self, frame, value, mark, children):
        key, key_mark = frame.key
        frame.key = None
        if key is _MERGE_KEY:
            self._merge(frame, value, children, mark)
            return
        if key in frame.value:
            self.oddities.append(Oddity(
                key_mark.line + 1, key_mark.column + 1,
                f"the key {key[:60]!r} is written twice; the last one counts", "warning"))
        frame.value[key] = value
        frame.children[key] = Position(mark.line + 1, mark.column + 1, children,
                                       key_mark.line + 1, key_mark.column + 1)

    def _merge(self, frame, value, children, mark):
        if isinstance(value, dict):
            frame.merges.append((value, children))
            return
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _Stop(mark, "a merge key (<<) needs a mapping or a list of mappings")
        for item, position in zip(value, children, strict=True):
            frame.merges.append((item, position.children))

    def _finish(self, value, mark, children):
        if len(self.roots) >= MAX_DOCUMENTS:
            raise _Stop(mark, f"more than {MAX_DOCUMENTS} documents")
        position = Position(mark.line + 1, mark.column + 1, children)
        self.roots.append(Root(value, position, self.oddities))
        self._begin()


_KNOWN_SCALARS = frozenset({_TAG + name for name in ("null", "bool", "int", "float", "merge")})


def read(content: bytes) -> tuple[list[Root], Trouble | None]:
    """The documents of a YAML stream, and why reading stopped early (None: it did not)."""
    if len(content) > MAX_BYTES:
        return [], Trouble(1, 1, f"larger than {MAX_BYTES} bytes")
    try:
        reader = _Reader(yaml.CSafeLoader(content))
    except (yaml.YAMLError, ValueError) as error:
        return [], _trouble(error)
    try:
        reader.run()
    except _Stop as stop:
        return reader.roots, stop.trouble
    except (yaml.YAMLError, ValueError) as error:
        return reader.roots, _trouble(error)
    finally:
        reader.loader.dispose()
    return reader.roots, None


def _trouble(error):
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    message = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    context = getattr(error, "context", None)
    text = f"{context}: {message}" if context else str(message)
    if mark is None:
        return Trouble(1, 1, text)
    return Trouble(mark.line + 1, mark.column + 1, text)
