"""Set-up of oslo.messaging: RabbitMQ with quorum queues, or in process for standalone."""

from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts
from oslo_messaging._metrics import client as metrics
from oslo_messaging._tracing import client as tracing
from oslo_messaging.rpc import dispatcher

TOPIC = "provisioner.conductor"
#: of every call, unless the client names a newer one
VERSION = "1.0"
#: what this release serves; 1.1 added ``plan``
SERVED = "1.1"


def get(conf: cfg.ConfigOpts, url: str | None = None) -> oslo_messaging.Transport:
    """The transport that ``transport_url`` names; ``fake://`` stays within the process.

    :param url: overrides ``transport_url``
    """
    for group, options in messaging_opts.list_opts():
        conf.register_opts(options, group=group)
    # The library registers these on the global configuration only, and reads them from ours.
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf.register_opts(tracing.oslo_messaging_tracing, group="oslo_messaging_tracing")
    # Plain data in short calls: queues survive a broker's node, messages need not.
    group = "oslo_messaging_rabbit"
    conf.set_default("rabbit_quorum_queue", True, group)
    conf.set_default("rabbit_transient_quorum_queue", True, group)
    conf.set_default("heartbeat_timeout_threshold", 15, group)
    conf.set_default("rabbit_interval_max", 4, group)
    return oslo_messaging.get_rpc_transport(conf, url=url)


def target(server: str | None = None) -> oslo_messaging.Target:
    """All conductors, or the one of that hostname."""
    return oslo_messaging.Target(topic=TOPIC, version=VERSION, server=server)


def server(bus: oslo_messaging.Transport, hostname: str, endpoint: Any):
    """An RPC server for the conductor ``hostname``; public methods of ``endpoint`` are callable."""
    endpoint.target = oslo_messaging.Target(version=SERVED)
    return oslo_messaging.get_rpc_server(bus, target(hostname), [endpoint], executor="threading",
                                         access_policy=dispatcher.DefaultRPCAccessPolicy)
