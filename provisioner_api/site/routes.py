"""The URL map of the site API: data, and nothing else."""

from provisioner.policy.drydock import PREFIX
from provisioner.references import LIMIT
from provisioner_api.routing import Route, RouteTable
from provisioner_api.site import (
    answers,
    boot_actions,
    designs,
    drydock_designs,
    drydock_nodes,
    drydock_parts,
    drydock_roots,
    drydock_tasks,
    events,
    nodes,
    plans,
    schemas,
    site_locks,
    task_requests,
    tasks,
)

_V10 = "/api/v1.0"
_V11 = "/api/v1.1"
_GET_DESIGN, _GET_TASK = "provisioner:design:get", "provisioner:task:get"
_CHANGE_TASK = "provisioner:task:change"
_GET_PLAN = "provisioner:plan:get"

V11 = RouteTable("/api", (
    Route("GET", f"{_V11}/designs", designs.index, _GET_DESIGN),
    Route("POST", f"{_V11}/designs", designs.create, "provisioner:design:create",
          max_body=LIMIT),
    Route("GET", f"{_V11}/designs/<ident>", designs.show, _GET_DESIGN),
    Route("DELETE", f"{_V11}/designs/<ident>", designs.delete, "provisioner:design:delete"),
    Route("GET", f"{_V11}/designs/<ident>/documents", designs.text, _GET_DESIGN),
    Route("GET", f"{_V11}/designs/<ident>/nodes", designs.node_names, _GET_DESIGN),
    Route("GET", f"{_V11}/designs/<ident>/nodes/<name>", designs.node, _GET_DESIGN),
    Route("GET", f"{_V11}/designs/<ident>/diff/<other>", designs.compare, _GET_DESIGN),
    Route("GET", f"{_V11}/schemas", schemas.index, _GET_DESIGN),
    Route("GET", f"{_V11}/schemas/<kind>", schemas.show, _GET_DESIGN),
    Route("GET", f"{_V11}/locks", site_locks.index, _GET_DESIGN),
    Route("PUT", f"{_V11}/locks/<site>", site_locks.put, "provisioner:lock:change"),
    Route("DELETE", f"{_V11}/locks/<site>", site_locks.delete, "provisioner:lock:change"),
    Route("GET", f"{_V11}/tasks", tasks.index, _GET_TASK),
    Route("POST", f"{_V11}/tasks", task_requests.create, "provisioner:task:create"),
    Route("GET", f"{_V11}/tasks/<uuid>", tasks.show, _GET_TASK),
    Route("GET", f"{_V11}/tasks/<uuid>/events", events.of_task, _GET_TASK),
    Route("POST", f"{_V11}/tasks/<uuid>/cancel", task_requests.cancel, _CHANGE_TASK),
    Route("POST", f"{_V11}/tasks/<uuid>/retry", task_requests.retry, _CHANGE_TASK),
    Route("POST", f"{_V11}/tasks/<uuid>/<decision>", task_requests.decide, _CHANGE_TASK),
    Route("GET", f"{_V11}/plans", plans.index, _GET_PLAN),
    Route("POST", f"{_V11}/plans", plans.create, "provisioner:plan:create"),
    Route("GET", f"{_V11}/plans/<uuid>", plans.show, _GET_PLAN),
    Route("DELETE", f"{_V11}/plans/<uuid>", plans.delete, "provisioner:plan:delete"),
    Route("POST", f"{_V11}/plans/<uuid>/apply", plans.apply, "provisioner:plan:apply"),
    Route("GET", f"{_V11}/events", events.index, _GET_TASK),
    Route("GET", f"{_V11}/introspection/<hostname>", boot_actions.describe, None),
    Route("GET", f"{_V11}/nodes/<ident>/explain", nodes.explain, "provisioner:node:explain"),
))

_READ, _DATA = f"{PREFIX}read_task", f"{PREFIX}read_data"
_BUILD_DATA, _DELETE = f"{PREFIX}read_build_data", f"{PREFIX}delete_tasks"
_DRYDOCK = (
    Route("GET", f"{_V10}/health", drydock_roots.health, None),
    Route("GET", f"{_V10}/health/extended", drydock_roots.extended, f"{PREFIX}health_data"),
    Route("GET", f"{_V10}/tasks", drydock_tasks.index, _READ),
    Route("POST", f"{_V10}/tasks", drydock_tasks.create, f"{PREFIX}create_task"),
    Route("DELETE", f"{_V10}/tasks", drydock_tasks.purge, _DELETE),
    Route("GET", f"{_V10}/tasks/<uuid>", drydock_tasks.show, _READ),
    Route("DELETE", f"{_V10}/tasks/<uuid>", drydock_tasks.terminate, _DELETE),
    Route("GET", f"{_V10}/tasks/<uuid>/builddata", drydock_tasks.builddata, _BUILD_DATA),
    Route("GET", f"{_V10}/nodes", drydock_nodes.index, _DATA),
    Route("GET", f"{_V10}/nodes/<hostname>/builddata", drydock_nodes.builddata, _BUILD_DATA),
    Route("POST", f"{_V10}/nodefilter", drydock_designs.nodefilter, _DATA),
    Route("POST", f"{_V10}/validatedesign", drydock_designs.validate,
          f"{PREFIX}validate_site_design"),
    Route("GET", f"{_V10}/bootactions/nodes/<hostname>/<kind>", boot_actions.archive, None),
    Route("POST", f"{_V10}/bootactions/<action_id>", boot_actions.report, None),
    Route("GET", f"{_V10}/designs", drydock_designs.index, _DATA),
    Route("POST", f"{_V10}/designs", drydock_designs.create, f"{PREFIX}ingest_data"),
    Route("GET", f"{_V10}/designs/<ident>", drydock_designs.show, _DATA),
    Route("GET", f"{_V10}/designs/<ident>/parts", drydock_parts.index, _DATA),
    Route("GET", f"{_V10}/designs/<ident>/parts/<kind>", drydock_parts.of_kind, _DATA),
    Route("GET", f"{_V10}/designs/<ident>/parts/<kind>/<name>", drydock_parts.show, _DATA),
)
_OPTIONS = tuple(Route("OPTIONS", path, drydock_roots.options, None)
                 for path in sorted({route.path for route in _DRYDOCK}))
V10 = RouteTable(_V10, (*_DRYDOCK, *_OPTIONS), render_error=answers.drydock_error,
                 id_header="X-Drydock-Req")

VERSIONS = RouteTable("/versions", (Route("GET", "/versions", drydock_roots.versions, None),))
TABLES = (V11, V10, VERSIONS)
