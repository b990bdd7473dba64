"""What every network interface promises, against those that there are."""

import abc

import pytest
import yaml

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers import base
from provisioner.drivers.clients.fake import FakePool
from provisioner.drivers.clients.switch import SwitchPool
from provisioner.drivers.fake import FakeHardware
from provisioner.simulator.switch import Switch
from tests.contract.drivers import Channel, lease_lost

PORT = "GigabitEthernet1/0/1"
INFO = {"switch_provisioning_vlan": 10, "switch_production_vlan": "20"}


class NetworkRig(abc.ABC):
    """A machine's port and the interface that sets it."""

    interface: base.NetworkInterface
    pool: base.TransportPool
    node = base.NodeView("0a" * 16, "node-1", INFO)
    port = base.PortView("52:54:00:00:00:01")

    def channel(self, check=lambda: None) -> Channel:
        return Channel(self.pool.transport(self.node.driver_info), check, None)

    def mode(self) -> str | None:
        return self.interface.interrogate(self.channel(), self.node, self.port)["mode"]

    def set_mode(self, mode, check=lambda: None) -> None:
        self.interface.set_mode(self.channel(check), self.node, self.port, mode)

    @abc.abstractmethod
    def disappear(self) -> None:
        """From now on nobody answers."""

    def close(self) -> None:
        self.pool.close()


class NetworkContract:
    """Needs a fixture ``rig``."""

    def test_a_mode_that_was_set_is_the_mode(self, rig):
        for mode in ("provisioning", "production", "production", "provisioning"):
            rig.set_mode(mode)
            assert rig.mode() == mode

    def test_nothing_is_changed_without_the_lease(self, rig):
        rig.set_mode("production")
        with pytest.raises(exceptions.LeaseLost):
            rig.set_mode("provisioning", check=lease_lost)
        assert rig.mode() == "production"

    def test_reading_needs_no_lease_and_sends_nothing(self, rig):
        channel = rig.channel(lease_lost)
        rig.interface.interrogate(channel, rig.node, rig.port)
        assert channel.sends == 0

    def test_nobody_there_is_unreachable(self, rig):
        rig.disappear()
        for call in (rig.mode, lambda: rig.set_mode("production")):
            with pytest.raises(exceptions.Unreachable) as caught:
                call()
            assert caught.value.remedy

    def test_its_settings_are_in_order(self, rig):
        rig.interface.validate(rig.node)


class TestFake(NetworkContract):
    @pytest.fixture
    def rig(self):
        class Rig(NetworkRig):
            interface = FakeHardware.interface("network", "fake")
            pool = FakePool(Clock())

            def disappear(self):
                self.node = base.NodeView(self.node.uuid, "node-1", {
                    "fake_error": "Unreachable",
                    "fake_fail": "network.interrogate,network.set_mode"})
        return Rig()


class TestSwitch(NetworkContract):
    @pytest.fixture
    def switch(self):
        made = Switch([PORT, "GigabitEthernet1/0/2"])
        yield made
        made.close()

    @pytest.fixture
    def rig(self, switch, tmp_path):
        file, hosts = tmp_path / "switches.yaml", tmp_path / "known_hosts"
        hosts.write_text(switch.known_hosts())
        file.touch(0o600)
        file.write_text(yaml.safe_dump({"tor1": {
            "address": "127.0.0.1", "port": switch.port, "username": "admin",
            "password": "password", "enable_password": "password", "known_hosts": str(hosts)}}))

        class Rig(NetworkRig):
            interface = FakeHardware.interface("network", "switch")
            pool = SwitchPool(str(file))
            port = base.PortView("52:54:00:00:00:01", local_link_connection={
                "switch_info": "tor1", "port_id": PORT, "switch_id": "00:00:5e:00:53:01"})

            def disappear(self):
                switch.close()
        made = Rig()
        yield made
        made.close()

    def test_a_port_in_a_third_vlan_is_in_neither_mode(self, rig, switch):
        assert rig.interface.interrogate(rig.channel(), rig.node, rig.port) == {
            "mode": "other", "vlan": 1}
        rig.set_mode("production")
        assert switch.ports[PORT].vlan == 20
        assert switch.ports["GigabitEthernet1/0/2"].vlan == 1

    def test_what_a_switch_does_not_do_shows(self, rig, switch):
        switch.ignores = True
        rig.set_mode("production")
        assert rig.mode() == "other"

    def test_one_vlan_for_both_modes_is_any_mode(self, rig):
        rig.set_mode("production")
        rig.node = base.NodeView(rig.node.uuid, "node-1", {
            "switch_provisioning_vlan": 20, "switch_production_vlan": 20})
        assert rig.mode() is None

    @pytest.mark.parametrize("link", [{}, {"switch_info": "tor1"}, {"port_id": PORT}])
    def test_a_port_of_which_nobody_knows_the_switch_is_left_alone(self, rig, switch, link):
        rig.port = base.PortView("52:54:00:00:00:01", local_link_connection=link)
        rig.set_mode("production")
        assert rig.mode() is None
        assert switch.commands == []

    def test_an_unknown_mode_is_refused(self, rig):
        with pytest.raises(exceptions.Unsupported):
            rig.set_mode("rescue")

    @pytest.mark.parametrize(("info", "setting"), [
        ({}, "switch_provisioning_vlan"), ({"switch_provisioning_vlan": 1},
                                           "switch_production_vlan"),
        ({**INFO, "switch_production_vlan": 4095}, "switch_production_vlan"),
        ({**INFO, "switch_provisioning_vlan": "x"}, "switch_provisioning_vlan")])
    def test_settings_that_cannot_be_are_named(self, rig, info, setting):
        with pytest.raises(exceptions.InvalidSetting) as caught:
            rig.interface.validate(base.NodeView("0", "n", info))
        assert caught.value.where["setting"] == setting
