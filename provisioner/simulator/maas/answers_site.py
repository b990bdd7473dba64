"""Operations on everything else: accounts, tags, images, racks, settings, results, events."""

import re

from provisioner.simulator.maas import results
from provisioner.simulator.maas.errors import ApiError, choice, invalid, missing
from provisioner.simulator.maas.interface import Interface
from provisioner.simulator.maas.machine import Machine, Power
from provisioner.simulator.maas.plant import unknown
from provisioner.simulator.maas.region import IMAGES
from provisioner.simulator.maas.routing import ROOT, Answer, Call, operation

VERSION = {"version": "3.4.10-14349-g.9d34090c1", "subversion": "", "capabilities": [
    "networks-management", "static-ipaddresses", "ipv6-deployment-ubuntu", "devices-management",
    "storage-deployment-ubuntu", "network-deployment-ubuntu", "bridging-interface-ubuntu",
    "bridging-automatic-ubuntu", "authenticate-api"]}
_TAG_NAME = re.compile(r"[\w.-]+")
_TESTS = ("cpu", "memory", "storage", "network", "interface", "other")
#: what of a machine's record a rack controller has too
_RACK = ("cpu_count", "domain", "power_type", "current_commissioning_result_id",
         "current_testing_result_id", "zone", "status_action", "hardware_uuid", "distro_series",
         "hostname", "system_id", "cpu_speed", "description", "current_installation_result_id",
         "hardware_info", "commissioning_status", "power_state", "architecture",
         "interface_set", "commissioning_status_name", "testing_status_name", "fqdn",
         "swap_size", "osystem", "tag_names", "testing_status", "memory",
         *(f"{kind}_test_status" for kind in _TESTS),
         *(f"{kind}_test_status_name" for kind in _TESTS))
_SERVICES = ("http", "proxy_rack", "ntp_rack", "tftp", "dns_rack", "rackd", "dhcpd",
             "syslog_rack", "dhcpd6")


@operation("version/", anonymous=True)
def version(call: Call) -> dict:
    return VERSION


@operation("users/", op="whoami")
def whoami(call: Call) -> dict:
    return {"is_superuser": call.user.admin, "username": call.user.name,
            "email": f"{call.user.name}@example.com", "is_local": True,
            "resource_uri": f"{ROOT}users/{call.user.name}/"}


@operation("users/")
def users(call: Call) -> list:
    return [whoami(call)]


@operation("account/", op="list_authorisation_tokens")
def tokens(call: Call) -> list:
    return [{"name": one.name, "token": one.api_key} for one in call.region.tokens
            if one.user.name == call.user.name]


@operation("account/", "POST", "create_authorisation_token")
def create_token(call: Call) -> dict:
    made = call.region.new_token(call.user, call.one("name") or "MAAS consumer")
    return {"token_key": made.key, "token_secret": made.secret, "consumer_key": made.consumer,
            "name": made.name}


@operation("account/", "POST", "delete_authorisation_token")
def delete_token(call: Call) -> Answer:
    call.region.tokens = [one for one in call.region.tokens if one.key != call.one("token_key")]
    return Answer("", 204)


def _key_view(key: dict) -> dict:
    return {**key, "resource_uri": f"{ROOT}account/prefs/sshkeys/{key['id']}/"}


@operation("account/prefs/sshkeys/")
def keys(call: Call) -> list:
    return [_key_view({**one, "keysource": ""}) for one in call.region.keys]


@operation("account/prefs/sshkeys/", "POST")
def create_key(call: Call) -> Answer:
    key = call.one("key", "")
    if len(key.split()) < 2:
        raise invalid(key="Invalid SSH public key: Key should contain 2 or more space separated "
                          "parts (key type, base64-encoded key, optional comments), not "
                          f"{len(key.split())}: {key}")
    made = {"key": key, "keysource": None, "id": call.region.ids.new("sshkey")}
    call.region.keys.append(made)
    return Answer(made, 201)


def _tag_view(tag: dict) -> dict:
    return {key: value for key, value in tag.items() if key != "members"}


@operation("tags/")
def tags(call: Call) -> list:
    return [_tag_view(one) for one in call.region.site.tags.values()]


@operation("tags/", "POST", admin=True)
def create_tag(call: Call) -> dict:
    name = call.one("name", "")
    if not _TAG_NAME.fullmatch(name):
        raise invalid(name="Enter a valid value.")
    if name in call.region.site.tags:
        raise invalid(name="Tag with this Name already exists.")
    call.region.site.tags[name] = {
        "name": name, "definition": call.one("definition", ""),
        "comment": call.one("comment", ""), "kernel_opts": call.one("kernel_opts", ""),
        "resource_uri": f"{ROOT}tags/{name}/", "members": set()}
    if call.one("definition"):
        call.region.site.tags[name]["members"] |= set(call.region.machines)
    return _tag_view(call.region.site.tags[name])


