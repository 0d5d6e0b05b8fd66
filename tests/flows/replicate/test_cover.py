"""Chunks of a coming file are found where everybody may read them, and nowhere else."""

from __future__ import annotations

import random

from tests.support.copying import Pair
from tests.support.nodes import add_user, commit, new_repo

from hanse.content.chunking import split
from hanse.content.hashing import chunk_hash
from hanse.db.repos import Repo
from hanse.flows.file_ingest import FileIngest
from hanse.flows.files import chunk_list
from hanse.flows.publish import PutFile
from hanse.flows.replicate import cover
from hanse.flows.replicate.cover import Stretch, known_for, stretches
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility

DATA = random.Random(3).randbytes(1 << 20)


def _stored(two: Pair, path: str, visibility: Visibility) -> tuple[Repo, bytes]:
    """Store DATA in a repository of the copying node; return it with the file's chunk list."""
    import hashlib

    bob = add_user(two.node, "bob")
    repo = new_repo(two.node, bob, path, visibility)
    digest = Sha256(hashlib.sha256(DATA).hexdigest())
    with FileIngest(two.node, bob, repo, sha256=digest, size=len(DATA)) as ingest:
        ingest.feed(DATA)
        row = ingest.finish()
    commit(two.node, bob, repo, PutFile("model.bin", digest, len(DATA)))
    return repo, chunk_list(two.node, bob if visibility is Visibility.PRIVATE else ANONYMOUS, row.xet)[0]


def test_public_chunks_are_found_in_runs(two: Pair) -> None:
    """A file that is here in one piece is one stretch; what is between two known parts is left to be fetched."""
    repo, listed = _stored(two, "bob/open", Visibility.PUBLIC)
    known = known_for(two.node, repo, len(DATA), listed)
    count = len(listed) // 36
    (whole,) = stretches(known, listed)
    assert (whole.first, whole.end, whole.index) == (0, count, 0)
    odd = bytes(32) + (1000).to_bytes(4, "little")
    assert [(one.first, one.end) for one in stretches(known, listed[:72] + odd + listed[72:])] == [(0, 2), (3, count + 1)]
    assert list(stretches(known, odd)) == []
    assert Stretch(0, 1, whole.xorb, 0) in list(stretches(known, listed[:36]))


def test_private_chunks_are_not_given_to_who_names_them(two: Pair) -> None:
    """Somebody who signs a list with the hashes of private chunks does not get the bytes: they are not looked for there."""
    _, listed = _stored(two, "bob/shut", Visibility.PRIVATE)
    other, _ = _other(two)
    assert list(stretches(known_for(two.node, other, len(DATA), listed), listed)) == []
    assert len(listed) // 36 == sum(1 for _ in split(DATA))
    assert listed[:32] == chunk_hash(next(iter(split(DATA))))


def _other(two: Pair) -> tuple[Repo, int]:
    return new_repo(two.node, add_user(two.node, "carol"), "carol/m"), cover.MAX_XORBS
