"""Step functions that flows are made of. Importing this package registers them all."""

from provisioner_conductor.steps import (
    agent,
    boot,
    children,
    external,
    inspect,
    network,
    node,
    power,
    site,
)

__all__ = ["agent", "boot", "children", "external", "inspect", "network", "node", "power",
           "site"]
