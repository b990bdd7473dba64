"""Designs are stored once; a site's lock moves only when nothing of another design runs."""

import pytest

from provisioner import exceptions
from provisioner.db import designs
from provisioner.db.designs import NewDesign
from tests.unit.db import rows

ONE, TWO = "a" * 64, "a" * 10 + "b" * 54


def put(database, digest, documents="---\n"):
    database.write(lambda tx: designs.put(tx, NewDesign(
        digest, documents, summary={"nodes": 1}, findings=[{"code": "DD1001"}])))


def get(database, digest):
    with database.reader() as tx:
        return designs.get(tx, digest)


def test_a_design_stays_as_it_is(database):
    put(database, ONE, "first é " * 20000)
    put(database, ONE, "second")
    design = get(database, ONE)
    assert design.documents == "first é " * 20000
    assert (design.summary, design.findings) == ({"nodes": 1}, [{"code": "DD1001"}])


def test_a_design_is_found_by_the_beginning_of_its_digest(database):
    put(database, ONE)
    put(database, TWO)
    assert get(database, ONE[:12]).digest == ONE
    assert get(database, TWO[:12]).digest == TWO
    assert get(database, ONE[:10]) is None, "two begin so"
    assert get(database, "a" * 7) is None, "too short"
    assert get(database, "a" * 8 + "%") is None


def test_lists_are_light_and_newest_first(database):
    put(database, ONE)
    put(database, TWO)
    with database.reader() as tx:
        found = designs.find(tx)
        assert [row.digest for row in designs.find(tx, 1, before=found[0].id)] == [ONE]
    assert [row.digest for row in found] == [TWO, ONE]
    assert "documents" not in found[0]._fields


def lock(database, digest, task):
    database.write(lambda tx: designs.lock_site(tx, "s1", digest, task))


def test_the_lock_of_a_site(database):
    put(database, ONE)
    put(database, TWO)
    running = rows.task(database, site="s1", design=ONE)
    lock(database, ONE, running)
    with pytest.raises(exceptions.Conflict, match=running):
        lock(database, TWO, "t2")
    with database.reader() as tx:
        assert designs.site(tx, "s1").design == ONE
    database.write(lambda tx: tx.execute(designs.tasks.update().values(state="parked")))
    lock(database, TWO, "t2")
    with database.reader() as tx:
        site = designs.site(tx, "s1")
    assert (site.design, site.locked_by) == (TWO, "t2")


def test_a_design_in_use_is_not_deleted(database):
    for digest in (ONE, TWO):
        put(database, digest)
    rows.task(database, design=ONE)
    with pytest.raises(exceptions.Conflict):
        database.write(lambda tx: designs.delete(tx, ONE))
    lock(database, TWO, "t")
    with pytest.raises(exceptions.Conflict):
        database.write(lambda tx: designs.delete(tx, TWO))
    put(database, "c" * 64)
    database.write(lambda tx: designs.delete(tx, "c" * 64))
    assert get(database, "c" * 64) is None
    assert get(database, ONE) is not None
