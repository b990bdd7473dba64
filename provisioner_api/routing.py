"""What a route is. The tables themselves are data in ``routes.py``."""

import dataclasses
from collections.abc import Callable

from provisioner import exceptions
from provisioner_api import errors
from provisioner_api.call import Answer

MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Route:
    """One method of one path, and the function that answers it.

    :ivar rule: policy rule that the function asks (``call.authorize`` or ``call.node``); None for
        what the protocol leaves open to everybody
    :ivar version: below this minor version the path does not exist
    :ivar max_body: bytes; a larger body is refused before it is read
    """

    method: str
    path: str
    function: Callable[..., Answer]
    rule: str | None
    version: int = 1
    max_body: int = MIB

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclasses.dataclass(frozen=True)
class RouteTable:
    """Routes below one prefix, and the form of their errors.

    :ivar versioned: whether microversions apply
    :ivar render_error: ``(error, request id) -> body``
    :ivar id_header: further header of every answer with the request's bare uuid, or None
    """

    prefix: str
    routes: tuple[Route, ...]
    versioned: bool = False
    render_error: Callable[[exceptions.ProvisionerError, str], dict] = errors.plain
    id_header: str | None = None

    def covers(self, path: str) -> bool:
        return self.prefix == "/" or path == self.prefix or path.startswith(f"{self.prefix}/")
