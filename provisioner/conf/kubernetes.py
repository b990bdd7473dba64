from oslo_config import cfg

GROUP = "kubernetes"
OPTS = [
    cfg.StrOpt("kubeconfig",
               help="File that says how the cluster is reached, as kubectl reads it. It comes "
                    "before api_url."),
    cfg.StrOpt("context", help="Context of the kubeconfig. Default: its current one."),
    cfg.StrOpt("api_url", help="URL of the Kubernetes API, without a kubeconfig."),
    cfg.StrOpt("token_file",
               help="File with the bearer token for api_url; read anew for each relabeling."),
    cfg.StrOpt("ca_file", help="Authorities that api_url's certificate is checked against."),
    cfg.BoolOpt("verify", default=True, help="Check the certificate of the Kubernetes API."),
]
