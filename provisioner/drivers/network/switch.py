"""Network interface that sets the access VLAN of the switch ports a machine hangs on.

Which port of which switch is in a port's ``local_link_connection``: ``switch_info`` is the
switch's name, ``port_id`` the port's, as inspection finds them by LLDP. A port without them is
left alone: somebody else sees to it.
"""

from provisioner import exceptions
from provisioner.drivers import base
from provisioner.drivers.clients.switch import Request

PROVISIONING = "provisioning"
PRODUCTION = "production"
#: seconds for a switch to take a change, and for those before it
_TIMEOUT = 30.0
_SETTINGS = {PROVISIONING: "switch_provisioning_vlan", PRODUCTION: "switch_production_vlan"}


class SwitchNetwork(base.NetworkInterface):
    """Access VLANs over SSH; the engine reads back what was set."""

    transport = "switch"
    settings = (
        base.Setting(_SETTINGS[PROVISIONING], "VLAN in which machines boot the ramdisk, 1 to "
                     "4094.", kind="int", required=True),
        base.Setting(_SETTINGS[PRODUCTION], "VLAN of a deployed machine's access ports, 1 to "
                     "4094.", kind="int", required=True),
    )

    def validate(self, node: base.NodeView) -> None:
        """
        :raises InvalidSetting: if a VLAN is missing or none
        """
        super().validate(node)
        for mode in _SETTINGS:
            self._vlan(node, mode)

    def interrogate(self, channel: base.Channel, node: base.NodeView,
                    port: base.PortView) -> dict:
        """``mode`` is None for a port that is left alone, ``other`` in any other VLAN.

        Where both modes are one VLAN there is nothing to switch: it is any mode that is asked
        for, told as None.
        """
        place = _place(port)
        if place is None:
            return {"mode": None}
        vlan = channel.read(Request(*place), timeout=_TIMEOUT)["vlan"]
        modes = [mode for mode in _SETTINGS if self._vlan(node, mode) == vlan]
        if not modes:
            return {"mode": "other", "vlan": vlan}
        return {"mode": modes[0] if len(modes) == 1 else None, "vlan": vlan}

    def set_mode(self, channel: base.Channel, node: base.NodeView, port: base.PortView,
                 mode: str) -> None:
        """
        :raises Unsupported: for a mode that is neither provisioning nor production
        """
        if mode not in _SETTINGS:
            raise exceptions.Unsupported(f"A switch port has no mode {mode!r}.",
                                         remedy=f"Use one of: {', '.join(_SETTINGS)}.")
        place = _place(port)
        if place is not None:
            channel.send(Request(*place, self._vlan(node, mode)), timeout=_TIMEOUT)

    def _vlan(self, node: base.NodeView, mode: str) -> int:
        values = base.check_settings(self.settings, node.driver_info)
        vlan = values[_SETTINGS[mode]]
        if not 1 <= vlan <= 4094:
            raise exceptions.InvalidSetting(
                f"driver_info/{_SETTINGS[mode]} must be from 1 to 4094.",
                remedy="Correct it, or the label access_vlan of the design's network.",
                setting=_SETTINGS[mode])
        return vlan


def _place(port: base.PortView) -> tuple[str, str] | None:
    """(switch, port) that a machine's port hangs on."""
    link = port.local_link_connection
    switch, name = link.get("switch_info"), link.get("port_id")
    return (str(switch), str(name)) if switch and name else None
