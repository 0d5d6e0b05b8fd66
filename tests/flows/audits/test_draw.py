"""What audits ask for."""

from __future__ import annotations

import random

from tests.support.attesting import settle
from tests.support.audited import MEMBER, says_so
from tests.support.nodes import commit, new_repo

from hanse.content.hashing import chunk_hash
from hanse.db import repos
from hanse.flows.audits.draw import SAMPLE_BYTES, SAMPLES, draw
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.repo import Visibility

DATA = random.Random(5).randbytes(900_000)


def test_nothing_to_draw_from(lite: Node, owner: Actor) -> None:
    """Without a copy of the member's log, cosignatures of our own, or a revision in both, nobody is asked."""
    assert draw(lite, MEMBER, 0) is None
    repo = new_repo(lite, owner, "owner/m")
    commit(lite, owner, repo, PutBytes("a", DATA))
    settle(lite)
    says_so(lite, size=1)
    assert draw(lite, MEMBER, 0) is None  # its log has not come to the revision yet
    says_so(lite)
    assert draw(lite, MEMBER, 0) is not None


def test_ranges_are_whole_chunks_of_what_both_logs_list(lite: Node, owner: Actor) -> None:
    """Every range is of a public revision's file, starts and ends with a chunk, and has its hashes."""
    files = {"w.bin": DATA, "config.json": b"{}"}
    repo, secret = new_repo(lite, owner, "owner/m"), new_repo(lite, owner, "owner/s", Visibility.PRIVATE)
    commit(lite, owner, repo, *(PutBytes(path, data) for path, data in files.items()), PutBytes("empty", b""))
    commit(lite, owner, secret, PutBytes("a", b"secret"))
    settle(lite)
    says_so(lite)
    starts = set()
    for number in range(20):
        found = draw(lite, MEMBER, number)
        assert found is not None
        assert found == draw(lite, MEMBER, number)
        assert (found.repo.id, len(found.pieces)) == (repo.id, SAMPLES)
        for piece in found.pieces:
            if piece.pin.path == ".gitattributes":
                continue
            data = files[piece.pin.path][piece.start : piece.end]
            assert len(data) == piece.end - piece.start >= min(SAMPLE_BYTES, len(files[piece.pin.path]) - piece.start)
            at = 0
            for value, length in piece.chunks:
                assert chunk_hash(data[at : at + length]) == value
                at += length
            starts.add(piece.start)
    assert len(starts) > 5


def test_what_not_everybody_may_read_is_not_asked_for(lite: Node, owner: Actor) -> None:
    """A repository that is gated here is left out, whatever a member's log says."""
    repo = new_repo(lite, owner, "owner/m")
    commit(lite, owner, repo, PutBytes("a", b"1"))
    settle(lite)
    says_so(lite)
    with lite.db.write() as conn:
        repos.update_columns(conn, repo.id, gated="auto")
    assert draw(lite, MEMBER, 0) is None
