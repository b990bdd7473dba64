"""What is wrong with a design, where, and what to do about it.

A finding's plain form is part of the command line's and the API's contract, and a list of
findings is always in the order of :func:`ordered`: the same design gives the same list.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ERROR = "error"
WARNING = "warning"
INFO = "info"
_RANK = {ERROR: 0, WARNING: 1, INFO: 2}

#: Text after such a key is never printed.
SECRET_KEY = re.compile(
    r"""(?i)(["']?[\w.-]*(?:credential|password|passwd|secret|token|private_key)[\w.-]*["']?\s*:\s*)
        (?=\S).*""", re.VERBOSE)


class Place(NamedTuple):
    """A point in a document. Line and column count from 1; 0 means unknown.

    ``owner`` is the (schema, name) of the document that the point is in, where that is another
    one: the profile from which a node inherits.
    """

    schema: str
    name: str
    file: str = ""
    line: int = 0
    column: int = 0
    owner: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Finding:
    """One statement about a design.

    :ivar code: stable symbol; Drydock's where it has one, ``PRnnnn`` otherwise
    :ivar documents: (schema, name) of every document concerned, the first one foremost
    :ivar file: source in which it stands, ``""`` when it stands nowhere
    """

    code: str
    title: str
    severity: str
    message: str
    remedy: str
    documents: tuple[tuple[str, str], ...] = ()
    file: str = ""
    line: int = 0
    column: int = 0

    def as_dict(self) -> dict:
        """Plain data: the element of ``findings`` in JSON output."""
        return {"code": self.code, "title": self.title, "severity": self.severity,
                "message": self.message, "remedy": self.remedy,
                "documents": [{"schema": schema, "name": name} for schema, name in self.documents],
                "file": self.file, "line": self.line, "column": self.column}


@dataclasses.dataclass(frozen=True)
class Rule:
    """The part of a finding that every finding of one check shares."""

    code: str
    title: str
    severity: str
    remedy: str

    def finding(self, message: str, *places: Place, severity: str | None = None,
                remedy: str | None = None) -> Finding:
        """A finding at the first place; the others are documents that it concerns."""
        named = [(place.schema, place.name) for place in places if place.schema or place.name]
        owners = [place.owner for place in places if place.owner]
        documents = tuple(dict.fromkeys(named + owners))
        place = places[0] if places else Place("", "")
        return Finding(self.code, self.title, severity or self.severity, message,
                       self.remedy if remedy is None else remedy, documents,
                       place.file, place.line, place.column)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Without repetitions, by file, line, column, severity, code and message."""
    return tuple(sorted(set(findings), key=lambda found: (
        found.file, found.line, found.column, _RANK[found.severity], found.code, found.message,
        found.title, found.documents)))


def gathered(findings: Iterable[Finding], schema: str) -> list[Finding]:
    """One finding for all documents of ``schema`` that have the same trouble at the same place.

    What a thousand nodes inherit from one line of a profile is one thing to mend, not a thousand.
    """
    groups: dict[tuple, list[Finding]] = {}
    for found in findings:
        name = found.documents[0][1] if found.documents else ""
        alike = found.documents and found.documents[0][0] == schema and found.file
        message = f" {found.message} ".replace(f" {name} ", " * ") if alike else found.message
        rest = () if alike else found.documents
        groups.setdefault((found.code, found.title, found.severity, found.file, found.line,
                           found.column, found.remedy, message, rest), []).append(found)
    return [_together(group) for group in groups.values()]


def _together(group):
    if len(group) == 1:
        return group[0]
    group = sorted(group, key=lambda found: found.documents)
    firsts = [found.documents[0] for found in group]
    documents = tuple(dict.fromkeys(
        firsts + [item for found in group for item in found.documents]))
    first = group[0]
    others = len(set(firsts)) - 1
    if not others:
        return first
    return dataclasses.replace(first, documents=documents,
                               message=f"{first.message} (and {others} more like it)")


def has_errors(findings: Iterable[Finding]) -> bool:
    return any(found.severity == ERROR for found in findings)


def report(findings: Iterable[Finding], documents: int, foreign: int) -> dict:
    """Plain data of a whole check: the findings and their summary."""
    findings = ordered(findings)
    return {"findings": [found.as_dict() for found in findings],
            "summary": {"errors": sum(found.severity == ERROR for found in findings),
                        "warnings": sum(found.severity == WARNING for found in findings),
                        "documents": documents, "foreign": foreign}}


def masked(line: str) -> str:
    """The line without the value of any key that looks like a secret's."""
    return SECRET_KEY.sub(r"\1********", line)


def render(finding: Finding, lines: Mapping[str, list[str]]) -> str:
    """A finding as text: place, message, the line with a caret, the fix.

    :param lines: source name to its lines, for the excerpt; a source may be missing
    """
    head = f"{finding.severity}: {finding.code} {finding.title}: {finding.message}"
    if finding.file:
        head = f"{finding.file}:{finding.line}:{finding.column}: {head}"
    parts = [head, *_excerpt(finding, lines.get(finding.file, []))]
    if len(finding.documents) > 1:
        names = [f"{schema} {name}" for schema, name in finding.documents[1:6]]
        more = len(finding.documents) - 6
        parts.append("  see: " + ", ".join(names) + (f" and {more} more" if more > 0 else ""))
    if finding.remedy:
        parts.append(f"  fix: {finding.remedy}")
    return "\n".join(parts)


def _excerpt(finding, lines):
    if not 0 < finding.line <= len(lines):
        return []
    line = masked(lines[finding.line - 1].rstrip("\r\n"))[:200]
    number = str(finding.line)
    caret = min(max(finding.column - 1, 0), len(line))
    blank = "".join("\t" if char == "\t" else " " for char in line[:caret])
    return [f"  {number} | {line}", f"  {' ' * len(number)} | {blank}^"]
