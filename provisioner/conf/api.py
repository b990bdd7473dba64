from oslo_config import cfg

GROUP = "api"
OPTS = [
    cfg.HostAddressOpt("host", default="127.0.0.1", help="Address to listen on."),
    cfg.PortOpt("port", default=6385, help="Port to listen on; 0 picks a free one."),
    cfg.IntOpt("threads", default=16, min=1, help="Requests answered at the same time."),
    cfg.StrOpt("public_endpoint",
               help="Base URL that links in answers begin with. Default: that of the request."),
    cfg.StrOpt("auth_strategy", default="noauth", choices=["noauth", "http_basic", "keystone"],
               help="Who may ask. noauth is refused unless the address is loopback, or "
                    "allow_noauth_anywhere says so."),
    cfg.StrOpt("http_basic_auth_user_file", default="/etc/provisioner/htpasswd",
               help="File of 'user:bcrypt hash' lines, for http_basic."),
    cfg.BoolOpt("allow_noauth_anywhere", default=False,
                help="Serve without authentication beyond loopback. Everybody who reaches the "
                     "port owns the machines."),
    cfg.IntOpt("max_limit", default=1000, min=1, help="Most items in one page of a list."),
    cfg.IntOpt("accept_timeout", default=15, min=1,
               help="Seconds within which a request must have been accepted by a conductor."),
    cfg.BoolOpt("enable_ramdisk_endpoints", default=True,
                help="Serve lookup, heartbeat, continue_inspection and boot scripts."),
    cfg.BoolOpt("enable_node_endpoints", default=True,
                help="Serve deployed nodes their boot actions and what the design says of them."),
    cfg.IntOpt("ramdisk_heartbeat_timeout", default=300, min=5,
               help="Seconds told to ramdisk agents; they beat several times within it."),
    cfg.BoolOpt("require_agent_tls", default=True,
                help="Refuse ramdisk agents whose callback URL is not https."),
    cfg.ListOpt("design_file_roots", default=[],
                help="Folders below which file: references to designs are read. None by default."),
    cfg.ListOpt("design_http_hosts", default=[],
                help="Hosts (host or host:port) from which designs are fetched. None by default."),
]
