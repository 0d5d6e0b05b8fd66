"""Two trees of one commit id are told, whoever signed them; the same tree twice is not, nor what is not public."""

from __future__ import annotations

from dataclasses import replace

from tests.support.attesting import settle
from tests.support.following import raised
from tests.support.leaves import ATTESTED
from tests.support.nodes import commit, new_repo

from hanse.db import sightings as rows
from hanse.flows import sightings
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.two_trees import KIND, watch
from hanse.model.actor import Actor
from hanse.model.conceal import conceal
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin, Visibility
from hanse.model.trust_leaf import AttestLeaf

THERE = Origin("b.example.org")


def told(node: Node, *entries: bytes, start: int = 0) -> int:
    """Take down leaves of another log, and compare them; return how many alarms are new."""
    sightings.note(node.db, THERE, start, entries)
    return watch(node, THERE, start, entries)


def test_what_this_node_signed_is_compared(lite: Node, owner: Actor) -> None:
    """Another tree of what was signed here is an alarm, once; the same tree, and other kinds of statement, are none."""
    repo = new_repo(lite, owner, "owner/m")
    made = commit(lite, owner, repo, PutBytes("a", b"1"))
    settle(lite)
    entries = lite.log.leaves(0, lite.log.size)
    assert told(lite, *entries, b'{"kind":"attest"', b"x") == 0
    moved = [data.replace(made.tree.encode(), b"9" * 64) for data in entries]
    assert [told(lite, *moved, start=100) for _ in range(2)] == [1, 0]
    (alarm,) = raised(lite)
    assert (alarm.kind, alarm.origin, alarm.repo) == (KIND, THERE, "owner/m")
    assert f"{lite.origin} signed {made.tree}" in alarm.says


def test_a_log_that_contradicts_itself(lite: Node) -> None:
    """One log with two trees of one commit id is an alarm, too, however far apart its leaves are."""
    assert told(lite, encode_leaf(ATTESTED)) == 0
    other = encode_leaf(replace(ATTESTED, tree=Sha256("9" * 64)))
    assert told(lite, other, start=500) == 1
    assert told(lite, encode_leaf(replace(ATTESTED, repo="org/other", tree=Sha256("8" * 64))), start=501) == 0
    (alarm,) = raised(lite)
    assert alarm.says.count(THERE) == 2


def test_no_flood_hides_a_contradiction(lite: Node) -> None:
    """However often a log says the same of a revision, and of others, before: who contradicts it is told, and only so many."""
    many = [replace(sightings_of(ATTESTED), index=at) for at in range(6_000)]
    with lite.db.write() as conn:
        rows.put(conn, many)
    other = replace(ATTESTED, tree=Sha256("9" * 64))
    late = replace(ATTESTED, repo="org/late", tree=Sha256("7" * 64))
    told(lite, encode_leaf(late), start=7_000)
    batch = [encode_leaf(one) for one in (other, replace(late, tree=Sha256("8" * 64)))]
    sightings.note(lite.db, "c.example.org", 0, batch)
    assert watch(lite, "c.example.org", 0, batch) == 2
    assert {alarm.repo for alarm in raised(lite)} == {"org/name", "org/late"}


def sightings_of(leaf: AttestLeaf) -> rows.Said:
    """Return what a leaf says, as it is taken down."""
    return rows.Said(THERE, 0, leaf.origin, leaf.type.value, leaf.repo, GitOid(leaf.rev), leaf.tree, leaf.time)


def test_what_is_not_public_is_not_compared(lite: Node, owner: Actor) -> None:
    """Hidden statements name nothing, and the trees of private repositories here stay unsaid."""
    repo = new_repo(lite, owner, "owner/secret", Visibility.PRIVATE)
    made = commit(lite, owner, repo, PutBytes("a", b"1"))
    settle(lite)
    said = replace(ATTESTED, origin=lite.origin, repo="owner/secret", rev=made.rev)
    assert told(lite, encode_leaf(said), encode_leaf(conceal(said, bytes(32)))) == 0
    assert raised(lite) == []
