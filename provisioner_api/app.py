"""The WSGI application: what is the same for every request, in order.

Outermost first, each with the reason for its place:

1. ``HTTPProxyToWSGI``: links must name the address the client used, so everything behind it sees
   that one. Off unless ``[oslo_middleware] enable_proxy_headers_parsing``.
2. ``Paths``: before routing, which knows only one form of each path.
3. ``auth_token`` (Keystone only): only says who asks; whether that matters is decided in 5.
4. request id: before anything can fail, because every answer carries it.
5. authentication: before versions, so that strangers learn nothing.
6. microversion: before the path is looked at, because its errors have headers of their own.
7. route: path, method, version that has it; size of the body before it is read.
8. resource function: asks the policy, and must have.
"""

import functools
import json
import logging
import re
import uuid
from collections.abc import Sequence

import flask
from oslo_middleware import http_proxy_to_wsgi
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from provisioner import exceptions
from provisioner.context import RequestContext
from provisioner.policy import rules
from provisioner_api import auth, errors, microversion, routes
from provisioner_api.call import Answer, Call, Services
from provisioner_api.metrics import Metrics
from provisioner_api.routing import Route, RouteTable

LOG = logging.getLogger(__name__)
#: first segments that are not resources of the Bare Metal API
_OWN = frozenset({"v1", "api", "boot", "healthcheck", "metrics", "versions", ""})
_GLOBAL_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Paths:
    """One form of each path: no trailing slash, and ``/nodes`` is ``/v1/nodes``."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        path = "/" + environ.get("PATH_INFO", "").strip("/")
        if path.split("/")[1] not in _OWN:
            path = f"/v1{path}"
        environ["PATH_INFO"] = path
        return self._application(environ, start_response)


def create_app(services: Services,
               tables: Sequence[RouteTable] = routes.TABLES) -> flask.Flask:
    """The application. Holds nothing between requests but caches.

    :raises Misconfigured: if it would serve strangers without having been told to
    """
    edge = Edge(services, tables)
    app = flask.Flask("provisioner_api", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for route in edge.routes.values():
        app.add_url_rule(route.path, endpoint=route.name, methods=[route.method],
                         view_func=functools.partial(edge.dispatch, route))
    app.before_request(edge.begin)
    app.register_error_handler(Exception, edge.fail)
    app.after_request(edge.finish)
    if isinstance(edge.strategy, auth.Keystone):
        app.wsgi_app = edge.strategy.wrap(app.wsgi_app)
    app.wsgi_app = http_proxy_to_wsgi.HTTPProxyToWSGI(Paths(app.wsgi_app), services.conf)
    return app


class Edge:
    """Steps 4 to 8 of the module's list."""

    def __init__(self, services: Services, tables: Sequence[RouteTable]):
        self.strategy = auth.strategy(services.conf)
        # The longest prefix decides; "/" covers what nothing else does.
        self._tables = sorted(tables, key=lambda table: len(table.prefix), reverse=True)
        self.routes = {route.name: route for table in tables for route in table.routes}
        self._services = services
        self._enforcer = rules.enforcer(services.conf)
        self._metrics = Metrics()

    def begin(self) -> None:
        """Request id, user, version. :raises ProvisionerError:"""
        request, state = flask.request, flask.g
        state.began = self._services.clock.elapsed()
        state.request_id = f"req-{uuid.uuid4()}"
        state.version = None
        state.table = next(table for table in self._tables if table.covers(request.path))
        state.context = self._identify(state.request_id)
        if state.table.versioned:
            state.version = microversion.asked(request.headers)

    def _identify(self, request_id: str) -> RequestContext:
        request = flask.request
        route = self.routes.get(request.endpoint or "")
        if route is not None and route.rule is None:
            return RequestContext(request_id)
        context = self.strategy.identify(request.environ, request_id)
        given = request.headers.get("X-OpenStack-Request-ID", "")
        return _with_global_id(context, given)

    def dispatch(self, route: Route, **parts: str) -> flask.Response:
        """Call the resource function. :raises ProvisionerError:"""
        request, state = flask.request, flask.g
        if state.table.versioned and state.version < route.version:
            raise NotFound()
        call = Call(
            services=self._services, enforcer=self._enforcer, metrics=self._metrics,
            context=state.context, version=state.version or 0, rule=route.rule,
            method=request.method, path=request.full_path.rstrip("?"), base=self._base(),
            query=_query(request), headers=request.headers, raw=_body(request, route.max_body))
        answer = route.function(call, **parts)
        if route.rule is not None and not call.authorized:
            raise AssertionError(f"{route.name} has answered without asking {route.rule}")
        return _response(answer)

    def _base(self) -> str:
        return (self._services.conf.api.public_endpoint or flask.request.host_url).rstrip("/")

    def fail(self, raised: Exception) -> flask.Response:
        """The one edge where every error of a request ends and is logged."""
        state = flask.g
        error = errors.translate(raised)
        status = errors.status_of(error)
        headers = {}
        render = state.table.render_error
        if status == 401:
            headers["WWW-Authenticate"] = getattr(error, "challenge", auth.REALM)
            render = errors.unauthenticated if render is errors.fault else render
        elif status == 413 and render is errors.fault:
            render = errors.bare
        elif status == 503:
            headers.update(errors.RETRY_AFTER)
        elif isinstance(raised, HTTPException) and raised.get_response().headers.get("Allow"):
            headers["Allow"] = raised.get_response().headers["Allow"]
        state.refused = error.code
        return _response(Answer(status, render(error, state.request_id), headers))

    def finish(self, response: flask.Response) -> flask.Response:
        """Headers that every answer has; one line in the log."""
        request, state = flask.request, flask.g
        response.headers["openstack-request-id"] = state.request_id
        response.headers["x-openstack-request-id"] = state.request_id
        if state.table.id_header:
            response.headers[state.table.id_header] = state.request_id.removeprefix("req-")
        # Who is not let in learns no versions.
        if state.table.versioned and response.status_code != 401:
            response.headers.update(microversion.answer_headers(state.version))
            response.headers["Vary"] = f"{microversion.STANDARD}, {microversion.LEGACY}"
        seconds = self._services.clock.elapsed() - state.began
        self._metrics.answered(request.method, str(request.url_rule or "unknown"),
                               response.status_code, seconds)
        context = state.get("context")
        LOG.info("%s %s %s %.3f s user=%s id=%s global=%s%s", request.method, request.path,
                 response.status_code, seconds, getattr(context, "user", None), state.request_id,
                 getattr(context, "global_request_id", None),
                 f" {state.refused}" if "refused" in state else "")
        return response


