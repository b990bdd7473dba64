"""All options in one list, for the services and for ``oslo-config-generator``."""

from collections.abc import Sequence

from oslo_config import cfg
from oslo_log import log

from provisioner.conf import api, conductor, database, kubernetes, secrets, switches

LOG = log.getLogger(__name__)

_MODULES = (api, conductor, database, kubernetes, secrets, switches)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """(group, options) of this program."""
    return [(module.GROUP, module.OPTS) for module in _MODULES]


def load(argv: Sequence[str], program: str,
         cli_options: Sequence[cfg.Opt] = ()) -> cfg.ConfigOpts:
    """The configuration from ``/etc/provisioner/provisioner.conf`` or ``--config-file``.

    Each call gives an object of its own, so that several services can live in one process.
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    for group, options in list_opts():
        conf.register_opts(options, group=group)
    conf.register_cli_opts(cli_options)
    conf(list(argv), project="provisioner", prog=program)
    return conf


def reread(conf: cfg.ConfigOpts) -> None:
    """What SIGHUP asks for. A file that is wrong is told of, and changes nothing."""
    try:
        conf.mutate_config_files()
    except cfg.Error as error:
        LOG.error("The configuration is not reread: %s", error)
