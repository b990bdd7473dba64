"""The simulator against exchanges recorded from a genuine region: status, and shape of the answer.

``exchanges.json`` has what was asked, the status, and of the answer the keys and types; of a
refusal the text itself.
"""

import json
import pathlib

import pytest
import requests

from tests import maas
from tests.unit.simulator.maas.stage import stage

_RECORDED = json.loads((pathlib.Path(__file__).parent / "exchanges.json").read_text())
_OPEN = {"params", "parameters", "service_set", "capabilities", "constraints_by_type",
         "owner_data", "workload_annotations", "sets"}


def _differences(shape, value, where="", subset=False):
    """Yield where a value is not of a recorded shape; None and empty lists fit everything."""
    if shape in (None, []) or value is None or value == []:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where}: not an object"
            return
        yield from (f"{where}/{name}: missing" for name in shape.keys() - value.keys())
        extra = set() if subset else value.keys() - shape.keys()
        yield from (f"{where}/{name}: not in the recording" for name in extra)
        for name in (shape.keys() & value.keys()) - _OPEN:
            yield from _differences(shape[name], value[name], f"{where}/{name}", subset)
    elif isinstance(shape, list):
        yield from _differences(shape[0], value[0], f"{where}[]", subset)
    else:
        kind = "bool" if isinstance(value, bool) else "number" if isinstance(
            value, int | float) else "text" if isinstance(value, str) else "other"
        if kind != shape:
            yield f"{where}: {kind}, recorded as {shape}"


def _signed(exchange, served):
    name = exchange["name"]
    if "no-auth" in name or name in ("version-anon", "anon-enlist"):
        return {}
    key = served.region.tokens[1 if "nonadmin" in name else 0].api_key
    if name == "err-401-bad-token":
        return maas.signature("a:b:c")
    return maas.signature(key, secret="wrong" if name == "err-401-bad-secret" else None)


def _send(exchange, served):
    if exchange["name"] == "err-409-retryable-conflict-html":
        served.region.faults.lost_races = 1
    if exchange["name"] == "err-503-machine-create-power-fail":
        served.region.faults.rack_down = True
    parts = [(name, (None, str(item))) for name, value in exchange["form"].items()
             for item in (value if isinstance(value, list) else [value])]
    return requests.request(
        exchange["method"], f"{served.url}/api/2.0/{exchange['path']}", params=exchange["query"],
        files=parts or None, headers=_signed(exchange, served), timeout=10)


@pytest.mark.parametrize("exchange", _RECORDED["exchanges"], ids=lambda one: one["name"])
def test_the_answer_is_as_recorded(exchange):
    with maas.serving(stage(exchange["name"])) as served:
        answer = _send(exchange, served)
    assert answer.status_code == exchange["status"], answer.text
    if "body" in exchange:
        wanted = exchange["body"]
        if isinstance(wanted, dict):
            assert answer.json().keys() >= wanted.keys() or not wanted
        elif not wanted.startswith("<"):
            assert answer.text[:25] == wanted[:25]
        return
    shape = _RECORDED["shapes"][exchange["shape"]]
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    value = answer.json() if is_json else answer.text
    assert sorted(_differences(shape, value, subset="reduced" in exchange)) == []
