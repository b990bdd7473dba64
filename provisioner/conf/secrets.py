from oslo_config import cfg

GROUP = "secrets"
OPTS = [
    cfg.StrOpt("key_file", default="/etc/provisioner/secret.keys",
               help="File with one Fernet key a line; the first one seals. Mode 0600."),
]
