"""A virtual node has the address of its hypervisor, and the MAC that it boots from."""

from provisioner.site.findings import ERROR, Rule

CODE = "DD4002"
TITLE = "Valid Libvirt Configuration"
SEVERITY = ERROR
REMEDY = "Set oob.libvirt_uri to qemu+ssh://user@host/system, and metadata.boot_mac."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    for node in site.nodes.values():
        if node.oob_type != "libvirt":
            continue
        uri = node.oob_parameters.get("libvirt_uri")
        if not uri:
            yield _RULE.finding(f"node {node.name} has no oob.libvirt_uri",
                                site.at("BaremetalNode", node.name, "oob"))
        elif not uri.startswith("qemu+ssh"):
            yield _RULE.finding(f"oob.libvirt_uri of node {node.name} does not begin with qemu+ssh",
                                site.at("BaremetalNode", node.name, "oob", "libvirt_uri"))
        if not node.boot_mac:
            yield _RULE.finding(f"node {node.name} has no metadata.boot_mac",
                                site.at("BaremetalNode", node.name, "metadata"))
