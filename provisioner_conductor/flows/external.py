"""Step lists of machines that a bootstrapper such as a MAAS region works on by itself."""

from provisioner.steps import StepSpec
from provisioner_conductor.flows.base import Request

#: what is done in order to deploy; each is over before the next begins
_DEPLOY = ("allocate", "network", "storage", "platform", "deploy")
#: clean step of a request -> how it is asked for
ERASING = ("erase_devices", "erase_devices_metadata", "erase_devices_express")


def is_external(request: Request, kind: str = "deploy") -> bool:
    """Whether a bootstrapper does the work of the node's interface of that kind."""
    return request.interface(kind).external


def verb(name: str, kind: str = "deploy", **args) -> StepSpec:
    return StepSpec("external.run", {"kind": kind, "verb": name, **args})


def enroll() -> list[StepSpec]:
    """Find the machine, or make it known."""
    return [verb("enroll")]


def inspect() -> list[StepSpec]:
    return [verb("enroll"), verb("commission", "inspect"),
            StepSpec("external.collect", {"kind": "inspect", "verb": "commission"})]


def deploy() -> list[StepSpec]:
    return [*(verb(name) for name in _DEPLOY),
            StepSpec("external.collect", {"kind": "deploy", "verb": "deploy"})]


def release(erase: bool, **how: bool) -> StepSpec:
    """Take the instance off the machine, with its data if ``erase``.

    :param how: ``secure_erase`` and ``quick_erase``, instead of what the node's settings say
    """
    return verb("release", erase=erase, **how)
