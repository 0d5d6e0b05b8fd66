"""The checkpoint that draws an audit: the first one that anybody cosigned after the record, and no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import cosigned, settle, wait
from tests.support.nodes import commit
from tests.support.openaiserver import Adder, Model, sums
from tests.support.served import served

from hanse.db import attestations, cosignatures
from hanse.db.repos import Repo
from hanse.errors import BadProof, BadSignature, NotFoundError
from hanse.evals.record import EVALUATION
from hanse.flows import access
from hanse.flows.cosign import KEEP_RECORDS
from hanse.flows.evaluate.coin import Coin, check_coin, fetch_coin
from hanse.flows.evaluate.publish import publish
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.inspect_log import OpenLog, open_log_at
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.peers.client import PeerClient
from hanse.peers.logclient import LogClient

MEMBERS = ("w.example",)


@pytest.fixture(name="logged")
def _logged(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> tuple[Read, int]:
    """Return a run whose record is in the log, and the index of its leaf; the log was cosigned before and after it."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    cosigned(lite, MEMBERS, int(time.time()))
    revision = access.resolve_revision(lite, repo, "main")
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    evaluate(Order(sums(20), subject, tmp_path / "run", lite.origin), Adder(Model()))
    read = read_run(tmp_path / "run")
    publish(lite, repo, revision, read)
    wait(lite)
    with lite.db.read() as conn:
        index = attestations.indexes(conn, EVALUATION, KEEP_RECORDS)[0]
    return read, index


@pytest.fixture(name="opened")
def _opened(lite: Node, logged: tuple[Read, int], tmp_path: Path) -> Iterator[Callable[[], OpenLog]]:
    """Give the log as a stranger reads it now."""
    assert logged[1] < lite.log.size
    with served(lite) as url, closing(PeerClient()) as client:
        yield lambda: open_log_at(client, url, tmp_path / "home", int(time.time()))


def test_the_first_one_draws(
    lite: Node, owner: Actor, repo: Repo, logged: tuple[Read, int], opened: Callable[[], OpenLog]
) -> None:
    """A later checkpoint, or one that nobody cosigned, draws nothing; while nobody cosigned the record the log leaves it open."""
    (read, index), name = logged, repo.repo.path
    assert check_coin(opened(), lite.log.checkpoint(), read.record, name) == Coin(index, first=False)
    with pytest.raises(NotFoundError, match="no cosigned checkpoint after"):
        fetch_coin(opened(), read.record, name)
    first = cosigned(lite, MEMBERS, int(time.time()))
    assert fetch_coin(opened(), read.record, name) == lite.log.checkpoint(first)
    assert check_coin(opened(), lite.log.checkpoint(first), read.record, name) == Coin(index, first=True)
    commit(lite, owner, repo, PutBytes("more", b"1"))
    settle(lite)
    later = cosigned(lite, MEMBERS, int(time.time()))
    with lite.db.write() as conn:
        records = attestations.indexes(conn, EVALUATION, KEEP_RECORDS)
        cosignatures.prune(conn, lite.origin, 1, records)
    assert check_coin(opened(), lite.log.checkpoint(first), read.record, name).first
    for size in (later, first + 1):
        with pytest.raises(BadProof, match=f"has {size} leaves, the first cosigned one"):
            check_coin(opened(), lite.log.checkpoint(size), read.record, name)


def test_what_draws_nothing(lite: Node, repo: Repo, logged: tuple[Read, int], opened: Callable[[], OpenLog]) -> None:
    """A checkpoint from before the record, another record, or one that the log did not sign, is refused."""
    (read, index), name = logged, repo.repo.path
    with pytest.raises(NotFoundError, match="is not among"):
        check_coin(opened(), lite.log.checkpoint(index), read.record, name)
    other = replace(read.record, name="another name")
    with pytest.raises(NotFoundError, match="is not among"):
        check_coin(opened(), lite.log.checkpoint(), replace(other, gaps=("other",)), name)
    note = lite.log.checkpoint()
    text, _, _ = note.partition(b"\n\n")
    lines = text.split(b"\n")
    forged = note.replace(lines[1], str(index + 1).encode(), 1)
    with pytest.raises((BadSignature, BadProof)):
        check_coin(opened(), forged, read.record, name)


def test_a_log_that_lies(
    lite: Node, repo: Repo, logged: tuple[Read, int], opened: Callable[[], OpenLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a log shows as the first checkpoint must have the record, and leaves must come to the checkpoint's root."""
    (read, index), name = logged, repo.repo.path
    note = lite.log.checkpoint()
    monkeypatch.setattr(LogClient, "checkpoint_after", lambda *_: lite.log.checkpoint(index))
    with pytest.raises(BadProof, match=f"as the first with the leaf {index}"):
        check_coin(opened(), note, read.record, name)
    real = LogClient.bundle
    log = opened()
    monkeypatch.setattr(LogClient, "bundle", lambda self, at, width: (b"{}", *real(self, at, width)[1:]))
    with pytest.raises(BadProof, match="do not come to the root"):
        check_coin(log, note, read.record, name)
