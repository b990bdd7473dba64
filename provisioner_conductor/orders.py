"""What a verb on one node is told of the design: arguments of a site task's children.

Pure: the pinned design and the site task's own arguments in, plain data out. A plan is made from
the same, so that it shows the steps that would run.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from provisioner.site import assets
from provisioner.site.model import Site
from provisioner_conductor import hardware_checks

#: arguments of destroy_nodes that say how disks are erased
ERASURE = ("erase", "secure_erase", "quick_erase")


@dataclasses.dataclass(frozen=True)
class Orders:
    """:ivar design: digest of the design that ``site`` is of
    :ivar args: of the site task
    """

    site: Site
    design: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def signals(self, name: str) -> bool:
        """Whether a boot action of the node reports how it went."""
        return any(action.signaling for action in assets.of_node(self.site, name))

    def of(self, name: str, verb: str) -> dict[str, Any]:
        """Arguments of ``verb`` on the node ``name`` of the design. No secrets are in them."""
        node = self.site.node(name)
        if verb == "relabel":
            return {"labels": dict(node.owner_data)}
        if verb in ("verify", "inspect"):
            return {"expected": hardware_checks.expected(node)}
        if verb == "deploy":
            return {"design": self.design}
        if verb == "delete":
            return {key: self.args[key] for key in ERASURE if key in self.args}
        return {}