@operation("tags/{name}/")
def tag(call: Call) -> dict:
    return _tag_view(call.region.site.tags.find(call.part["name"]))


@operation("tags/{name}/", "PUT", admin=True)
def update_tag(call: Call) -> dict:
    found = call.region.site.tags.find(call.part["name"])
    found.update({name: call.one(name) for name in ("comment", "kernel_opts", "definition")
                  if call.has(name)})
    return _tag_view(found)


@operation("tags/{name}/", "DELETE", admin=True)
def delete_tag(call: Call) -> Answer:
    call.region.site.tags.find(call.part["name"])
    del call.region.site.tags[call.part["name"]]
    return Answer("", 204)


@operation("tags/{name}/", "POST", "update_nodes")
def update_tag_nodes(call: Call) -> dict:
    found = call.region.site.tags.find(call.part["name"])
    known = set(call.region.machines)
    if found["definition"]:
        raise ApiError(409, "This tag has a definition: its nodes cannot be set by hand.")
    add = (set(call.many("add")) & known) - found["members"]
    remove = set(call.many("remove")) & found["members"]
    found["members"] = (found["members"] | add) - remove
    return {"added": len(add), "removed": len(remove)}


@operation("tags/{name}/", "POST", "rebuild", admin=True)
def rebuild_tag(call: Call) -> dict:
    call.region.site.tags.find(call.part["name"])
    return {"rebuilding": call.part["name"]}


def _tagged(call: Call) -> list:
    members = call.region.site.tags.find(call.part["name"])["members"]
    return [call.region.view(call.region.machines[own]) for own in sorted(members)]


operation("tags/{name}/", op="machines")(_tagged)
operation("tags/{name}/", op="nodes")(_tagged)


@operation("zones/")
def zones(call: Call) -> list:
    return list(call.region.site.zones.values())


@operation("zones/", "POST", admin=True)
def create_zone(call: Call) -> dict:
    if call.one("name") in call.region.site.zones:
        raise invalid(name="Physical zone with this Name already exists.")
    return call.region.site.add_zone(call.one("name", ""), call.one("description", ""))


@operation("zones/{name}/")
def zone(call: Call) -> dict:
    return call.region.site.zones.find(call.part["name"])


@operation("resourcepools/")
def pools(call: Call) -> list:
    return list(call.region.site.pools.values())


@operation("resourcepools/", "POST", admin=True)
def create_pool(call: Call) -> dict:
    return call.region.site.add_pool(call.one("name", ""), call.one("description", ""))


@operation("maas/", op="get_config")
def get_config(call: Call):
    name = call.one("name", "")
    return Answer(call.region.settings[_setting(call, name)], 200, "application/json")


@operation("maas/", "POST", "set_config", admin=True)
def set_config(call: Call) -> Answer:
    name, value = _setting(call, call.one("name", "")), call.one("value")
    layouts = ("bcache", "blank", "flat", "lvm", "vmfs6", "vmfs7")
    if name == "default_storage_layout" and value not in layouts:
        raise choice(name, value)
    call.region.settings[name] = value
    return Answer("OK")


def _setting(call: Call, name: str) -> str:
    if name not in call.region.settings:
        known = ", ".join(call.region.settings)
        raise ApiError(400, {name: [f"{name} is not a valid config setting (valid settings are: "
                                    f"{known})."]})
    return name


def _image(number: int, name: str, architecture: str) -> dict:
    return {"id": number, "type": "Synced", "name": name, "architecture": architecture,
            "resource_uri": f"{ROOT}boot-resources/{number}/", "last_deployed": None,
            "platform": "generic", "supported_platforms": "generic"}


@operation("boot-resources/")
def images(call: Call) -> list:
    if call.one("type") == "uploaded":
        return []
    return [_image(number, *image) for number, image in enumerate(IMAGES, 1)]


@operation("boot-resources/{id}/")
def image(call: Call) -> dict:
    number = int(call.part["id"])
    if not 0 < number <= len(IMAGES):
        raise missing("BootResource")
    return {**_image(number, *IMAGES[number - 1]), "sets": {}}


@operation("boot-resources/", op="is_importing")
def is_importing(call: Call) -> bool:
    return call.region.importing


@operation("boot-resources/", "POST", "import", admin=True)
def start_import(call: Call) -> Answer:
    return Answer("Import of boot resources started")


@operation("boot-resources/", "POST", "stop_import", admin=True)
def stop_import(call: Call) -> Answer:
    return Answer("Import of boot resources is being stopped")


@operation("rackcontrollers/")
def racks(call: Call) -> list:
    """The one rack controller, as far as anybody looks at it."""
    site, status = call.region.site, "dead" if call.region.faults.rack_down else "running"
    record = Machine("rack01", "rack01", "amd64/generic", site.domains[0],
                     site.zones["default"], site.pools[0], unknown("rack01", []), Power())
    services = [{"name": name, "status": status, "status_info": ""} for name in _SERVICES]
    shown = {name: value for name, value in record.view([]).items() if name in _RACK}
    return [{**shown, "node_type": 2, "node_type_name": "Rack controller",
             "version": VERSION["version"], "service_set": services,
             "resource_uri": f"{ROOT}rackcontrollers/rack01/"}]


