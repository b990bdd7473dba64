"""Step lists that several flows share: getting into the ramdisk and out of it."""

from provisioner import states
from provisioner.steps import StepSpec


def boot_ramdisk(inspect: bool = False) -> list[StepSpec]:
    """Off, then on into the ramdisk, until its agent calls (or has sent its inventory)."""
    return [
        StepSpec("power.set", {"target": states.POWER_OFF}),
        StepSpec("network.mode", {"mode": "provisioning"}),
        StepSpec("boot.ramdisk", {"inspect": inspect}),
        StepSpec("boot.device", {"device": "pxe"}),
        StepSpec("power.set", {"target": states.POWER_ON}),
        StepSpec("agent.inventory" if inspect else "agent.wait"),
    ]


def leave_ramdisk() -> list[StepSpec]:
    """Off, the clean way."""
    return [StepSpec("agent.power_off")]
