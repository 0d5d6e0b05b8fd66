"""The journal against itself."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from sqlalchemy import update
from tests.support.nodes import commit
from tests.support.xetflows import damage

from hanse.db import cosignatures
from hanse.db.cosignatures import Cosignature
from hanse.db.repos import Repo
from hanse.db.schema import log_head, pending
from hanse.flows import chains
from hanse.flows.fsck_checker import Checker
from hanse.flows.fsck_journal import check_journal
from hanse.flows.journal import head_key
from hanse.flows.node import Node
from hanse.flows.operations import PutBytes
from hanse.model.actor import Actor
from hanse.store.keys import LOG, log_key


def _messages(node: Node) -> list[str]:
    checker = Checker(node)
    check_journal(checker)
    return [problem.message for problem in checker.problems]


@pytest.fixture(name="size")
def _size(lite: Node, owner: Actor, repo: Repo) -> int:
    """Make a few leaves; return how many there are."""
    for number in range(3):
        commit(lite, owner, repo, PutBytes("a", bytes([number])))
    with lite.db.read() as conn:
        return int(conn.execute(log_head.select()).one().size)


def test_every_file_of_the_journal_counts(lite: Node, size: int) -> None:
    """A changed or missing bundle, tile or head is reported."""
    assert _messages(lite) == []
    for key in (log_key(f"tile/entries/000.p/{size}"), log_key(f"tile/0/000.p/{size}")):
        damage(lite, key, 5)
        assert _messages(lite), key
        damage(lite, key, 5)
    assert _messages(lite) == []
    lite.store.delete(head_key(size))
    assert _messages(lite)


def test_a_head_with_another_root(lite: Node, size: int) -> None:
    """The catalogue's head must be where the bundles lead."""
    assert size
    with lite.db.write() as conn:
        conn.execute(update(log_head).values(root="0" * 64))
    assert "lead to root" in _messages(lite)[0]


def test_leaves_that_were_applied_but_not_logged(lite: Node, size: int) -> None:
    """A leaf of the catalogue that the journal does not have in its place is reported."""
    with lite.db.write() as conn:
        conn.execute(update(pending).where(pending.c.index == size - 1).values(leaf=b"{}"))
    assert "not the one" in _messages(lite)[0]


def test_leaves_that_no_reader_would_believe(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log whose files are in order is damaged all the same if what it says is not signed by the key it names."""
    commit(lite, owner, repo, PutBytes("a", b"1"))
    assert _messages(lite) == []
    with monkeypatch.context() as patch:
        patch.setattr(chains, "sign_ref", lambda leaf, _signer: replace(leaf, sig=b64encode(b"no signature").decode()))
        commit(lite, owner, repo, PutBytes("a", b"2"))
    assert "signature" in _messages(lite)[0]


def test_a_log_that_was_cosigned_otherwise(lite: Node, size: int) -> None:
    """What others cosigned of this log must be what lies here."""
    with lite.db.write() as conn:
        cosignatures.put(conn, [Cosignature(lite.origin, size, "w", "00000000", "witness", "1" * 64, 5, "line")])
    assert "cosigned this log" in _messages(lite)[0]


def test_a_node_without_a_journal(lite: Node) -> None:
    """Before the first leaf there is nothing to check."""
    assert list(lite.store.list(f"{LOG}tile/")) == []
    assert _messages(lite) == []
