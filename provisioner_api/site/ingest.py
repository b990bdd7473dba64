"""Designs on their way in and out of the database.

A design is immutable under its digest, so its effective site, which takes seconds for a large
one, is kept for the few designs that were asked for last.
"""

import collections
import threading

import sqlalchemy as sa

from provisioner import exceptions, references
from provisioner.db import designs
from provisioner.db.session import Transaction
from provisioner.secrets import Box
from provisioner.site import documents, findings, validate
from provisioner.site.effective import Design
from provisioner_api.call import Services

#: effective sites kept in memory
KEPT = 4


def read(text: bytes, source: str) -> Design:
    """The design that a stream of documents describes, checked. Never raises."""
    return validate.validate(documents.load(text, source))


def fetch(services: Services, uri: str) -> bytes:
    """What a reference refers to, within what the configuration allows.

    :raises Invalid, Unavailable: see :func:`provisioner.references.fetch`
    """
    options = services.conf.api
    return references.fetch(uri, options.design_file_roots, options.design_http_hosts,
                            clock=services.clock)


def summary(design: Design) -> dict:
    """Counts of documents by kind, of nodes, errors and warnings."""
    counted = collections.Counter(item.kind for item in design.documents.own)
    report = findings.report(design.findings, len(design.documents.own),
                             len(design.documents.foreign))
    return {**report["summary"], "nodes": len(design.site.nodes),
            "kinds": {kind: count for kind, count in sorted(counted.items()) if kind}}


def plain_findings(design: Design) -> list[dict]:
    return [found.as_dict() for found in findings.ordered(design.findings)]


def require(tx: Transaction, ident: str) -> sa.Row:
    """The stored design of that digest or unique prefix.

    :raises NotFound: with what to do about it
    """
    row = designs.get(tx, ident.lower())
    if row is None:
        raise exceptions.NotFound(
            f"There is no design {ident[:64]}, or more than one begins so.",
            remedy="List the designs; give the digest or at least its first 8 digits.",
            design=ident[:64])
    return row


class EffectiveSites:
    """The designs that were asked for last. Safe for several threads.

    One digest may be deleted and stored again with another layout, so the row's own time and
    source are part of what it is remembered under.
    """

    def __init__(self, kept: int = KEPT):
        self._kept = kept
        self._designs: collections.OrderedDict[tuple, Design] = collections.OrderedDict()
        self._lock = threading.Lock()

    def of(self, row: sa.Row, box: Box) -> Design:
        """The design of a row with its documents, computed or remembered.

        :param box: opens the documents, which rest sealed: they hold credentials of BMCs
        """
        key = (row.digest, row.source, row.created_at)
        with self._lock:
            design = self._designs.get(key)
            if design is not None:
                self._designs.move_to_end(key)
                return design
        design = read(box.open_text(row.documents).encode(), row.source or "design")
        with self._lock:
            self._designs[key] = design
            while len(self._designs) > self._kept:
                self._designs.popitem(last=False)
        return design


#: of this process; holds nothing that could be lost
effective_sites = EffectiveSites()
