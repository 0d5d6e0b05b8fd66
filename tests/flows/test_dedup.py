"""Answers to deduplication queries."""

from __future__ import annotations

import random

import pytest
from tests.support.nodes import TickingClock, new_repo
from tests.support.rawxet import RawFile, raw_file
from tests.support.xetflows import send_file

from hanse.content.hashing import hmac_chunk
from hanse.content.shard import parse_shard
from hanse.db import xorbs
from hanse.errors import BlobNotFound
from hanse.flows.dedup import ANSWER_SECONDS, advertise, answer
from hanse.flows.node import Node
from hanse.flows.repos import set_gated, set_visibility
from hanse.model.actor import Actor
from hanse.model.digest import XetHash, xet_from_bytes
from hanse.model.repo import Visibility


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(31).randbytes(700_000))


def _first(file: RawFile) -> XetHash:
    return xet_from_bytes(file.chunks[0][0])


def test_an_answer_tells_nothing_to_those_without_the_chunks(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """Hashes are blinded under a key of this answer; who has a chunk recognises it, with its place and length."""
    send_file(node, alice, new_repo(node, alice, "alice/open"), file)
    mine = new_repo(node, bob, "bob/mine")
    data = answer(node, bob, mine, _first(file))
    assert not any(value in data for value, _ in file.chunks)
    shard = parse_shard(data)
    assert shard.footer is not None
    assert shard.footer.key_expiry == node.clock.now() + ANSWER_SECONDS
    (block,) = shard.xorbs
    assert (block.xorb, shard.files) == (file.xorb, ())
    assert block.chunks == [(hmac_chunk(shard.footer.hmac_key, value), length) for value, length in file.chunks]
    again = parse_shard(answer(node, bob, mine, _first(file)))
    assert again.footer is not None
    assert again.footer.hmac_key != shard.footer.hmac_key


def test_files_sent_one_after_the_other_are_answered_together(node: Node, alice: Actor, file: RawFile) -> None:
    """Whoever has the first chunk of a file probably has what came after it: one question, one answer."""
    repo = new_repo(node, alice, "alice/open")
    others = [raw_file(random.Random(number).randbytes(300_000)) for number in (1, 2)]
    for one in (file, *others):
        send_file(node, alice, repo, one)
    blocks = parse_shard(answer(node, alice, repo, _first(file))).xorbs
    assert [block.xorb for block in blocks] == [file.xorb, *(one.xorb for one in others)]


def test_private_gated_and_unknown_chunks_are_unknown(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """No answer is given about files that the caller may not read, nor about chunks that no client would ask for."""
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    send_file(node, alice, secret, file)
    mine = new_repo(node, bob, "bob/mine")
    refusals = []
    for chunk in (_first(file), XetHash("a" * 64)):
        with pytest.raises(BlobNotFound) as refusal:
            answer(node, bob, mine, chunk)
        refusals.append((refusal.value.message, refusal.value.hint))
    assert refusals[0] == refusals[1]
    assert answer(node, alice, new_repo(node, alice, "alice/other"), _first(file))
    set_gated(node, alice, set_visibility(node, alice, secret, Visibility.PUBLIC), "manual")
    with pytest.raises(BlobNotFound):
        answer(node, bob, mine, _first(file))


def test_the_day_of_an_answer_is_recorded_before_it_leaves(node: Node, alice: Actor, file: RawFile) -> None:
    """Garbage collection learns of every xorb that a client was told of; once a day is enough."""
    repo = new_repo(node, alice, "alice/open")
    send_file(node, alice, repo, file)
    clock = node.clock
    assert isinstance(clock, TickingClock)
    clock.time += 10 * 86400
    answer(node, alice, repo, _first(file))
    with node.db.read() as conn:
        row = xorbs.get_xorbs(conn, [file.xorb])[file.xorb]
    assert row.advertised_day == clock.time // 86400
    advertise(node, [row])
