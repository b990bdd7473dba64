"""One request, as a resource function sees it; what a service consists of; the shape of answers.

A resource function is ``function(call, **url_parts)`` and gives an :class:`Answer`. It parses,
authorizes, asks the database or a conductor, and serializes; everything that is the same for all
is done before it is called.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from oslo_utils import uuidutils

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.context import RequestContext
from provisioner.db import nodes
from provisioner.db.session import Database, Transaction
from provisioner.policy import rules
from provisioner.rpc.client import ConductorClient
from provisioner.secrets import Box
from provisioner_api.metrics import Metrics


@dataclasses.dataclass(frozen=True)
class Services:
    """What an API process is made of. It holds nothing that another one could not answer from."""

    conf: cfg.ConfigOpts
    database: Database
    conductor_client: ConductorClient
    box: Box
    clock: Clock


@dataclasses.dataclass(frozen=True)
class Answer:
    """:ivar body: a mapping for JSON, text, an iterable to stream, or None for no body at all"""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    content_type: str | None = None


def ok(body: Any) -> Answer:
    return Answer(200, body)


def created(body: Any, location: str) -> Answer:
    return Answer(201, body, {"Location": location})


def accepted(location: str | None = None, task: str | None = None) -> Answer:
    """202 without a body. :param task: uuid of the task that does it"""
    headers = {"Location": location, "X-Provisioner-Task": task}
    return Answer(202, None, {key: value for key, value in headers.items() if value})


NO_CONTENT = Answer(204)


@dataclasses.dataclass
class Call:
    """:ivar version: minor microversion; 0 below ``/api``, which has none
    :ivar rule: the policy rule of the route, None for a public one
    :ivar base: scheme and host that links begin with
    :ivar query: the query string's arguments, each given once
    :ivar raw: the body as it came
    :ivar authorized: whether a policy has been asked; an answer without is a bug
    """

    services: Services
    enforcer: policy.Enforcer
    metrics: Metrics
    context: RequestContext
    version: int
    rule: str | None
    method: str
    path: str
    base: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""
    authorized: bool = False

    def authorize(self, target: Mapping[str, Any] | None = None) -> None:
        """Ask the route's rule. :raises Forbidden:"""
        self.authorized = True
        if self.rule is not None:
            rules.authorize(self.enforcer, self.rule, self.context, target)

    def allowed(self, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        return rules.allowed(self.enforcer, rule, self.context, target)

    def owned(self, node) -> None:
        """Authorize the route's rule for a node; one that the caller may not see does not exist.

        :raises NotFound: :raises Forbidden:
        """
        target = {"owner": node.owner, "lessee": node.lessee}
        if not self.allowed("baremetal:node:get", target):
            raise no_node(node.uuid)
        self.authorize(target)

    def node(self, tx: Transaction, ident: str):
        """The row of the node that the URL names, authorized.

        :raises Invalid: if it can be neither a uuid nor a name
        :raises NotFound: if there is none, or none that the caller may see
        :raises Forbidden:
        """
        row = nodes.get(tx, check_ident(ident))
        if row is None or (self.version < 5 and not uuidutils.is_uuid_like(ident)):
            raise no_node(ident)
        self.owned(row)
        return row

    def link(self, *parts: str) -> str:
        return "/".join([self.base, *parts])


def no_node(ident: str) -> exceptions.NotFound:
    return exceptions.NotFound(f"Node {ident} could not be found.", node=ident)


def usual_uuid(text: str) -> str:
    """A uuid, however it was written, in the 36 characters that rows have."""
    return str(uuid.UUID(text))


def is_name(text: str) -> bool:
    return 0 < len(text) <= 255 and all(
        sign.isascii() and (sign.isalnum() or sign in "-._~") for sign in text)


def check_ident(ident: str) -> str:
    """A uuid in its usual form, or a name. :raises Invalid:"""
    if uuidutils.is_uuid_like(ident):
        return usual_uuid(ident)
    if not is_name(ident):
        raise exceptions.Invalid(f"Expected a logical name or UUID but received {ident}.",
                                 remedy="Names have letters, digits and - . _ ~ only.")
    return ident
