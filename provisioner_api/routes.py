"""The URL map: every path, method, function and policy rule, as data."""

from provisioner_api import errors
from provisioner_api.resources import (
    drivers,
    health,
    node_maintenance,
    node_management,
    node_records,
    node_states,
    node_traits,
    node_update,
    nodes,
    ports,
    ramdisk,
    roots,
)
from provisioner_api.routing import MIB, Route, RouteTable
from provisioner_api.site import routes as site_routes

N = "/v1/nodes/<ident>"

_NODES = (
    Route("GET", "/v1/nodes", nodes.index, "baremetal:node:list"),
    Route("POST", "/v1/nodes", nodes.create, "baremetal:node:create"),
    Route("GET", "/v1/nodes/detail", nodes.detail, "baremetal:node:list"),
    Route("GET", "/v1/nodes/validate", nodes.validate_named, "baremetal:node:validate"),
    Route("GET", N, nodes.show, "baremetal:node:get"),
    Route("PATCH", N, node_update.update, "baremetal:node:update"),
    Route("DELETE", N, nodes.delete, "baremetal:node:delete"),
    Route("GET", f"{N}/validate", nodes.validate, "baremetal:node:validate"),
    Route("PUT", f"{N}/maintenance", node_maintenance.enter, "baremetal:node:set_maintenance"),
    Route("DELETE", f"{N}/maintenance", node_maintenance.leave,
          "baremetal:node:clear_maintenance"),
    Route("GET", f"{N}/states", node_states.show, "baremetal:node:get_states"),
    Route("PUT", f"{N}/states/power", node_states.set_power, "baremetal:node:set_power_state"),
    Route("PUT", f"{N}/states/provision", node_states.set_provision,
          "baremetal:node:set_provision_state", max_body=64 * MIB),
    Route("GET", f"{N}/management/boot_device", node_management.get_boot_device,
          "baremetal:node:get_boot_device"),
    Route("PUT", f"{N}/management/boot_device", node_management.set_boot_device,
          "baremetal:node:set_boot_device"),
    Route("GET", f"{N}/management/boot_device/supported", node_management.supported_boot_devices,
          "baremetal:node:get_boot_device"),
    Route("PUT", f"{N}/management/inject_nmi", node_management.inject_nmi,
          "baremetal:node:inject_nmi", 29),
    Route("GET", f"{N}/traits", node_traits.index, "baremetal:node:traits:list", 37),
    Route("PUT", f"{N}/traits", node_traits.replace, "baremetal:node:traits:set", 37),
    Route("DELETE", f"{N}/traits", node_traits.remove_all, "baremetal:node:traits:set", 37),
    Route("PUT", f"{N}/traits/<trait>", node_traits.add, "baremetal:node:traits:set", 37),
    Route("DELETE", f"{N}/traits/<trait>", node_traits.remove, "baremetal:node:traits:set", 37),
    Route("GET", f"{N}/vifs", node_records.vifs, "baremetal:node:vif:list", 28),
    Route("POST", f"{N}/vifs", node_records.attach_vif, "baremetal:node:vif:attach", 28),
    Route("DELETE", f"{N}/vifs/<vif>", node_records.detach_vif, "baremetal:node:vif:detach", 28),
    Route("GET", f"{N}/bios", node_records.bios, "baremetal:node:bios:get", 40),
    Route("GET", f"{N}/bios/<setting>", node_records.bios_setting, "baremetal:node:bios:get", 40),
    Route("GET", f"{N}/firmware", node_records.firmware, "baremetal:node:firmware:get", 86),
    Route("GET", f"{N}/inventory", node_records.inventory, "baremetal:node:inventory:get", 81),
    Route("GET", f"{N}/history", node_records.history, "baremetal:node:history:get", 78),
    Route("GET", f"{N}/history/<entry>", node_records.history_entry,
          "baremetal:node:history:get", 78),
    Route("GET", f"{N}/vendor_passthru/methods", node_records.vendor_methods,
          "baremetal:node:vendor_passthru"),
    *(Route(method, f"{N}/vendor_passthru{rest}", node_records.vendor_call,
            "baremetal:node:vendor_passthru")
      for rest in ("", "/<method>") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
    Route("GET", f"{N}/ports", ports.of_node, "baremetal:port:list"),
    Route("GET", f"{N}/ports/detail", ports.of_node_detail, "baremetal:port:list"),
)

_OTHERS = (
    Route("GET", "/", roots.root, None),
    Route("GET", "/v1", roots.v1, None),
    Route("GET", "/v1/ports", ports.index, "baremetal:port:list"),
    Route("POST", "/v1/ports", ports.create, "baremetal:port:create"),
    Route("GET", "/v1/ports/detail", ports.detail, "baremetal:port:list"),
    Route("GET", "/v1/ports/<ident>", ports.get, "baremetal:port:get"),
    Route("PATCH", "/v1/ports/<ident>", ports.update, "baremetal:port:update"),
    Route("DELETE", "/v1/ports/<ident>", ports.delete, "baremetal:port:delete"),
    Route("GET", "/v1/drivers", drivers.index, "baremetal:driver:get"),
    Route("GET", "/v1/drivers/<name>", drivers.get, "baremetal:driver:get"),
    Route("GET", "/v1/drivers/<name>/properties", drivers.properties,
          "baremetal:driver:get_properties"),
    Route("GET", "/v1/drivers/<name>/vendor_passthru/methods", drivers.vendor_methods,
          "baremetal:driver:get"),
    Route("GET", "/v1/conductors", drivers.conductor_index, "baremetal:conductor:get", 49),
    Route("GET", "/v1/conductors/<hostname>", drivers.conductor, "baremetal:conductor:get", 49),
    Route("GET", "/v1/lookup", ramdisk.lookup, None, 22),
    Route("POST", "/v1/heartbeat/<ident>", ramdisk.heartbeat, None, 22),
    Route("POST", "/v1/continue_inspection", ramdisk.continue_inspection, None,
          max_body=16 * MIB),
)

BARE_METAL = RouteTable("/", (*_NODES, *_OTHERS), versioned=True, render_error=errors.fault)
BOOT = RouteTable("/boot", (Route("GET", "/boot/<mac>.ipxe", ramdisk.boot_script, None),))
HEALTH = RouteTable("/healthcheck", (Route("GET", "/healthcheck", health.check, None),))
METRICS = RouteTable("/metrics", (
    Route("GET", "/metrics", health.metrics, "provisioner:metrics:get"),))
TABLES = (BARE_METAL, BOOT, HEALTH, METRICS, *site_routes.TABLES)
