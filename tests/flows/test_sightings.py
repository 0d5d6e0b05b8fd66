"""What other members say in their logs is taken down, and found again."""

from __future__ import annotations

from tests.support.attesting import settle
from tests.support.nodes import commit, new_repo

from hanse.flows.find import find
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.sightings import note
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Origin, Visibility

THERE, OTHER = Origin("b.example.org"), Origin("c.example.org")


def test_members_who_say_that_they_hold_it(lite: Node, owner: Actor) -> None:
    """A mirrored log tells who else signed for a revision, by file, tree and commit, also where nothing is here."""
    repo = new_repo(lite, owner, "owner/m")
    made = commit(lite, owner, repo, PutBytes("a", b"1"))
    secret = new_repo(lite, owner, "owner/secret", Visibility.PRIVATE)
    commit(lite, owner, secret, PutBytes("a", b"1"))
    settle(lite)
    entries = lite.log.leaves(0, lite.log.size)
    for _ in range(2):  # done again after a crash
        assert note(lite.db, THERE, 0, entries) == 1
    assert note(lite.db, THERE, 100, [b'{"kind":"attest"', b"x"]) == 0
    sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    for digest in (made.tree, made.rev, sha256):
        here, there = find(lite, ANONYMOUS, digest).members
        assert (here.origin, here.names) == (lite.origin, ())
        assert (there.origin, there.names) == (THERE, ((lite.origin, "model", "owner/m"),))
    moved = [data.replace(made.tree.encode(), b"9" * 64).replace(made.rev.encode(), b"8" * 40) for data in entries]
    assert note(lite.db, OTHER, 0, moved) == 1
    for digest in ("9" * 64, "8" * 40):
        found = find(lite, ANONYMOUS, digest)
        assert (found.held, [one.origin for one in found.members]) == ((), [OTHER])
