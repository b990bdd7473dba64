"""Inspect interface for machines whose properties people enter."""

from provisioner.drivers import base


class NoInspect(base.InspectInterface):
    """Inspection is refused: there is nothing to read an inventory from."""
