"""Statements in the catalogue against their bundles, the keys of the log and their leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Update, update
from tests.support.attesting import attest_all, wait
from tests.support.nodes import commit, new_repo

from hanse.db import attestations
from hanse.db.attestations import Attestation
from hanse.db.schema_trust import attestations as table
from hanse.db.schema_trust import log_keys
from hanse.flows import bundles, fsck_attestations
from hanse.flows.fsck import fsck
from hanse.flows.fsck_attestations import check_attestations
from hanse.flows.fsck_checker import Checker
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import set_visibility
from hanse.model.actor import Actor
from hanse.model.repo import Visibility
from hanse.store.keys import attestation_key


@pytest.fixture(name="full")
def _full(lite: Node, owner: Actor) -> Node:
    """Return a node with statements about a public repository, a private one, and one that was public before."""
    for name, seen in (("a", Visibility.PUBLIC), ("b", Visibility.PRIVATE), ("c", Visibility.PUBLIC)):
        commit(lite, owner, new_repo(lite, owner, f"owner/{name}", seen), PutBytes("x", name.encode()))
    third = new_repo(lite, owner, "owner/d")
    attest_all(lite)
    set_visibility(lite, owner, third, Visibility.PRIVATE)
    wait(lite)
    return lite


def _messages(node: Node) -> list[str]:
    checker = Checker(node)
    check_attestations(checker)
    return [problem.message for problem in checker.problems]


def _rows(node: Node) -> list[Attestation]:
    with node.db.read() as conn:
        return [row for _, row in attestations.all_rows(conn)]


def test_sound_statements_pass(full: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is looked at, whatever the page it is on."""
    monkeypatch.setattr(fsck_attestations, "_PAGE", 2)
    report = fsck(full)
    assert report.problems == ()
    assert (report.checked["attestation"], report.checked["bundle"]) == (4, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (update(table).values(sig=b"other"), "not the one that was entered"),
        (update(table).values(predicate="https://example.org/other"), "not the one that was entered"),
        (update(table).values(leaf_id=1), "does not log this statement"),
        (update(table).values(leaf_id=10**9), "does not log this statement"),
        (update(log_keys).values(key="0" * 64), "does not name the key"),
    ],
)
def test_rows_that_are_not_true(full: Node, change: Update, words: str) -> None:
    """Another signature, predicate or leaf than the true one is told, and a key that the log does not know."""
    where = table.c.id == 1 if change.table is table else log_keys.c.use == "attest"
    with full.db.write() as conn:
        conn.execute(change.where(where))
    found = _messages(full)
    assert found
    assert all(words in message for message in found)


def test_a_leaf_of_another_statement(full: Node) -> None:
    """A row whose leaf logs the statement of another repository is told."""
    first, *_, last = _rows(full)
    with full.db.write() as conn:
        conn.execute(update(table).where(table.c.payload == last.payload).values(leaf_id=first.leaf_id, current=False))
    (message,) = _messages(full)
    assert "logs another payload" in message


def test_a_lost_or_altered_bundle(full: Node) -> None:
    """Without its bundle a statement is worth nothing; one by another key is no better."""
    row = _rows(full)[0]
    place = attestation_key(row.payload, row.key)
    data = full.store.get(place)
    full.store.delete(place)
    assert len(_messages(full)) == 1
    bundle = bundles.load(full.store, _rows(full)[1].payload, full.keys.attest.public)
    assert bundle is not None
    full.store.put(place, bundle.encode())
    assert len(_messages(full)) == 1
    full.store.delete(place)
    full.store.put(place, data)
    assert _messages(full) == []
    assert replace(row) == row
