from oslo_config import cfg

GROUP = "switches"
OPTS = [
    cfg.StrOpt("file",
               help="YAML file of the switches that network interface 'switch' sets ports of, "
                    "mode 0600: name -> {address, port, device_type, username, password, "
                    "enable_password, key_file, known_hosts, check_host_key, save}."),
]
