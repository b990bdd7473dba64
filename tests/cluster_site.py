"""The small example site, cut down to some machines on fake hardware."""

import dataclasses
import functools

from provisioner.db import designs, nodes
from provisioner.site import documents
from provisioner.site.validate import validate
from tests import source_tree

SITE = "small"


@functools.lru_cache(maxsize=4)
def small_site(names: tuple[str, ...], port: int = 6480) -> designs.NewDesign:
    """The design with these nodes of it. :param port: of the server of its images"""
    path = source_tree.ROOT / "etc/provisioner/examples/small/site.yaml"
    text = path.read_text(encoding="utf-8").replace("type: ipmi", "type: fake").replace(
        ":6480/", f":{port}/")
    text = "\n---\n".join(part for part in text.split("\n---\n") if "BaremetalNode" not in part
                          or any(f"name: {name}}}" in part for name in names))
    return designs.NewDesign(validate(documents.load(text, "design")).digest, text, "design")


def store(on, design: designs.NewDesign) -> None:
    sealed = on.live()[0].hardware.seal_text(design.documents)
    with on.database.writer() as tx:
        designs.put(tx, dataclasses.replace(design, documents=sealed))


def prepared(on, design: designs.NewDesign, **columns) -> list[str]:
    """Names of the design's nodes, written by prepare_site and then set to ``columns``."""
    store(on, design)
    task = on.run(on.accept("prepare_site", site=SITE, design=design.digest))
    with on.database.writer() as tx:
        for row in nodes.by_names(tx, task.result["successes"]).values():
            nodes.update_engine(tx, row.uuid, columns)
    return task.result["successes"]
