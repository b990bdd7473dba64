"""A node's image is one that the design defines, or one that the deploying service has itself.

A design without Image documents leaves every name to that service, which is asked later.
"""

from provisioner.site.findings import INFO, WARNING, Rule

CODE = "DD3001"
TITLE = "Platform Selection"
SEVERITY = WARNING
REMEDY = "Add a provisioner/Image/v1 document of that name, or make sure the region has the image."
_RULE = Rule(CODE, TITLE, SEVERITY, REMEDY)


def check(site):
    images = site.images or any(kind == "Image" for kind, _ in site.broken)
    if not images and any(node.image for node in site.nodes.values()):
        yield _RULE.finding("the design defines no images; their names are not checked",
                            severity=INFO)
    for node in site.nodes.values():
        if node.image is None:
            yield _RULE.finding(f"node {node.name} has no platform.image",
                                site.at("BaremetalNode", node.name, "platform"),
                                remedy="Name an image.")
        elif images and not site.defined("Image", node.image):
            yield _RULE.finding(f"node {node.name} has image {node.image!r}, which is not an Image "
                                "of this design",
                                site.at("BaremetalNode", node.name, "platform", "image"))