def _with_global_id(context: RequestContext, given: str) -> RequestContext:
    if not _GLOBAL_ID.fullmatch(given):
        return context
    return RequestContext(
        context.request_id, user=context.user, project=context.project, roles=context.roles,
        system_scope=context.system_scope, admin=context.admin, global_request_id=given)


def _body(request: flask.Request, most: int) -> bytes:
    """The body, ``most`` bytes at most.

    A body without a length is cut at the limit, without a word, by the library: one byte more
    tells a body that is too large from one that just fits.

    :raises RequestEntityTooLarge:
    """
    too_large = RequestEntityTooLarge(
        f"The body is too large: at most {most} bytes are taken here. Send less at a time.")
    if (request.content_length or 0) > most:
        raise too_large
    request.max_content_length = most if request.content_length is not None else most + 1
    raw = request.get_data(cache=False)
    if len(raw) > most:
        raise too_large
    return raw


def _query(request: flask.Request) -> dict[str, str]:
    """:raises Invalid: if an argument comes twice: which one counts would be a guess
    :raises Invalid: for a NUL character, here or in the path: no database takes it
    """
    if "\0" in request.path or any("\0" in text for item in request.args.items(multi=True)
                                   for text in item):
        raise exceptions.Invalid("The address has a NUL character.")
    twice = sorted(name for name, values in request.args.lists() if len(values) > 1)
    if twice:
        raise exceptions.Invalid(f"Arguments given more than once: {', '.join(twice)}")
    return request.args.to_dict()


def _response(answer: Answer) -> flask.Response:
    body, content_type = answer.body, answer.content_type
    if isinstance(body, (dict, list)):
        body, content_type = json.dumps(body), content_type or "application/json"
    response = flask.Response(body, status=answer.status, content_type=content_type)
    if answer.body is None:
        # Clients take a content type as the promise of a body.
        response.headers.pop("Content-Type", None)
    response.headers.update(answer.headers)
    return response
