"""What the maas driver does to a machine of a simulated region, verb by verb."""

import base64

import pytest

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.maas import MaasPool
from provisioner.drivers.maas import MaasHardware
from provisioner.drivers.maas_deploy import deployment, user_data
from provisioner.drivers.maas_inspect import devices
from provisioner.simulator.maas import machine as m
from provisioner.simulator.maas.lifecycle import discover
from provisioner.simulator.maas.machine import Power
from provisioner.simulator.maas.plant import hardware
from provisioner.simulator.maas.region import Pace, Region
from tests import maas
from tests.unit.drivers.channels import DirectChannel

_UUID = "0e" * 16
PXE, DATA, OTHER = "10.64.0.0/16", "10.65.0.0/16", "10.66.0.0/16"


class Bench:
    """One node, its region, and the driver between them."""

    def __init__(self, served):
        self.region = served.region
        self.deploy = MaasHardware.interface("deploy", None)
        self.inspect = MaasHardware.interface("inspect", None)
        self.info = {"maas_url": served.url, "maas_api_key": served.api_key}
        self.properties, self.instance = {}, {"image_source": "jammy"}
        self.ports = (base.PortView(self.region.plant[0].mac),)
        self.name = "node-001"
        self._pool = MaasPool(Clock())

    @property
    def node(self):
        return base.NodeView(_UUID, self.name, self.info, self.properties, self.instance,
                             self.ports)

    @property
    def channel(self):
        return DirectChannel(self._pool.transport(self.info))

    @property
    def machine(self):
        (machine,) = self.region.machines.values()
        return machine

    def enlist(self, status, name="node-001"):
        machine = self.region.add_machine(name, [self.region.plant[0].mac], Power(
            "ipmi", {"power_address": self.region.plant[0].bmc}, "off"))
        machine.life.status = status
        if status != m.NEW:
            discover(self.region, machine, set())
        return machine

    def begin(self, verb, **args):
        return self.deploy.begin(self.channel, self.node, verb, args)

    def look(self, verb, **args):
        return self.deploy.look(self.channel, self.node, verb, {"age": 0.0, **args})


@pytest.fixture
def bench():
    region = Region([hardware(1), hardware(2)], Pace(*[60.0] * 6))
    fabric = region.site.add_fabric("site")
    untagged = region.site.vlan_of(fabric, 0)
    region.site.add_subnet("pxe", PXE, untagged, gateway_ip="10.64.0.1")
    region.site.add_subnet("data", DATA, region.site.add_vlan(fabric, 101, "data"))
    region.site.add_subnet("other", OTHER, region.site.add_vlan(fabric, 102, "other"))
    with maas.serving(region) as served:
        yield Bench(served)


# --- enroll -----------------------------------------------------------------------------------


def test_a_machine_that_nobody_knows_is_enlisted_once(bench):
    bench.info |= {"maas_power_address": "10.88.0.1", "maas_power_user": "u",
                   "maas_power_pass": "p"}
    for _ in range(2):
        found = bench.begin("enroll")
        assert found.state == base.DONE
    assert found.properties["maas_system_id"] == bench.machine.system_id
    assert bench.machine.status == m.NEW and bench.machine.power.kind == "ipmi"
    assert bench.machine.power.parameters["power_pass"] == "p"


def test_a_machine_is_found_by_its_mac_and_given_the_node_s_name(bench):
    bench.enlist(m.READY, name="happy-crab")
    assert bench.begin("enroll").properties["maas_system_id"] == bench.machine.system_id
    assert bench.machine.hostname == "node-001"


def test_a_machine_is_found_by_its_name_or_its_bmc(bench):
    bench.ports = ()
    bench.enlist(m.READY)
    assert bench.begin("enroll").properties["maas_system_id"] == bench.machine.system_id
    bench.name, bench.info["maas_power_address"] = "other", bench.region.plant[0].bmc
    assert bench.begin("enroll").properties["maas_system_id"] == bench.machine.system_id


def test_another_machine_of_that_name_is_not_taken(bench):
    bench.enlist(m.READY)
    bench.ports = (base.PortView("52:54:00:ff:ff:ff"),)
    with pytest.raises(exceptions.RequestRefused) as caught:
        bench.begin("enroll")
    assert bench.machine.system_id in caught.value.message and caught.value.remedy


def test_a_machine_without_mac_and_bmc_cannot_be_enlisted(bench):
    bench.ports = ()
    with pytest.raises(exceptions.RequestRefused) as caught:
        bench.begin("enroll")
    assert "port" in caught.value.remedy and not bench.region.machines


def test_a_machine_enlisted_anew_is_found_under_its_new_id(bench):
    bench.properties["maas_system_id"] = "gone42"
    bench.enlist(m.READY)
    assert bench.begin("enroll").properties["maas_system_id"] == bench.machine.system_id


