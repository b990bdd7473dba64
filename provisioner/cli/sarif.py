"""Findings in SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change."""

import pathlib
import urllib.parse

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
SCHEMA = ("https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/"
          "sarif-schema-2.1.0.json")


def document(found: list[dict], version: str = "") -> dict:
    """A whole SARIF log.

    :param found: findings as plain data, in order
    :param version: of this program
    """
    rules: dict[str, dict] = {}
    for item in found:
        rules.setdefault(item["code"], {
            "id": item["code"], "shortDescription": {"text": item["title"]},
            "help": {"text": item["remedy"] or item["title"]},
            "defaultConfiguration": {"level": _LEVELS[item["severity"]]}})
    numbers = {code: number for number, code in enumerate(rules)}
    driver = {"name": "provisioner", "rules": list(rules.values()),
              **({"version": version} if version else {})}
    return {"$schema": SCHEMA, "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints",
                      "results": [_result(item, numbers) for item in found]}]}


def _result(item: dict, numbers: dict[str, int]) -> dict:
    text = f"{item['message']} {item['remedy']}".strip()
    result = {"ruleId": item["code"], "ruleIndex": numbers[item["code"]],
              "level": _LEVELS[item["severity"]], "message": {"text": text}}
    place: dict = {}
    if item["file"]:
        place["physicalLocation"] = {"artifactLocation": {"uri": uri(item["file"])}}
        if item["line"] > 0:
            place["physicalLocation"]["region"] = {
                "startLine": item["line"], "startColumn": max(1, item["column"])}
    if item["documents"]:
        place["logicalLocations"] = [
            {"fullyQualifiedName": f"{one['schema']}/{one['name']}", "name": one["name"]}
            for one in item["documents"]]
    return {**result, "locations": [place]} if place else result


def uri(path: str) -> str:
    """A file as a URI reference (RFC 3986): relative as it is, absolute with ``file:``."""
    name = pathlib.PurePath(path)
    if name.is_absolute():
        return name.as_uri()
    # A first segment with a colon would read as a scheme (section 4.2).
    return urllib.parse.quote(name.as_posix())
