"""What a verb on one node is told of the design: arguments of a site task's children.

Pure: the pinned design and the site task's own arguments in, plain data out. A plan is made from
the same, so that it shows the steps that would run.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from provisioner.site.model import Site


@dataclasses.dataclass(frozen=True)
class Orders:
    """:ivar design: digest of the design that ``site`` is of
    :ivar args: of the site task
    """

    site: Site
    design: str
    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def of(self, name: str, verb: str) -> dict[str, Any]:
        """Arguments of ``verb`` on the node ``name`` of the design. No secrets are in them."""
        if verb == "relabel":
            return {"labels": dict(self.site.node(name).owner_data)}
        return {}