# --- states -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "verb", "state"), [
    (m.DEPLOYING, "deploy", base.RUNNING), (m.DEPLOYED, "deploy", base.DONE),
    (m.FAILED_DEPLOYMENT, "deploy", base.FAILED), (m.READY, "deploy", base.FAILED),
    (m.ERASING, "release", base.RUNNING), (m.READY, "release", base.DONE),
    (m.FAILED_ERASING, "release", base.FAILED), (m.DEPLOYED, "release", base.IDLE),
    (m.RELEASING, "allocate", base.RUNNING), (m.READY, "allocate", base.IDLE),
    (m.ENTERING_RESCUE, "rescue", base.RUNNING), (m.FAILED_RESCUE, "rescue", base.FAILED),
    (m.EXITING_RESCUE, "unrescue", base.RUNNING), (m.DEPLOYED, "unrescue", base.DONE)])
def test_where_a_verb_stands_is_told_by_the_machine_s_status(bench, status, verb, state):
    bench.enlist(status)
    found = bench.look(verb)
    assert found.state == state
    if state == base.FAILED:
        assert m.STATUSES[status] in found.detail and found.remedy


def test_interrupted_only_what_is_under_way_is_not_begun_again(bench):
    machine = bench.enlist(m.DEPLOYED)
    assert bench.look("deploy", interrupted=True).state == base.IDLE
    machine.life.status = m.DEPLOYING
    assert bench.look("deploy", interrupted=True).state == base.RUNNING


def test_what_another_has_deployed_is_not_ours(bench):
    machine = bench.enlist(m.DEPLOYED)
    with pytest.raises(exceptions.RequestRefused) as caught:
        bench.begin("deploy")
    assert "adopt" in caught.value.remedy
    machine.annotations["provisioner_node"] = _UUID
    assert bench.begin("deploy").state == base.DONE


def test_a_machine_that_vanished_is_released_and_nothing_else(bench):
    bench.properties["maas_system_id"] = "gone42"
    assert bench.begin("release", erase=True).state == base.DONE
    assert bench.look("deploy").state == base.FAILED
    with pytest.raises(exceptions.RequestRefused):
        bench.begin("deploy")


def test_a_locked_machine_is_unlocked_only_if_the_node_says_so(bench):
    machine = bench.enlist(m.DEPLOYED)
    machine.locked = True
    with pytest.raises(exceptions.RequestRefused) as caught:
        bench.begin("release")
    assert "maas_unlock" in caught.value.remedy and machine.locked
    bench.info["maas_unlock"] = True
    bench.begin("release")
    assert machine.status == m.READY and not machine.locked


@pytest.mark.parametrize(("how", "status"), [("none", m.READY), ("quick", m.ERASING)])
def test_disks_are_erased_as_the_node_says(bench, how, status):
    machine = bench.enlist(m.DEPLOYED)
    bench.info["maas_erase"] = how
    bench.begin("release", erase=True)
    assert machine.status == status


def test_commissioning_is_ended_before_a_release(bench):
    machine = bench.enlist(m.COMMISSIONING)
    assert bench.begin("release").state == base.RUNNING
    assert machine.status == m.NEW and bench.look("release").state == base.DONE


def test_a_failed_deployment_is_released_before_the_next(bench):
    machine = bench.enlist(m.FAILED_DEPLOYMENT)
    assert bench.begin("allocate").state == base.RUNNING
    assert machine.status == m.READY and bench.look("allocate").state == base.IDLE
    assert bench.begin("allocate").state == base.DONE
    assert (machine.status, machine.agent_name) == (m.ALLOCATED, "provisioner")
    assert machine.annotations == {"provisioner_node": _UUID}


def test_what_is_deployed_is_not_commissioned(bench):
    bench.enlist(m.DEPLOYED)
    with pytest.raises(exceptions.RequestRefused) as caught:
        bench.inspect.begin(bench.channel, bench.node, "commission", {})
    assert "Deployed" in caught.value.message and not caught.value.where.get("transient")


# --- platform ---------------------------------------------------------------------------------


def test_image_kernel_and_user_data_are_told(bench):
    bench.instance |= {"user_data": "#cloud-config\n"}
    bench.properties["layout"] = {"platform": {"image": "focal", "kernel": "ga-22.04"}}
    told = deployment(bench.node)
    assert (told["distro_series"], told["hwe_kernel"]) == ("jammy", "ga-22.04")
    assert base64.b64decode(told["user_data"]) == b"#cloud-config\n"


@pytest.mark.parametrize("instance", [{"user_data": 7}, {"configdrive": "aGVsbG8="}])
def test_user_data_that_maas_would_swallow_is_refused(bench, instance):
    bench.instance = instance
    with pytest.raises(exceptions.InvalidSetting):
        bench.deploy.validate(bench.node)


def test_user_data_of_a_config_drive_is_taken(bench):
    bench.instance = {"configdrive": {"user_data": "x"}}
    assert user_data(bench.node) == "eA=="


