"""Whatever is sent, the answer is an error that helps: never a 500, never something stored."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.api.site.harness import EXAMPLE, YAML

_FUZZ = settings(max_examples=60, deadline=None, derandomize=True, database=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture,
                                        HealthCheck.too_slow])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                max_size=3), max_leaves=8)
_FIELDS = ("action", "site", "design", "design_ref", "node_filter", "args", "href", "reason")
_KNOWN = {"action": "deploy_nodes", "site": "small"}


def check(answer):
    """It is refused, and says why in our form."""
    assert 400 <= answer.status_code < 500, answer.text
    told = answer.json.get("error", answer.json)
    assert told["message"]


@_FUZZ
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_as_a_design(site_api, content):
    check(site_api.http.post("/api/v1.1/designs", data=content, headers=YAML))


@_FUZZ
@given(st.integers(0, len(EXAMPLE.read_text())), st.text(max_size=10))
def test_example_with_something_put_in(site_api, place, noise):
    text = EXAMPLE.read_text()
    answer = site_api.http.post("/api/v1.1/designs", headers=YAML, data=(
        text[:place] + noise + text[place:]).encode("utf-8", "surrogatepass"))
    assert answer.status_code in (201, 400)
    if answer.status_code == 400:
        check(answer)


@_FUZZ
@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON))
def test_any_json_as_a_request(site_api, body):
    text = json.dumps({**body, "nonsense": 1})
    for path in ("/api/v1.1/tasks", "/api/v1.1/designs", "/api/v1.0/validatedesign",
                 "/api/v1.0/tasks", "/api/v1.0/nodefilter"):
        check(site_api.http.post(path, data=text,
                                 headers={"Content-Type": "application/json"}))


@_FUZZ
@given(_JSON)
def test_any_node_filter(site_api, wanted):
    digest = site_api.store()
    answer = site_api.http.post("/api/v1.1/tasks", data=json.dumps(
        {**_KNOWN, "design": digest, "node_filter": wanted}),
        headers={"Content-Type": "application/json"})
    assert answer.status_code == (202 if wanted is None else 400), answer.text


@_FUZZ
@given(st.text(max_size=80))
def test_any_name_in_a_path(site_api, name):
    for path in ("designs", "tasks", "nodes"):
        answer = site_api.http.get(f"/api/v1.1/{path}/{name}/explain"
                                   if path == "nodes" else f"/api/v1.1/{path}/{name}")
        assert answer.status_code < 500, answer.text
