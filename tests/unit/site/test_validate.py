"""The whole of validation: any input gives findings, the same input the same ones.

Set ``PROVISIONER_FUZZ_CASES`` to try more than the default number of inputs.
"""

import glob
import os
import pathlib

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.site import findings
from provisioner.site.documents import KINDS, join, load
from provisioner.site.validate import validate
from tests import sites

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLES = sorted(glob.glob(str(ROOT / "etc/provisioner/examples/*/*.yaml")))
CASES = int(os.environ.get("PROVISIONER_FUZZ_CASES", "100"))
FUZZ = settings(max_examples=CASES, deadline=None, database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

TEXT = st.one_of(
    st.text(max_size=8), st.sampled_from([
        "!", "!a", "a", "-1", "dhcp", "10.0.0.0/99", "::1", "10.80.0.1", "20g", "100%", ">5%",
        "mgmt", "pxe", "base", "worker", "machine", "ipmi", "libvirt", "hardwareprofile:x",
        "hardwareprofile:hugepages.", "regexp:(", "0000", "99999999999", "\0", "/", "root"]))
LEAF = st.one_of(TEXT, st.none(), st.booleans(), st.integers(), st.floats())
VALUE = st.recursive(
    LEAF, lambda inner: st.one_of(st.lists(inner, max_size=3),
                                  st.dictionaries(TEXT, inner, max_size=3)), max_leaves=8)
DOCUMENT = st.one_of(
    VALUE,
    st.fixed_dictionaries({
        "schema": st.one_of(st.sampled_from(sorted(KINDS.values())), TEXT),
        "metadata": st.one_of(VALUE, st.fixed_dictionaries({"name": TEXT})),
        "data": VALUE}),
    st.fixed_dictionaries({
        "apiVersion": st.sampled_from(["drydock/v1", "drydock/", "v1"]),
        "kind": st.one_of(st.sampled_from(sorted(KINDS)), VALUE),
        "metadata": st.fixed_dictionaries({"name": LEAF}), "spec": VALUE}))


def judged(content):
    """The findings, after making sure that they are sound."""
    documents = load(content, "f")
    design = validate(documents)
    for found in design.findings:
        assert found.severity in (findings.ERROR, findings.WARNING, findings.INFO)
        assert found.message
        assert findings.render(found, documents.lines)
    assert design.findings == findings.ordered(design.findings)
    assert len(documents.digest) == 64
    return design.findings


@pytest.mark.parametrize("path", EXAMPLES)
def test_examples_are_sound(path):
    content = pathlib.Path(path).read_bytes()
    assert judged(content) == ()
    assert content.startswith(b"# yaml-language-server: $schema=")
    modeline = content.split(b"\n")[0].decode().split("=")[1]
    assert (pathlib.Path(path).parent / modeline).resolve().is_file()


def test_the_small_example_is_what_the_simulator_serves():
    content = (ROOT / "etc/provisioner/examples/small/site.yaml").read_bytes()
    site = validate(load(content, "f")).site
    assert len(site.nodes) == 12
    for index in range(12):
        node = site.node(f"node-{index + 1:03d}")
        assert node.bmc_address == f"127.77.0.{index + 2}"
        assert node.boot_mac == f"52:54:00:77:00:{index + 1:02x}"
        assert node.oob_type == "ipmi"
        assert (node.oob_parameters["account"], node.oob_parameters["credential"]) \
            == ("admin", "password")
        assert site.image_of(node).url == "http://127.0.0.1:6480/images/demo-os.raw"


def test_generated_sites_are_sound_in_both_envelopes():
    given_site = sites.site(5)
    assert judged(sites.dump(given_site)) == ()
    old = [item if "Image" in item["schema"] else sites.old(item) for item in given_site]
    assert judged(sites.dump(old)) == ()


def test_foreign_documents_do_not_matter():
    text = sites.text(2) + "---\nschema: pegleg/Thing/v1\nmetadata: {name: x}\ndata: {a: [b]}\n"
    design = validate(load(text, "f"))
    assert design.findings == ()
    assert design.valid
    assert len(design.documents.foreign) == 1
    assert findings.report(design.findings, len(design.documents.own), 1)["summary"]["errors"] == 0


def test_validating_twice_gives_the_same():
    documents = load(sites.text(3).replace("10.81.0.4", "10.81.0.3"), "f")
    first = validate(documents)
    assert first.findings
    assert not first.valid
    assert validate(documents).findings == first.findings
    assert len(first.ran) == 35


def test_a_site_in_several_files():
    items = sites.site(4)
    parts = join([load(sites.dump(items[:9]), "a"), load(sites.dump(items[9:]), "b")])
    assert validate(parts).findings == ()


def test_what_could_not_be_read_is_not_said_to_be_missing():
    text = sites.dump([item for item in sites.site(3) if "Profile" not in item["schema"]])
    assert [found.code for found in judged(text + "---\na: [\n")] == ["DD000"]
    assert len(judged(text)) > 1


def test_a_faulty_document_hides_nothing_and_adds_nothing():
    given_site = sites.site(3)
    sites.by_name(given_site, "Network", "mgmt")["vlan"] = 7
    (found,) = judged(sites.dump(given_site))
    assert found.code == "DD001"


@FUZZ
@given(data=st.data())
def test_sites_that_must_pass(data):
    """Sound by construction, however the free choices fall."""
    draw = data.draw
    given_site = sites.site(draw(st.integers(0, 6)))
    mtu = draw(st.integers(1280, 65536))
    sites.by_name(given_site, "NetworkLink", "data")["mtu"] = mtu
    mgmt = sites.by_name(given_site, "Network", "mgmt")
    mgmt["mtu"] = draw(st.integers(1280, mtu))
    mgmt["vlan"] = str(draw(st.integers(1, 4094)))
    shares = draw(st.lists(st.integers(1, 33), min_size=1, max_size=3))
    base = sites.by_name(given_site, "HostProfile", "base")
    base["storage"]["volume_groups"] = {"data": {"logical_volumes": [
        {"name": f"v{index}", "size": f"{share}%", "filesystem": {"mountpoint": f"/{index}"}}
        for index, share in enumerate(shares)]}}
    base["storage"]["physical_devices"]["sdb"] = {"volume_group": "data"}
    if draw(st.booleans()):
        base["interfaces"]["pxe"]["sriov"] = {"vf_count": draw(st.integers(0, 63))}
    text = sites.dump(draw(st.permutations(given_site)))
    assert [found for found in judged(text) if found.severity == findings.ERROR] == []


@FUZZ
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_bytes(content):
    judged(content)


@FUZZ
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t<=~.0", max_size=60))
def test_anything_like_yaml(content):
    assert judged(content) == judged(content)


@FUZZ
@given(st.lists(DOCUMENT, max_size=4))
def test_any_documents(content):
    judged(yaml.dump_all(content, Dumper=yaml.CSafeDumper, allow_unicode=True))


def _paths(value, path=()):
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else ()
    for key, item in pairs:
        yield from _paths(item, (*path, key))


def _basis():
    """A site that uses most fields there are."""
    given_site = sites.site(2)
    sites.by_name(given_site, "Region", "test").update(
        tag_definitions=[{"tag": "a", "definition_type": "lshw_xpath", "definition": "//x"}],
        repositories={"remove_unlisted": True, "main": {
            "repo_type": "apt", "url": "http://127.0.0.1/", "arches": ["amd64"]}})
    sites.by_name(given_site, "Rack", "rack1").update(
        tor_switches={"a": {"mgmt_ip": "10.81.0.1"}}, location={"grid": "A1"})
    mgmt = sites.by_name(given_site, "Network", "mgmt")
    mgmt["routedomain"] = "d"
    mgmt["routes"].append({"routedomain": "d", "gateway": "10.81.0.1", "metric": 5})
    sites.by_name(given_site, "Network", "pxe").update(
        routedomain="d", dhcp_relay={"upstream_target": "10.81.0.1"})
    base = sites.by_name(given_site, "HostProfile", "base")
    base["platform"]["kernel_params"].update(
        hugepagesz="hardwareprofile:hugepages.dpdk.size",
        hugepages="hardwareprofile:hugepages.dpdk.count")
    base["interfaces"]["bond0"]["sriov"] = {"vf_count": 4, "trustedmode": True}
    base["storage"]["physical_devices"]["sdb"] = {"volume_group": "data"}
    base["storage"]["volume_groups"] = {"data": {"logical_volumes": [
        {"name": "db", "size": "60%", "filesystem": {"mountpoint": "/srv", "fstype": "xfs"}}]}}
    sites.by_name(given_site, "HostProfile", "worker")["interfaces"] = {
        "!spare": {}, "bond0": {"networks": ["!none"]}}
    given_site.append(sites.document("BootAction", "packages", {
        "assets": [{"type": "pkg_list", "data": {"a": "1.0-1", "b": None}}],
        "node_filter": {"filter_set_type": "union", "filter_set": [
            {"filter_type": "union", "rack_names": ["rack1"], "node_labels": {"a": "b"}}]}}))
    return given_site


BASIS = _basis()
BASIS_PATHS = [path for path in _paths(BASIS) if len(path) > 1]


def _changed(path, value, remove):
    changed = _copy(BASIS)
    here = changed
    for part in path[:-1]:
        here = here[part]
    if remove:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return changed


def _copy(value):
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def test_the_basis_is_sound():
    assert judged(sites.dump(BASIS)) == ()


@FUZZ
@given(st.sampled_from(BASIS_PATHS), VALUE, st.sampled_from(["remove", "set", "set, old"]),
       st.randoms(use_true_random=False))
def test_a_sound_site_with_one_change(path, value, how, random):
    changed = _changed(path, value, how == "remove")
    if how == "set, old" and path[1] == "data":
        changed = [sites.old(item) if "Image" not in item["schema"] else item for item in changed]
    text = yaml.dump_all(changed, Dumper=yaml.CSafeDumper, sort_keys=False)
    first = judged(text)
    random.shuffle(changed)
    shuffled = judged(yaml.dump_all(changed, Dumper=yaml.CSafeDumper, sort_keys=False))
    assert {item.code for item in first} == {item.code for item in shuffled}


@FUZZ
@given(st.integers(0, 7000), st.integers(0, 40), st.text(max_size=5))
def test_a_sound_text_with_a_hole(start, length, between):
    text = sites.dump(BASIS)
    judged(text[:start] + between + text[start + length:])
