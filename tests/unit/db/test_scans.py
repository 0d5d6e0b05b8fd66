"""Facts of contents."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import blobs, scans
from hanse.db.blobs import NewFile
from hanse.db.engine import Database
from hanse.db.garbage import mark_erased
from hanse.db.scans import ScanRow
from hanse.model.digest import Sha256, XetHash

A, B = Sha256("a" * 64), Sha256("b" * 64)
ROW = ScanRow(A, "scan/1", 5, b"facts", None, 100)


def _file(database: Database, digest: Sha256) -> int:
    with database.write() as conn:
        return blobs.insert_files(conn, [NewFile(XetHash(digest), digest, 5, None, 1)], 0)[XetHash(digest)].id


def test_a_newer_look_replaces_an_older_one(database: Database) -> None:
    """There is one row for each content, that of the last scanner."""
    with database.write() as conn:
        scans.put(conn, [ROW, ROW])
        scans.put(conn, [replace(ROW, scanner="scan/2", facts=b"more")])
        scans.put(conn, [])
    with database.read() as conn:
        found = scans.get(conn, [A, B])
        assert found == {A: replace(ROW, scanner="scan/2", facts=b"more")}
        assert scans.known(conn, [A, B], "scan/2") == {A}
        assert scans.known(conn, [A, B], "scan/1") == set()


def test_others_are_kept_beside(database: Database) -> None:
    """What other scanners say does not touch the facts."""
    with database.write() as conn:
        scans.put(conn, [ROW])
        scans.set_others(conn, A, "{}")
    with database.read() as conn:
        assert scans.get(conn, [A]) == {A: replace(ROW, others="{}")}
    with database.write() as conn:
        scans.put(conn, [replace(ROW, scanner="scan/2")])
        assert scans.get(conn, [A]) == {A: replace(ROW, scanner="scan/2", others="{}")}
        scans.put(conn, [replace(ROW, others="{1}")])
        assert scans.get(conn, [A]) == {A: replace(ROW, others="{1}")}


def test_what_was_not_looked_at_is_found_in_order(database: Database) -> None:
    """Files whose contents lack facts of this scanner come up page by page; erased ones never."""
    ids = [_file(database, Sha256(letter * 64)) for letter in "abc"]
    with database.write() as conn:
        scans.put(conn, [ROW])
        mark_erased(conn, [ids[2]])
    with database.read() as conn:
        assert [row.id for row in scans.unscanned(conn, "scan/1", 0, 10)] == [ids[1]]
        assert [row.id for row in scans.unscanned(conn, "scan/2", 0, 1)] == [ids[0]]
        assert scans.unscanned(conn, "scan/2", ids[1], 10) == []


def test_facts_go_with_the_content(database: Database) -> None:
    """Facts of contents that no file has go, those that a file still has stay."""
    _file(database, A)
    gone = _file(database, B)
    with database.write() as conn:
        scans.put(conn, [ROW, replace(ROW, sha256=B)])
        mark_erased(conn, [gone])
        scans.drop(conn, [A, B])
        assert set(scans.get(conn, [A, B])) == {A}
        scans.put(conn, [replace(ROW, sha256=B)])
        assert scans.drop_orphans(conn, 100) == 0
        assert scans.drop_orphans(conn, 101) == 1
