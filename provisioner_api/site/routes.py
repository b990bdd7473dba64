"""The URL map of the site API: data, and nothing else."""

from provisioner.references import LIMIT
from provisioner_api.routing import Route, RouteTable
from provisioner_api.site import (
    answers,
    boot_actions,
    designs,
    drydock_designs,
    drydock_nodes,
    drydock_roots,
    drydock_tasks,
    events,
    nodes,
    plans,
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

V10 = RouteTable(_V10, (
    Route("GET", f"{_V10}/health", drydock_roots.health, None),
    Route("GET", f"{_V10}/health/extended", drydock_roots.extended, _GET_TASK),
    Route("GET", f"{_V10}/tasks", drydock_tasks.index, _GET_TASK),
    Route("POST", f"{_V10}/tasks", drydock_tasks.create, "provisioner:task:create"),
    Route("GET", f"{_V10}/tasks/<uuid>", drydock_tasks.show, _GET_TASK),
    Route("DELETE", f"{_V10}/tasks/<uuid>", drydock_tasks.terminate, _CHANGE_TASK),
    Route("GET", f"{_V10}/tasks/<uuid>/builddata", drydock_tasks.builddata, _GET_TASK),
    Route("GET", f"{_V10}/nodes", drydock_nodes.index, _GET_TASK),
    Route("GET", f"{_V10}/nodes/<hostname>/builddata", drydock_nodes.builddata, _GET_TASK),
    Route("POST", f"{_V10}/nodefilter", drydock_designs.nodefilter, _GET_DESIGN),
    Route("POST", f"{_V10}/validatedesign", drydock_designs.validate, _GET_DESIGN),
    Route("GET", f"{_V10}/bootactions/nodes/<hostname>/<kind>", boot_actions.archive, None),
    Route("POST", f"{_V10}/bootactions/<action_id>", boot_actions.report, None),
    Route("GET", f"{_V10}/designs", drydock_designs.index, _GET_DESIGN),
    Route("POST", f"{_V10}/designs", drydock_designs.create, "provisioner:design:create"),
    Route("GET", f"{_V10}/designs/<ident>", drydock_designs.show, _GET_DESIGN),
), render_error=answers.drydock_error)

VERSIONS = RouteTable("/versions", (Route("GET", "/versions", drydock_roots.versions, None),))
TABLES = (V11, V10, VERSIONS)
