"""Statements of advisories against the leaves that list them: this node's own and the kept ones of others."""

from __future__ import annotations

import zlib

import pytest
from sqlalchemy import delete, update
from tests.flows.foreign.conftest import A, B, C
from tests.support.advising import record, say
from tests.support.attesting import wait
from tests.support.fellows import fellows

from hanse.db.schema_foreign import foreign_bundles
from hanse.db.schema_trust import log_keys
from hanse.flows import bundles
from hanse.flows.advisories.issue import issue, withdraw
from hanse.flows.fsck import fsck
from hanse.flows.fsck_advisories import check_advisories
from hanse.flows.fsck_checker import Checker
from hanse.flows.node import Node
from hanse.sign.bundle import Bundle
from hanse.sign.statement import Statement, Subject
from hanse.store.keys import attestation_key


def _messages(node: Node) -> list[str]:
    checker = Checker(node)
    check_advisories(checker)
    assert all(one.kind == "advisory" for one in checker.problems)
    return [one.message for one in checker.problems]


def _said(name: str) -> dict[str, object]:
    return record(name, affected=[{"database_specific": {"sha256": ["ab" * 32]}}])


def test_own_statements(lite: Node) -> None:
    """Issued and taken back ones pass; a bundle that is gone, or has another signature than the leaf, is told."""
    first, second = issue(lite, _said("HANSE-1")), issue(lite, _said("HANSE-2"))
    withdraw(lite, "HANSE-1")
    wait(lite)
    report = fsck(lite)
    assert (report.problems, report.checked["advisory"]) == ((), 3)
    key = attestation_key(first.payload, first.key)
    lite.store.delete(key)
    (problem,) = fsck(lite).problems
    assert (problem.kind, problem.name.split(",")[0]) == ("advisory", "HANSE-1")
    bundle = bundles.load(lite.store, second.payload, lite.keys.attest.public)
    assert bundle is not None
    lite.store.delete(attestation_key(second.payload, second.key))
    again = bundles.keep(lite.store, Bundle(bundle.payload, lite.keys.attest.sign(b"another"), bundle.key))
    assert again.signature != bundle.signature
    assert len(_messages(lite)) == 2


def test_a_leaf_of_another_key(lite: Node) -> None:
    """A statement by a key that the log does not name is told."""
    issue(lite, _said("HANSE-1"))
    wait(lite)
    with lite.db.write() as conn:
        conn.execute(update(log_keys).values(key="0" * 64).where(log_keys.c.use == "attest"))
    (message,) = _messages(lite)
    assert "does not name the key" in message


@pytest.mark.soak
def test_kept_statements_of_others(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One that is missing is fetched some day; one that is damaged, or is another one, is told."""
    with fellows(tmp_path_factory.mktemp("kept"), A, B, C) as three:
        say(three, C, _said("HANSE-1"))
        node = three[A]
        assert fsck(node).checked["advisory"] == 1
        assert not _messages(node)
        other = bundles.sign(node.store, Statement((Subject("x", {"sha256": "ab" * 32}),), "x:y", {}), node.keys.attest)
        for data in (b"no zlib", zlib.compress(other.encode())):
            with node.db.write() as conn:
                conn.execute(update(foreign_bundles).values(data=data))
            assert len(_messages(node)) == 1
        with node.db.write() as conn:
            conn.execute(delete(foreign_bundles))
        assert not _messages(node)
