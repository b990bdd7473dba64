"""Network interface for machines whose switch ports are set once, by people."""

from provisioner.drivers import base


class NoopNetwork(base.NetworkInterface):
    """Every port serves provisioning and production alike; nothing is read or changed."""

    def interrogate(self, channel: base.Channel, node: base.NodeView,
                    port: base.PortView) -> dict:
        return {"mode": None}

    def set_mode(self, channel: base.Channel, node: base.NodeView, port: base.PortView,
                 mode: str) -> None:
        return
