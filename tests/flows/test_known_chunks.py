"""Where chunks are that need not be stored again."""

from __future__ import annotations

import random

import pytest
from tests.support.nodes import new_repo
from tests.support.rawxet import raw_file
from tests.support.xetflows import send_file, send_xorb

from hanse.content.hashing import chunk_hash
from hanse.db.repos import Repo
from hanse.flows import known_chunks as module
from hanse.flows.known_chunks import known_chunks, nothing_known
from hanse.flows.node import Node
from hanse.model.actor import Actor


def test_every_chunk_of_recent_xorbs_is_found(lite: Node, owner: Actor, repo: Repo) -> None:
    """Xorb and place of each chunk of the repository are known, and those of others are not."""
    files = [raw_file(random.Random(number).randbytes(300_000)) for number in range(3)]
    for file in files:
        send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    known = known_chunks(lite, owner, repo, 10**9)
    for file in files:
        assert [known.find(value) for value, _ in file.chunks] == [(file.xorb, at) for at in range(len(file.chunks))]
    assert known.find(chunk_hash(b"nowhere")) is None
    assert nothing_known(lite).find(files[0].chunks[0][0]) is None


def test_the_first_chunk_finds_a_file_elsewhere(lite: Node, owner: Actor) -> None:
    """The first chunk of a file is asked for everywhere, and teaches all chunks of the xorb that has it."""
    file = raw_file(random.Random(9).randbytes(300_000))
    send_file(lite, owner, new_repo(lite, owner, "owner/elsewhere"), file)
    repo = new_repo(lite, owner, "owner/new")
    known = known_chunks(lite, owner, repo, 10**6)
    assert [known.find(value) for value, _ in file.chunks] == [(file.xorb, at) for at in range(len(file.chunks))]
    late = known_chunks(lite, owner, repo, 10**6)
    assert late.find(chunk_hash(b"first")) is None
    assert late.find(file.chunks[0][0]) is None, "in the middle of a file only eligible chunks are asked for"


def test_what_is_learnt_is_bounded(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many tables are loaded for one file."""
    file = raw_file(random.Random(8).randbytes(100_000))
    send_file(lite, owner, new_repo(lite, owner, "owner/elsewhere"), file)
    monkeypatch.setattr(module, "_MOST_FOUND", 0)
    assert known_chunks(lite, owner, repo, 10**6).find(file.chunks[0][0]) is None
