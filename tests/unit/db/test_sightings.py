"""What the logs of others say, as rows."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import sightings
from hanse.db.engine import Database
from hanse.db.sightings import Said
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoId, RepoType

ONE = Said(Origin("b.example.org"), 7, Origin("a.example.org"), "model", "org/name", GitOid("1" * 40), Sha256("2" * 64), 50)


def test_statements_are_found_by_what_they_are_about(database: Database) -> None:
    """By tree or commit, the oldest first; the same leaf is one row, however often it is read."""
    older = replace(ONE, log=Origin("c.example.org"), index=1, time=40)
    other = replace(ONE, index=8, rev=GitOid("3" * 40), tree=Sha256("4" * 64))
    with database.write() as conn:
        sightings.put(conn, [])
        sightings.put(conn, [ONE, older, other])
        sightings.put(conn, [replace(ONE, time=1)])
        assert sightings.about(conn, "tree", [ONE.tree], 10) == [older, ONE]
        assert sightings.about(conn, "rev", [other.rev, ONE.rev], 10) == [older, ONE, other]
        assert sightings.about(conn, "rev", [ONE.rev], 1) == [older]
        assert sightings.about(conn, "tree", ["0" * 64], 10) == []


def test_only_manifests_say_that_somebody_holds_something(database: Database) -> None:
    """A scan or an owner's position in a log does not make its operator a holder."""
    repo = RepoId(ONE.origin, RepoType.MODEL, "Org", "name")
    scan = replace(ONE, log=Origin("c.example.org"), manifest=False)
    with database.write() as conn:
        sightings.put(conn, [ONE, replace(ONE, index=9), scan])
        assert sightings.holders(conn, repo, ONE.rev, ONE.tree) == {ONE.log}
        assert sightings.holders(conn, repo, ONE.rev, Sha256("0" * 64)) == set()
        assert sightings.counts(conn) == {ONE.log: 1}
        assert len(sightings.about(conn, "tree", [ONE.tree], 10)) == 3


def test_what_contradicts(database: Database) -> None:
    """Of one commit id of one repository: manifests with another tree, the oldest first; other statements contradict nothing."""
    place = (ONE.origin, ONE.type, ONE.repo, ONE.rev)
    other = replace(ONE, log=Origin("c.example.org"), tree=Sha256("5" * 64))
    same = [replace(ONE, repo="org/other", tree=Sha256("6" * 64), index=8), replace(other, index=1, manifest=False)]
    with database.write() as conn:
        sightings.put(conn, [ONE, *same])
        assert sightings.contradicted(conn, [ONE.rev], [ONE.repo, "org/other"]) == set()
        assert sightings.another(conn, place, ONE.tree) is None
        sightings.put(conn, [other, replace(other, index=9, time=60)])
        assert sightings.contradicted(conn, [ONE.rev], [ONE.repo, "org/other"]) == {place}
        assert sightings.contradicted(conn, [ONE.rev], ["org/other"]) == set()
        assert sightings.another(conn, place, ONE.tree) == other
