import socket

from oslo_config import cfg

GROUP = "conductor"
OPTS = [
    cfg.StrOpt("host", default=socket.gethostname(), sample_default="<the host's name>",
               help="Name of this conductor: unique, and the same after a restart."),
    cfg.StrOpt("conductor_group", default="", help="Only nodes of this group are served."),
    cfg.IntOpt("weight", default=1, min=1, help="Share of the nodes, relative to others."),
    cfg.ListOpt("enabled_hardware_types", default=["ipmi", "fake-hardware", "manual-management"],
                help="Hardware types served."),
    cfg.IntOpt("workers", default=100, min=1,
               help="Steps run at the same time. More work waits in the database."),
    cfg.FloatOpt("lease", default=12.0, min=1.0,
                 help="Seconds for which a conductor may act without renewing."),
    cfg.FloatOpt("lease_margin", default=2.0, min=0.1,
                 help="Seconds before the end of its lease at which a conductor stops sending."),
    cfg.FloatOpt("lease_interval", default=3.0, min=0.1, help="Seconds between two renewals."),
    cfg.FloatOpt("sweep_interval", default=1.0, min=0.05,
                 help="Seconds between two looks for work. Hints make most looks prompt."),
    cfg.IntOpt("power_sync_interval", default=120, min=0,
               help="Seconds between two reads of a node's power state; 0 never reads."),
    cfg.IntOpt("power_sync_failures", default=3, min=1,
               help="Failed reads after which a node goes to maintenance, fault power failure."),
    cfg.BoolOpt("force_power_state_during_sync", default=True,
                help="Bring a machine back to the recorded power state, rather than record what "
                     "it is in."),
    cfg.IntOpt("step_attempts", default=8, min=1,
               help="Calls of a step, with growing pauses, before an error that may pass by itself "
                    "(no answer, busy) fails its task. A step may be declared to allow fewer."),
    cfg.IntOpt("power_timeout", default=60, min=1,
               help="Seconds for a power change to show."),
    cfg.IntOpt("soft_power_off_timeout", default=600, min=1,
               help="Seconds for a soft power off to show."),
    cfg.IntOpt("agent_timeout", default=1800, min=1,
               help="Seconds for a ramdisk agent to boot and call."),
    cfg.IntOpt("command_timeout", default=3600, min=1,
               help="Seconds for one command of a ramdisk agent, such as writing an image."),
    cfg.FloatOpt("agent_poll", default=5.0, min=0.1,
                 help="Seconds between two looks at a running agent command."),
    cfg.FloatOpt("power_poll", default=1.0, min=0.1,
                 help="Seconds between two reads while a power change is under way."),
    cfg.BoolOpt("automated_clean", default=True,
                help="Clean machines before they become available."),
    cfg.StrOpt("hardware_mismatch", default="warn", choices=["warn", "fail"],
               help="What becomes of a machine that is not as its hardware profile says: it is "
                    "told of, or the task on it fails. Alarms of its sensors always fail."),
    cfg.StrOpt("ramdisk_api_url", default="http://127.0.0.1:6385",
               help="URL at which ramdisks reach the API."),
    cfg.IntOpt("event_retention", default=30 * 86400, min=60,
               help="Seconds for which events are kept."),
]
