from oslo_config import cfg

GROUP = "database"
OPTS = [
    cfg.StrOpt("connection", secret=True,
               default="sqlite:////var/lib/provisioner/provisioner.sqlite",
               help="SQLAlchemy URL: sqlite, postgresql+psycopg2 or mysql+pymysql."),
    cfg.IntOpt("pool", default=20, min=1, help="Connections kept by a process."),
]
