"""The documents that clients find their way by: ``/`` and ``/v1``."""

from provisioner_api import microversion, pagination
from provisioner_api.call import Answer, Call, ok

#: resources served -> first minor version that has them
_RESOURCES = {"nodes": 1, "ports": 1, "drivers": 1, "lookup": 22, "heartbeat": 22,
              "conductors": 49, "continue_inspection": 84}


def _version(call: Call) -> dict:
    return {"id": "v1", "status": "CURRENT", "min_version": microversion.text(microversion.MINIMUM),
            "version": microversion.text(microversion.MAXIMUM),
            "links": [{"href": call.link("v1/"), "rel": "self"}]}


def root(call: Call) -> Answer:
    """``GET /``"""
    version = _version(call)
    return ok({"name": "Bare Metal API", "default_version": version, "versions": [version],
               "description": "Bare-metal provisioning: site designs turned into running "
                              "machines."})


def v1(call: Call) -> Answer:
    """``GET /v1``"""
    body = {"id": "v1", "version": _version(call),
            "links": [{"href": call.link("v1/"), "rel": "self"},
                      {"href": call.link("v1/"), "rel": "describedby", "type": "text/html"}],
            "media_types": {"base": "application/json",
                            "type": "application/vnd.openstack.ironic.v1+json"}}
    for name, version in _RESOURCES.items():
        if version <= call.version:
            body[name] = pagination.links(call, name)
    return ok(body)
