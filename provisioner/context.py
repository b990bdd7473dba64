"""Who asks: the user of one request, as authentication has found it. Plain and immutable."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class RequestContext:
    """The caller and the request.

    :ivar user: id or name; None when nobody had to say who they are
    :ivar project: of a scoped Keystone token
    :ivar system_scope: ``"all"`` for a system-scoped token
    :ivar admin: everything is allowed, as without Keystone
    :ivar request_id: ``req-<uuid>``, made here for each HTTP request
    :ivar global_request_id: the caller's own id, for logs; one may span many requests
    """

    request_id: str
    user: str | None = None
    project: str | None = None
    roles: tuple[str, ...] = ()
    system_scope: str | None = None
    admin: bool = False
    global_request_id: str | None = None

    def credentials(self) -> dict:
        """What policy rules can ask about."""
        return {"user_id": self.user, "project_id": self.project, "roles": list(self.roles),
                "system_scope": self.system_scope, "is_admin": self.admin}
