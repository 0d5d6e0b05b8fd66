"""Reconstruction plans and chunk lists."""

from __future__ import annotations

import random

import pytest
from tests.support.nodes import TickingClock, new_repo
from tests.support.rawxet import RawFile, raw_file
from tests.support.xetflows import send_file

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.content.reconstruction import Plan
from hanse.content.xorb import decode_range
from hanse.db import blobs, repos, xorbs
from hanse.errors import BadRange, BlobNotFound, Disabled, GatedRepo
from hanse.flows.ingest import store_small
from hanse.flows.node import Node
from hanse.flows.reconstruct import chunk_list, find_file, plan
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility
from hanse.store.keys import xorb_key


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(41).randbytes(900_000))


def _follow(node: Node, made: Plan) -> bytes:
    """Return what a client gets that does what a plan says."""
    parts = []
    for term in made.terms:
        (fetch,) = [one for one in made.fetches[term.xorb] if one.first <= term.start and term.end <= one.end]
        table = node.transfers.tables.get(node.store, term.xorb).table
        start, stop = table.stored_range(term.start, term.end)
        assert fetch.start <= start < stop <= fetch.stop
        parts.append(decode_range(table, term.start, term.end, node.store.get(xorb_key(term.xorb), start, stop - start)))
    return b"".join(parts)[made.skip :][: made.length]


def _publish(node: Node, repo_id: int, file: RawFile) -> None:
    with node.db.write() as conn:
        row = blobs.find_by_xet(conn, repo_id, [file.file])[file.file]
        blobs.set_file_state(conn, repo_id, [row.id], "live")


def test_a_plan_leads_to_the_bytes(node: Node, alice: Actor, file: RawFile) -> None:
    """Following a plan gives exactly the range that was asked for."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    for start, stop in ((0, None), (0, 1), (123_456, 654_321), (899_999, 10**9)):
        made = plan(node, alice, repo, file.file, start=start, stop=stop)
        assert _follow(node, made) == file.data[start:stop]
    for start, stop in ((900_000, None), (900_001, 900_002), (5, 5)):
        with pytest.raises(BadRange):
            plan(node, alice, repo, file.file, start=start, stop=stop)


def test_rights_are_looked_at_each_time(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """A file that no commit names is there for writers only; gated and disabled repositories give no plans."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    with pytest.raises(BlobNotFound):
        plan(node, bob, repo, file.file)
    _publish(node, repo.id, file)
    assert plan(node, ANONYMOUS, repo, file.file).length == len(file.data)
    with pytest.raises(BlobNotFound):
        plan(node, alice, new_repo(node, alice, "alice/other"), file.file)
    for values, refusal in (
        ({"gated": "auto"}, GatedRepo),
        ({"disabled": True}, Disabled),
        ({"visibility": "private"}, BlobNotFound),
    ):
        with node.db.write() as conn:
            repos.update_columns(conn, repo.id, **values)
            changed = repos.get(conn, repo.id)
        assert changed is not None
        with pytest.raises(refusal):
            find_file(node, bob, changed, file.file)


def test_plans_of_private_files_for_their_people(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """Only its own people get at a private repository's files."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    send_file(node, alice, repo, file)
    _publish(node, repo.id, file)
    assert plan(node, alice, repo, file.file).length == len(file.data)
    with pytest.raises(BlobNotFound):
        plan(node, bob, repo, file.file)


def test_small_files_get_chunks_when_they_are_asked_for(node: Node, alice: Actor) -> None:
    """A file that came inside a commit and is also an LFS file elsewhere can be had by Xet, and is still read whole."""
    repo, data = new_repo(node, alice, "alice/open"), random.Random(5).randbytes(300_000)
    row = store_small(node, repo, alice, data)
    made = plan(node, alice, repo, row.xet, start=1000)
    assert _follow(node, made) == data[1000:]
    assert _follow(node, plan(node, alice, repo, row.xet)) == data
    empty = store_small(node, repo, alice, b"")
    with pytest.raises(BadRange):
        plan(node, alice, repo, empty.xet)


def test_plans_advertise_their_xorbs(node: Node, alice: Actor, file: RawFile) -> None:
    """A xorb named in a plan is not garbage for a while."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    assert isinstance(node.clock, TickingClock)
    node.clock.time += 5 * 86400
    plan(node, alice, repo, file.file)
    with node.db.read() as conn:
        assert xorbs.get_xorbs(conn, [file.xorb])[file.xorb].advertised_day == node.clock.time // 86400


def test_chunk_lists_recompute_to_the_file(node: Node, alice: Actor, file: RawFile) -> None:
    """Whoever has the list can check every chunk from everyone."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    assert file_hash_of_chunk_list(chunk_list(node, alice, repo, file.file)) == (file.file, len(file.data))
    with pytest.raises(BlobNotFound):
        chunk_list(node, ANONYMOUS, repo, file.file)
