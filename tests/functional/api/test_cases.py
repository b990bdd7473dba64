"""Runs the cases of the ``*.yaml`` files beside this one. They read as documentation of the API.

A file is a list of scenarios, each on an empty service: ``scenario`` (its name), ``given`` (nodes
to enroll: API fields, and columns that the engine would have written), ``api`` (options) and
``steps``. A step is one request::

    - PATCH: /v1/nodes/rack1-node7     # method and path
      version: "1.50"                  # microversion; default 1.110, null sends none
      headers: {Idempotency-Key: k}    # more of the request
      body: [...]                      # JSON, or text: for anything else
      status: 200
      has: {name: x}                   # the answer contains at least this
      lacks: [power_state]             # keys that the answer does not have
      fault: {faultstring: /locked/}   # as ``has``, for the JSON inside error_message
      with: {Location: /states/}       # headers of the answer; null: absent
      keep: {node: uuid}               # from now on <node> is the answer's uuid

Texts between slashes are regular expressions; lists have the same length.
"""

import json
import pathlib
import re

import pytest
import yaml

from tests.api_service import ApiService

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FOLDER = pathlib.Path(__file__).parent


def scenarios():
    for file in sorted(FOLDER.glob("*.yaml")):
        for found in yaml.safe_load(file.read_text()):
            yield pytest.param(found, id=f"{file.stem}: {found['scenario']}")


def fill(value, kept):
    """``value`` with every ``<name>`` replaced by what was kept under it."""
    if isinstance(value, str):
        return re.sub(r"<([\w-]+)>", lambda match: kept.get(match[1], match[0]), value)
    if isinstance(value, dict):
        return {fill(key, kept): fill(item, kept) for key, item in value.items()}
    return [fill(item, kept) for item in value] if isinstance(value, list) else value


def check(wanted, found, where):
    if isinstance(wanted, dict):
        assert isinstance(found, dict), f"{where}: no object: {found!r}"
        for key, item in wanted.items():
            assert key in found, f"{where}: no {key} in {sorted(found)}"
            check(item, found[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted), f"{where}: {found!r}"
        for position, item in enumerate(wanted):
            check(item, found[position], f"{where}[{position}]")
    elif isinstance(wanted, str) and re.fullmatch("/.+/", wanted):
        assert re.search(wanted[1:-1], str(found)), f"{where}: {found!r} is not {wanted}"
    else:
        assert found == wanted, f"{where}: {found!r} is not {wanted!r}"


def ask(service, step, kept):
    method = next(name for name in METHODS if name in step)
    body = fill(step.get("body"), kept)
    sent = {} if body is None else {"data": body["text"]} if (
        isinstance(body, dict) and set(body) == {"text"}) else {"json": body}
    return service.ask(method, fill(step[method], kept), step.get("version", "1.110"),
                       headers=fill(step.get("headers", {}), kept), **sent)


@pytest.mark.parametrize("scenario", scenarios())
def test_case(scenario, bus, tmp_path):
    with ApiService(bus, tmp_path, **scenario.get("api", {})) as service:
        kept = {"host": service.hostname}
        for node in scenario.get("given", []):
            kept[node["name"]] = service.node(**node)
        for position, step in enumerate(scenario["steps"]):
            run(service, step, kept, f"step {position + 1}")


def run(service, step, kept, where):
    answer = ask(service, step, kept)
    assert answer.status_code == step["status"], f"{where}: {answer.status_code} {answer.text}"
    for name, key in step.get("keep", {}).items():
        kept[name] = answer.headers[key] if key in answer.headers else answer.json[key]
    for name, value in fill(step.get("with", {}), kept).items():
        check(value, answer.headers.get(name), f"{where} header {name}")
    if "has" in step:
        check(fill(step["has"], kept), answer.json, where)
    for key in step.get("lacks", ()):
        assert key not in answer.json, f"{where}: {key} is there"
    if "fault" in step:
        check(fill(step["fault"], kept), json.loads(answer.json["error_message"]), where)
    if "text" in step:
        check(step["text"], answer.text, where)
