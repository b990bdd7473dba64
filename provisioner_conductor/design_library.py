"""Site designs by digest, computed once: they are immutable."""

import functools
from collections.abc import Callable

from provisioner import exceptions
from provisioner.db import designs
from provisioner.db.session import Database
from provisioner.site import documents
from provisioner.site.effective import Design
from provisioner.site.validate import validate

#: designs kept in memory by one conductor
KEPT = 8


class DesignLibrary:
    """Effective designs. Safe for use by several threads."""

    def __init__(self, database: Database, open_text: Callable[[str], str]):
        """:param open_text: opens documents, which rest sealed"""
        self._database = database
        self._open_text = open_text
        self.get = functools.lru_cache(maxsize=KEPT)(self._read)

    def _read(self, digest: str) -> Design:
        """The effective design of a stored digest.

        :raises NotFound: if it is not stored
        """
        with self._database.reader() as tx:
            row = designs.get(tx, digest)
        if row is None:
            raise exceptions.NotFound(f"Design {digest[:12]} could not be found.",
                                      remedy="Create it with 'design create'.")
        return validate(documents.load(self._open_text(row.documents), row.source or "design"))