def test_kernel_parameters_become_a_tag_of_the_node(bench):
    machine = bench.enlist(m.ALLOCATED)
    for params in ("console=ttyS0", "quiet"):
        bench.properties["layout"] = {"platform": {"kernel_params": params, "tags": ["fast"]}}
        bench.begin("platform")
        assert bench.region.site.tags["node-001_kp"]["kernel_opts"] == params
    assert sorted(bench.region.tags_of(machine)) == ["fast", "node-001_kp"]
    assert not bench.region.site.tags["fast"]["kernel_opts"]


def test_devices_are_named_by_their_bus_address():
    text = ('<list><node class="network"><businfo>pci@0000:00:03.0</businfo>'
            '<logicalname>eth0</logicalname></node><node class="disk">'
            "<businfo>scsi@2:0.0.0</businfo><logicalname>/dev/sda</logicalname></node></list>")
    assert devices(text) == {"pci@0000:00:03.0": "eth0", "scsi@2:0.0.0": "sda"}
    assert devices("<list>") == devices("") == {}


# --- network ----------------------------------------------------------------------------------


def _network(bench, *layout):
    bench.properties["layout"] = {"network": list(layout)}
    return bench.begin("network")


def _shown(bench):
    return {one.name: one for one in bench.machine.interfaces}


BOND = {"name": "bond0", "kind": "bond", "slaves": [{"name": "eth1"}, {"name": "eth2"}],
        "mtu": 9000, "bond": {"mode": "802.3ad", "hash": "layer3+4", "peer_rate": "fast",
                              "mon_rate": 100, "up_delay": 200, "down_delay": 200},
        "networks": [{"cidr": DATA, "tagged": True, "address": "10.65.0.9", "mtu": 9000},
                     {"cidr": OTHER, "tagged": True, "mode": "auto"}]}


def test_addresses_bonds_and_vlans_are_set_up_and_again_from_the_beginning(bench):
    bench.enlist(m.ALLOCATED)
    first = {"name": "eth0", "slaves": [{"name": "eth0"}], "networks": [
        {"cidr": PXE, "mode": "static", "address": "10.64.0.9", "gateway": True}]}
    for _ in range(2):
        assert _network(bench, first, BOND).state == base.DONE
    shown = _shown(bench)
    assert sorted(shown) == ["bond0", "bond0.101", "bond0.102", "eth0", "eth1", "eth2"]
    assert [(link.mode, link.address) for link in shown["eth0"].links] == [
        ("static", "10.64.0.9")]
    assert bench.machine.gateways["ipv4"]["gateway_ip"] == "10.64.0.1"
    assert shown["bond0"].params["bond_mode"] == "802.3ad" and shown["bond0"].mtu == 9000
    assert [(link.mode, link.address) for link in shown["bond0.101"].links] == [
        ("static", "10.65.0.9")]
    assert shown["bond0.102"].links[0].mode == "auto"


def test_slaves_in_another_vlan_are_brought_into_the_bond_s(bench):
    machine = bench.enlist(m.ALLOCATED)
    machine.interfaces[2].vlan = bench.region.site.vlans[2]
    _network(bench, BOND)
    assert _shown(bench)["eth2"].vlan.vid == 0


def test_a_bridge_stands_on_a_bond(bench):
    bench.enlist(m.ALLOCATED)
    _network(bench, {**BOND, "networks": [{"cidr": PXE, "mode": "link_up"}]}, {
        "name": "br0", "kind": "bridge", "slaves": [{"name": "bond0"}],
        "networks": [{"cidr": PXE, "mode": "dhcp"}]})
    assert [one.name for one in _shown(bench)["br0"].parents] == ["bond0"]


def test_interfaces_are_found_by_bus_address_pattern_and_mac(bench):
    machine = bench.enlist(m.ALLOCATED)
    bench.properties["maas_devices"] = {f"pci@{one.pci}": one.name for one in machine.interfaces}
    for device, name in (({"businfo": "pci@0000:00:04.0"}, "eth1"),
                         ({"businfo": "pci@", "pattern": r"0000:00:05\..*"}, "eth2"),
                         ({"mac": machine.interfaces[1].mac.upper()}, "eth1")):
        _network(bench, {"name": "x", "slaves": [device], "networks": [
            {"cidr": PXE, "address": "10.64.0.7"}]})
        assert _shown(bench)[name].links[0].address == "10.64.0.7"


@pytest.mark.parametrize(("device", "cidr", "said"), [
    ({"name": "eth9"}, PXE, "eth9"), ({"businfo": "pci@9"}, PXE, "pci@9"),
    ({"businfo": "pci@", "pattern": "("}, PXE, "pattern ("),
    ({"name": "eth0"}, "10.9.0.0/24", "no subnet 10.9.0.0/24")])
def test_what_is_not_there_is_named(bench, device, cidr, said):
    bench.enlist(m.ALLOCATED)
    with pytest.raises(exceptions.RequestRefused) as caught:
        _network(bench, {"name": "x", "slaves": [device], "networks": [
            {"cidr": cidr, "address": "10.64.0.7"}]})
    assert said in caught.value.message and caught.value.remedy
