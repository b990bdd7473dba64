"""Assets of boot actions: pipelines, templates, packages, and what is wrong with them."""

import base64

import pytest

from provisioner.exceptions import InvalidDesign
from provisioner.site import assets, documents
from provisioner.site.model import BootAction
from provisioner.site.validate import validate
from tests.boot_actions_site import NODE, site_with_actions

REPORTING = assets.Reporting("01H" + "0" * 23, "ab" * 32, "http://api/x/", "provisioner:d")


@pytest.fixture(scope="module")
def site():
    return validate(documents.load(site_with_actions().documents, "design")).site


@pytest.fixture(scope="module")
def variables(site):
    return assets.context(site, site.node(NODE), REPORTING)


def no_fetch(uri):
    raise AssertionError(uri)


def render(variables, fetch=no_fetch, **asset):
    action = BootAction("a", True, ({"type": "file", "path": "/x", **asset},), None)
    (found,) = assets.rendered(action, ("file",), variables, fetch)
    return found


def test_the_actions_of_a_node(site):
    assert [action.name for action in assets.of_node(site, NODE)] == ["motd", "join"]
    assert [action.name for action in assets.of_node(site, "node-002")] == ["motd"]


def test_a_whole_action(site, variables):
    found = list(assets.rendered(site.boot_actions["join"], ("unit", "file"), variables, no_fetch))
    assert [(asset.type, asset.path, oct(asset.mode)) for asset in found] == [
        ("unit", "/etc/systemd/system/join.service", "0o644"), ("file", "/opt/join", "0o755"),
        ("file", "/etc/join.conf", "0o600")]
    assert found[0].content.decode().splitlines()[1] == (
        f"ExecStart=/opt/join node-001.small.example http://api/x/{REPORTING.action_id}")
    assert found[1].content == b"#!/bin/sh\n"
    assert found[2].content.decode() == f"ip=10.77.1.11 key={'ab' * 32}\n"
    assert assets.packages(site.boot_actions["join"], variables, no_fetch) == {
        "curl": None, "jq": "1.6-2"}


@pytest.mark.parametrize(("data", "pipeline", "content"), [
    ("plain", None, b"plain"), ("", [], b""),
    ("{{ 1 + 1 }}", ["template"], b"2"),
    ("a b", ["base64_encode"], base64.b64encode(b"a b")),
    ("YSBi", ["base64_decode", "utf8_decode", "template", "utf8_encode"], b"a b"),
    ("{{ 'a b' | urlencode }}", ["utf8_decode", "template"], b"a%20b"),
    ("{{ node.network.mgmt.cidr }}", ["utf8_decode", "template"], b"10.77.1.0/24"),
    ("{{ node.network.mgmt.dns_suffix }}", ["utf8_decode", "template"], b"small.example"),
    ("{{ node.tags | join(',') }}", ["utf8_decode", "template"], b"demo"),
    ("{{ node.interfaces.bond0.sriov }}", ["utf8_decode", "template"], b"False"),
    ("{{ action.design_ref }}", ["utf8_decode", "template"], b"provisioner:d")])
def test_pipelines(variables, data, pipeline, content):
    extra = {"data_pipeline": pipeline} if pipeline is not None else {}
    assert render(variables, data=data, **extra).content == content


def test_a_location_is_rendered_and_fetched(variables):
    asked = []

    def fetch(uri):
        asked.append(uri)
        return b"{{ node.hostname }}"
    found = render(variables, fetch, location="http://h/{{ node.hostname }}",
                   location_pipeline=["template"], data_pipeline=["utf8_decode", "template"])
    assert (asked, found.content) == (["http://h/node-001"], b"node-001")


@pytest.mark.parametrize("asset", [
    {"data": "{{ node.nothing }}", "data_pipeline": ["template"]},
    {"data": "{% if %}", "data_pipeline": ["template"]},
    {"data": "{{ ''.__class__.__mro__ }}", "data_pipeline": ["template"]},
    {"data": "{{ node.tags.append('x') }}", "data_pipeline": ["template"]},
    {"data": "{{ range(10 ** 9) | list }}", "data_pipeline": ["template"]},
    {"data": "{{ 1 / 0 }}", "data_pipeline": ["template"]},
    {"data": "%%%", "data_pipeline": ["base64_decode"]},
    {"data": "/////w==", "data_pipeline": ["base64_decode", "utf8_decode"]},
    {"data": {"a": None}}, {"path": None, "data": "x"}])
def test_what_cannot_be_rendered_is_named(variables, asset):
    with pytest.raises(InvalidDesign, match="of boot action a") as caught:
        render(variables, **asset)
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"- curl", b"curl: [1]", b"1: x", b"{", b"curl: 7"])
def test_packages_from_elsewhere_must_be_a_mapping(variables, content):
    action = BootAction("a", True, ({"type": "pkg_list", "location": "http://h"},), None)
    with pytest.raises(InvalidDesign, match="pkg_list|http://h"):
        assets.packages(action, variables, lambda uri: content)


def test_packages_from_elsewhere(variables):
    action = BootAction("a", True, ({"type": "pkg_list", "location": "http://h"},
                                    {"type": "pkg_list", "data": {"jq": None}}), None)
    assert assets.packages(action, variables, lambda uri: b'{"curl": "7-1"}') == {
        "curl": "7-1", "jq": None}
