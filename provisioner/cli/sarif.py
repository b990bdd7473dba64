"""Findings in SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change."""

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
SCHEMA = ("https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/"
          "sarif-schema-2.1.0.json")


def document(found: list[dict]) -> dict:
    """A whole SARIF log. :param found: findings as plain data, in order"""
    rules = {item["code"]: {"id": item["code"], "shortDescription": {"text": item["title"]},
                            "help": {"text": item["remedy"] or item["title"]}} for item in found}
    driver = {"name": "provisioner", "rules": list(rules.values())}
    return {"$schema": SCHEMA, "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints",
                      "results": [_result(item) for item in found]}]}


def _result(item: dict) -> dict:
    text = f"{item['message']} {item['remedy']}".strip()
    result = {"ruleId": item["code"], "level": _LEVELS[item["severity"]],
              "message": {"text": text}}
    if item["file"]:
        place: dict = {"artifactLocation": {"uri": item["file"]}}
        if item["line"] > 0:
            place["region"] = {"startLine": item["line"], "startColumn": max(1, item["column"])}
        result["locations"] = [{"physicalLocation": place}]
    return result