@operation("rackcontrollers/{system_id}/")
def rack(call: Call) -> dict:
    return racks(call)[0]


@operation("rackcontrollers/{system_id}/", op="list_boot_images")
def rack_images(call: Call) -> dict:
    names: dict[str, set] = {}
    for name, architecture in IMAGES:
        names.setdefault(name, {"generic"}).add(architecture.partition("/")[2])
    return {"images": [{"name": name, "architecture": "amd64", "subarches": sorted(kernels)}
                       for name, kernels in names.items()],
            "connected": not call.region.faults.rack_down, "status": "synced"}


@operation("package-repositories/")
def repositories(call: Call) -> list:
    return list(call.region.repositories.values())


_LISTS = ("distributions", "components", "arches", "disabled_pockets", "disabled_components")


def _repository(call: Call, known: dict) -> dict:
    known.update({name: call.one(name) for name in ("name", "url", "key") if call.has(name)})
    known.update({name: call.many(name) for name in _LISTS if call.has(name)})
    return known


@operation("package-repositories/", "POST", admin=True)
def create_repository(call: Call) -> dict:
    number = call.region.ids.new("repository")
    made = _repository(call, {**call.region.repositories[1], "id": number, "resource_uri":
                              f"{ROOT}package-repositories/{number}/"})
    call.region.repositories[number] = made
    return made


@operation("package-repositories/{id}/", "PUT", admin=True)
def update_repository(call: Call) -> dict:
    number = int(call.part["id"])
    if number not in call.region.repositories:
        raise missing("PackageRepository")
    return _repository(call, call.region.repositories[number])


@operation("package-repositories/{id}/", "DELETE", admin=True)
def delete_repository(call: Call) -> Answer:
    call.region.repositories.pop(int(call.part["id"]), None)
    return Answer("", 204)


def _sets(call: Call) -> list[dict]:
    machine = call.region.machine(call.part["system_id"], "Node")
    return [known for name, known in machine.life.results.items()
            if name in ("commissioning", "testing", "installation")]


@operation("nodes/{system_id}/results/")
def result_sets(call: Call) -> list:
    kind = call.one("type")
    return [known for known in _sets(call)
            if kind in (None, known["type_name"].lower())]


@operation("nodes/{system_id}/results/{id}/")
def result(call: Call) -> dict:
    machine = call.region.machine(call.part["system_id"], "Node")
    key = call.part["id"]
    found = machine.life.results.get(key.removeprefix("current-")) if key.startswith(
        "current-") else next((one for one in _sets(call) if str(one["id"]) == key), None)
    if found is None:
        raise ApiError(400, f"There is no result {key} yet.")
    wanted = call.many("filters")
    chosen = [one for one in found["results"] if not wanted or one["name"] in wanted]
    found = {**found, "results": chosen}
    return results.with_output(machine, found) if call.flag("include_output") else found


@operation("nodes/{system_id}/devices/")
def devices(call: Call) -> list:
    machine = call.region.machine(call.part["system_id"], "Node")
    return [_device(machine, number, one) for number, one in enumerate(machine.interfaces, 1)
            if one.pci]


def _device(machine: Machine, number: int, one: Interface) -> dict:
    return {"bus": 1, "hardware_type": 4, "physical_blockdevice": None,
            "physical_interface": one.view(machine.system_id, machine.interfaces),
            "vendor_id": "1af4", "product_id": "1000", "vendor_name": "Simulated",
            "product_name": "Simulated NIC", "commissioning_driver": "virtio-pci",
            "bus_number": 0, "device_number": number, "pci_address": one.pci,
            "bus_name": "PCIE", "system_id": machine.system_id, "numa_node": 0, "id": number,
            "hardware_type_name": "Network",
            "resource_uri": f"{ROOT}nodes/{machine.system_id}/devices/{number}/"}


@operation("events/", op="query")
def events(call: Call) -> dict:
    limit, ids = call.number("limit", 100), call.many("id")
    if limit > 1000:
        raise ApiError(400, "Requested number of events limit is too big: maximum is 1000.")
    after, before = call.number("after", 0), call.number("before")
    found = [one for one in reversed(call.region.events)
             if (not ids or one["node"] in ids) and one["id"] > after
             and (before is None or one["id"] < before)][:limit]
    here = f"{ROOT}events/?op=query&limit={limit}"
    first = found[0]["id"] if found else after
    last = found[-1]["id"] if found else after
    return {"count": len(found), "events": found, "next_uri": f"{here}&after={first}",
            "prev_uri": f"{here}&before={last}"}
