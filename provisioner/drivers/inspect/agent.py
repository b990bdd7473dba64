"""Inspect interface whose inventory comes from the ramdisk."""

from provisioner.drivers import base


class AgentInspect(base.InspectInterface):
    """The node boots the ramdisk, which posts its inventory to the API's continue_inspection."""

    needs_agent = True
