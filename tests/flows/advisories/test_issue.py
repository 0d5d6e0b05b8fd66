"""Issuing and taking back: signed, logged, in the map, and there again after the catalogue was lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.advising import record
from tests.support.attesting import wait
from tests.support.nodes import add_user, make_node, running

from hanse.db.engine import Database, sqlite_url
from hanse.errors import BadFormat, BadRepoId, Conflict, NotAllowed, NotFoundError
from hanse.flows import bundles
from hanse.flows.advisories import book
from hanse.flows.advisories.issue import issue, record_of, withdraw
from hanse.flows.erase import sweep_bundles
from hanse.flows.node import Node
from hanse.flows.rebuild import rebuild
from hanse.flows.repos import create_repo, set_visibility
from hanse.model.repo import RepoId, RepoType, Visibility
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.tlog.map import advisory_key, advisory_value


def opened(folder: Path, name: str) -> Node:
    """Return a node over a catalogue of its own and objects that others with this folder share."""
    database = Database(sqlite_url(folder / name))
    database.migrate()
    return make_node(database, folder / "objects")


def test_a_life(tmp_path: Path) -> None:
    """An advisory is signed by the attestation key and in the map while it is in force; its history survives the catalogue."""
    node = opened(tmp_path, "one.db")
    with running(node):
        done = issue(node, record("HANSE-1"))
        with pytest.raises(Conflict):
            issue(node, record("HANSE-1"))
        assert [(one.id, one.index) for one in book.known(node)] == [("HANSE-1", None)] or book.known(node)[0].index is not None
        wait(node)
        bundle = parse_bundle_json(bundles.read(node.store, done.payload, done.key))
        assert verify_bundle(bundle, node.keys.attest.public).statement.predicate["id"] == "HANSE-1"
        maps = node.log.snapshot(node.log.size).maps.advisories
        assert maps.get(advisory_key("HANSE-1")) == advisory_value(done.payload)
        shown = book.shown(node, None, maps, node.log.size)
        assert shown is not None
        assert [one.id for one in shown.entries] == ["HANSE-1"]
        assert sweep_bundles(node) == 0
        withdraw(node, "HANSE-1")
        wait(node)
        assert len(node.log.snapshot(node.log.size).maps.advisories) == 0
        with pytest.raises(NotFoundError):
            withdraw(node, "HANSE-1")
        assert book.bundle_of(node, book.known(node)[0].payload)
        assert sweep_bundles(node) == 0
        known = book.known(node)
    again = opened(tmp_path, "two.db")
    rebuild(again)
    assert book.known(again) == known
    assert [one.retracted for one in known] == [True]
    assert known[0].advisory is not None
    assert known[0].advisory.withdrawn is not None
    again.db.close()
    node.db.close()


def test_what_is_not_for_everybody(tmp_path: Path) -> None:
    """A repository that is not public is not named; by digest it can be told."""
    node = opened(tmp_path, "one.db")
    with running(node):
        alice = add_user(node, "alice")
        create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, "alice", "secret"), Visibility.PRIVATE)
        with pytest.raises(NotAllowed):
            issue(node, record_of(node, {"summary": "s"}, kind="license", affects=["alice/Secret"]))
        issue(node, record_of(node, {"summary": "s"}, kind="license", files=["0" * 64]))
    node.db.close()


def test_taken_back_though_the_repository_went_private(tmp_path: Path) -> None:
    """A repository that is hidden after it was warned of does not keep the warning in force for ever."""
    node = opened(tmp_path, "one.db")
    with running(node):
        alice = add_user(node, "alice")
        repo = create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, "alice", "m"), Visibility.PUBLIC)
        issue(node, record_of(node, {"summary": "s"}, name="W-1", kind="license", affects=["alice/m"]))
        set_visibility(node, alice, repo, Visibility.PRIVATE)
        with pytest.raises(NotAllowed):
            issue(node, record_of(node, {"summary": "t"}, name="W-1", kind="license", affects=["alice/m"]))
        assert withdraw(node, "W-1").retracted
    node.db.close()


def test_by_hand(tmp_path: Path) -> None:
    """Names of this node and package URLs are taken, an id is made up where none is given; nothing affected is refused."""
    node = opened(tmp_path, "one.db")
    made = record_of(node, {}, kind="malicious", summary="s", affects=["datasets/a/b", "pkg:huggingface/c/d"], trees=["1" * 64])
    assert made["id"].startswith("HANSE-2027-")
    purls = [one.get("package", {}).get("purl") for one in made["affected"]]
    assert purls == [f"pkg:huggingface/a/b?repository_url={node.origin}&type=dataset", "pkg:huggingface/c/d", None]
    with pytest.raises(BadRepoId):
        record_of(node, {}, affects=["nothing"])
    for odd in ({"database_specific": "x"}, {"database_specific": None}, {"affected": 1}, {"affected": {"a": 1}}):
        with pytest.raises(BadFormat):
            record_of(node, odd, kind="license", files=["0" * 64])
    with running(node), pytest.raises(BadFormat):
        issue(node, record_of(node, {"summary": "s"}, kind="malicious"))
    node.db.close()
