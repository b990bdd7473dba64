"""The URL map of the site API: data, and nothing else."""

from provisioner.references import LIMIT
from provisioner_api.routing import Route, RouteTable
from provisioner_api.site import designs, events, nodes, task_requests, tasks

_V11 = "/api/v1.1"
_GET_DESIGN, _GET_TASK = "provisioner:design:get", "provisioner:task:get"
_CHANGE_TASK = "provisioner:task:change"

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
    Route("GET", f"{_V11}/events", events.index, _GET_TASK),
    Route("GET", f"{_V11}/nodes/<ident>/explain", nodes.explain, "provisioner:node:explain"),
))

TABLES = (V11,)
