"""Step functions that flows are made of. Importing this package registers them all."""

from provisioner_conductor.steps import (
    agent,
    boot,
    boot_actions,
    children,
    external,
    inspect,
    network,
    node,
    power,
    relabel,
    site,
)

__all__ = ["agent", "boot", "boot_actions", "children", "external", "inspect", "network", "node",
           "power", "relabel", "site"]
