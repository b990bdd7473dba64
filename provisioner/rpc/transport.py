"""Set-up of oslo.messaging: RabbitMQ with quorum queues, or in process for standalone."""

import oslo_messaging
from oslo_config import cfg

TOPIC = "provisioner.conductor"
VERSION = "1.0"


def get(conf: cfg.ConfigOpts) -> oslo_messaging.Transport:
    """The transport that ``transport_url`` names; ``fake://`` stays within the process."""
    transport = oslo_messaging.get_rpc_transport(conf)
    group = "oslo_messaging_rabbit"
    if group in conf:
        # Plain data in short calls: queues survive a broker's node, messages need not.
        conf.set_default("rabbit_quorum_queue", True, group)
        conf.set_default("rabbit_transient_quorum_queue", True, group)
        conf.set_default("heartbeat_timeout_threshold", 15, group)
        conf.set_default("rabbit_interval_max", 4, group)
    return transport


def target(server: str | None = None) -> oslo_messaging.Target:
    """All conductors, or the one of that hostname."""
    return oslo_messaging.Target(topic=TOPIC, version=VERSION, server=server)
