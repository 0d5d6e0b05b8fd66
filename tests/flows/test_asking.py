"""Asking one cosigner: what it answers is told, never raised; tests/flows/test_cosign.py has the honest ones over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.memorylog import MemoryLog
from tests.support.served import scripted
from tests.support.signers import signer

from hanse.db.cosigners import Cosigner
from hanse.flows.asking import MAX_AHEAD_SECONDS, Asked, Target, ask
from hanse.peers.client import PeerClient
from hanse.tlog.cosignature import cosign, cosigner_key
from hanse.tlog.note import parse_vkey

NOW = 1_800_000_000
NAME = "w.example/witness"
KEY = cosigner_key(NAME, signer("w").public)


@pytest.fixture(name="log")
def _log() -> MemoryLog:
    """Return a log of 9 entries."""
    log = MemoryLog()
    log.grow(9)
    return log


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    """Return the client that asks."""
    client = PeerClient(seconds=60)
    yield client
    client.close()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    """Return a raw HTTP answer."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


def line(log: MemoryLog, size: int, time: int = NOW, seed: str = "w", name: str = NAME) -> bytes:
    """Return a cosignature line of a checkpoint of the log."""
    return (cosign(log.head(size), name, signer(seed), time) + "\n").encode()


@contextmanager
def asked(
    log: MemoryLog, peers: PeerClient, *answers: bytes, size: int = 0, newest: int = 9
) -> Iterator[tuple[Asked, list[bytes]]]:
    """Ask a cosigner that gives these answers; give the outcome and the requests."""
    target = Target(log.head(), log.note(), (parse_vkey(log.vkey),), log.prove, lambda: newest)
    with scripted(*answers) as (url, requests):
        yield ask(peers, Cosigner(NAME, "witness", KEY.text, url, 0, size), target, NOW), requests


def test_a_cosignature(log: MemoryLog, peers: PeerClient) -> None:
    """Its line is kept as it came, with its time; lines of others beside it are dropped."""
    body = line(log, 9, seed="x", name="x.example") + line(log, 9)
    with asked(log, peers, answer(body), size=4) as (found, requests):
        (kept,) = found.found
        assert (kept.name, kept.time, kept.size, kept.root) == (NAME, NOW, 9, log.roots[9].hex())
        assert f"{kept.line}\n".encode() == line(log, 9)
        assert (found.size, found.failure) == (9, "")
        assert requests[0].endswith(log.request(4))


def test_it_is_asked_again_from_where_it_stands(log: MemoryLog, peers: PeerClient) -> None:
    """A 409 tells the size; the second request starts there."""
    with asked(log, peers, answer(b"6\n", "409 Conflict"), answer(line(log, 9))) as (found, requests):
        assert found.size == 9
        assert requests[1].endswith(log.request(6))


def test_a_mirror_that_is_at_work(log: MemoryLog, peers: PeerClient) -> None:
    """An empty answer is neither a cosignature nor a failure, and the mirror does not count as standing there."""
    with asked(log, peers, answer(b""), size=4) as (found, _):
        assert found == Asked(4)


def test_a_log_that_grew_meanwhile(log: MemoryLog, peers: PeerClient) -> None:
    """A witness that is ahead of an old checkpoint and not of the log shows nothing: it is asked again with the newest."""
    with asked(log, peers, answer(b"12\n", "409 Conflict"), size=4, newest=12) as (found, _):
        assert found == Asked(4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda log: [answer(line(log, 8))], "does not verify"),
        (lambda log: [answer(line(log, 9) + line(log, 8))], "does not verify"),
        (lambda log: [answer(line(log, 9, seed="x"))], "other keys"),
        (lambda log: [answer(line(log, 9, NOW + MAX_AHEAD_SECONDS + 1))], "clock"),
        (lambda _: [answer(b"6\n", "409 Conflict")] * 2, "stands at size 6"),
        (lambda _: [answer(b"no", "403 Forbidden")], "403"),
        (lambda _: [answer(b"<html>")], "something else"),
        (lambda _: [answer(b"99\n", "409 Conflict"), answer(b"", "404 Not Found")], "404"),
        (lambda log: [answer(b"99\n", "409 Conflict"), answer(log.note())], "shows one of size 9"),
        (lambda _: [answer(b"99\n", "409 Conflict"), answer(MemoryLog(seed="x").note(0))], "not signed by the log"),
        (lambda _: [b""], "Peer"),
    ],
)
def test_what_is_no_cosignature(log: MemoryLog, peers: PeerClient, make: object, words: str) -> None:
    """Other checkpoints, keys and times, endless conflicts, refusals and nonsense leave nothing but words for the operator."""
    assert callable(make)
    with asked(log, peers, *make(log), size=3) as (found, _):
        assert words in found.failure
        assert (found.found, found.size, found.shown) == ((), 3, "")


def test_a_larger_checkpoint_of_ours(log: MemoryLog, peers: PeerClient) -> None:
    """A checkpoint beyond our log, with our log's signature, is kept: it shows that the log has lost its end."""
    longer = MemoryLog()
    longer.grow(20)
    note = longer.note() + line(longer, 20)
    with asked(log, peers, answer(b"20\n", "409 Conflict"), answer(note)) as (found, _):
        assert [one.size for one in found.found] == [20]
        assert found.shown.encode() == note
        assert "lost its end" in found.failure
