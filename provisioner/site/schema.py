"""Documents against the JSON Schema of their kind.

``schemas/<Kind>.json`` describes a document's body. A key ``x-code`` in a schema names the code
of a violation at that level (DD001 without). Editors may use the same files.

Documents in the old envelope were never checked by Drydock, which dropped unknown keys and empty
values, and turned numbers into text and back. What it took stays usable: there, all that is a
warning, and done here too.
"""

import copy
import functools
import importlib.resources
import json
import re
from typing import Any

import jsonschema

from provisioner.site.documents import KINDS, Document
from provisioner.site.findings import ERROR, WARNING, Finding, Place, Rule

SCHEMA_RULE = Rule("DD001", "Schema Validation", ERROR,
                   "Change the value to what the schema of this kind allows.")
INCOMPLETE_RULE = Rule("DD000", "Unusable Document", ERROR,
                       "Add what is missing; without it the document cannot be used.")
#: of a whole document, whatever its kind
DOCUMENT = "document"
#: what :func:`of` has
PUBLISHED = (DOCUMENT, *KINDS)
_SECRET_KEYS = frozenset({"credential", "password", "token"})
_MAX_PER_DOCUMENT = 50
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?", re.ASCII)


def _read(kind: str) -> dict:
    text = importlib.resources.files(__package__).joinpath(f"schemas/{kind}.json").read_text()
    return json.loads(text)


def _expanded(value: Any, cache: dict) -> Any:
    """The schema with references to other files replaced by what they name."""
    if isinstance(value, list):
        return [_expanded(item, cache) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" not in value:
        return {key: _expanded(item, cache) for key, item in value.items()}
    file, _, path = value["$ref"].partition("#/")
    kind = file.removesuffix(".json")
    found = cache.setdefault(kind, _read(kind))
    for part in filter(None, path.split("/")):
        found = found[part]
    return _expanded(found, cache)


@functools.cache
def of(kind: str) -> dict:
    """The JSON Schema of a kind's body, or of a ``document``, without references to other files.
    """
    return _expanded(_read(kind), {})


@functools.cache
def _validator(kind):
    return jsonschema.Draft7Validator(of(kind))


def check(document: Document) -> tuple[Document | None, list[Finding]]:
    """The document if it can be used, perhaps with its data corrected, and what was found."""
    errors = _errors(document.kind, document.data)
    if not errors:
        return document, []
    if not document.old_envelope:
        return None, _findings(document, errors)
    data = copy.deepcopy(document.data)
    lenient = [error for error in errors if _mend(data, error)]
    findings = _findings(document, lenient, WARNING)
    left = _errors(document.kind, data)
    if left:
        return None, findings + _findings(document, left)
    return _with_data(document, data), findings


def _errors(kind, data):
    found = []
    for error in _validator(kind).iter_errors(data):
        found.append(error)
        if len(found) >= _MAX_PER_DOCUMENT:
            break
    return found


def _with_data(document, data):
    return Document(document.schema, document.kind, document.name, data, document.root,
                    document.source, document.line, document.old_envelope, labels=document.labels)


def _extra_keys(error):
    return sorted(set(error.instance) - set(error.schema.get("properties", ())))


def _mend(data, error):
    """Do to the old envelope what Drydock did; False if this error is none that it overlooked."""
    path = list(error.absolute_path)
    here = data
    for part in path[:-1]:
        here = here[part]
    if error.validator == "additionalProperties":
        target = here[path[-1]] if path else data
        for key in _extra_keys(error):
            target.pop(key, None)
        return True
    if error.validator != "type" or not path:
        return False
    if error.instance is None and isinstance(here, dict):
        here.pop(path[-1], None)
        return True
    converted = _converted(error.instance, error.validator_value)
    if converted is None:
        return False
    here[path[-1]] = converted
    return True


def _converted(value, wanted):
    """A number as text, or text as the number it spells; None if it is neither."""
    if wanted == "string" and isinstance(value, int | float):
        return str(value)
    if wanted in ("number", "integer") and isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None


def _findings(document, errors, severity=ERROR):
    """One finding for each error; missing keys of one place are one."""
    return list(dict.fromkeys(_finding(document, error, severity) for error in errors))


def _finding(document, error, severity):
    path = list(error.absolute_path)
    where = ".".join(str(part) for part in path) or "the document"
    position = document.position(path)
    if error.validator == "additionalProperties":
        extra = _extra_keys(error)
        position = document.key_position([*path, extra[0]])
        message = f"{where} has no key {', '.join(key[:60] for key in extra[:5])}"
    elif _SECRET_KEYS & {str(part) for part in path}:
        message = f"{where} is not as the schema wants it"
    else:
        message = f"{where}: {_said(error)}"
    code = error.schema.get("x-code", "DD001")
    rule = INCOMPLETE_RULE if code == "DD000" else SCHEMA_RULE
    place = Place(document.schema, document.name, document.source, *position)
    return rule.finding(message, place, severity=severity)


def _said(error):
    """What is wrong, without repeating large values."""
    if error.validator == "type":
        wanted = error.validator_value
        wanted = wanted if isinstance(wanted, str) else " or ".join(wanted)
        text = json.dumps(error.instance)[:60]
        hint = f"; quote it: '{text}'" if wanted == "string" and text[:1].isdigit() else ""
        return f"{text} is not of type {wanted}{hint}"
    if error.validator == "enum":
        return (f"{str(error.instance)[:60]!r} is not one of "
                f"{', '.join(str(value) for value in error.validator_value)}")
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{', '.join(missing)} is missing"
    return error.message[:200]
