"""Countersignatures in folders and logs, and commitments that are opened later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.nodes import commit
from tests.support.openaiserver import Adder, Model, sums
from tests.support.signing import attest_key

from hanse.db import attestations
from hanse.db.repos import Repo
from hanse.errors import BadSignature, Conflict, NotFoundError, VerificationFailed
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import COUNTERSIGNATURE, Countersignature, Level
from hanse.flows import access, bundles
from hanse.flows.evaluate import countersign
from hanse.flows.evaluate.publish import publish_folder
from hanse.flows.evaluate.reproduce import countersign as say
from hanse.flows.evaluate.reproduce import side_by_side
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

OTHER = Origin("lab.example")


def ran(folder: Path, evaluator: str = "uni.example", tree: str = "") -> Read:
    """Return a run of sums."""
    subject = of_endpoint("http://api.example", "adder")
    subject = replace(subject, tree=Sha256(tree)) if tree else subject
    evaluate(Order(sums(120), subject, folder, Origin(evaluator)), Adder(Model()))
    return read_run(folder)


def test_kept_and_read(tmp_path: Path) -> None:
    """A run of one's own is said as a countersignature of the record, signed, and read as it was written."""
    first, own = ran(tmp_path / "first"), ran(tmp_path / "own", OTHER)
    one, key = say(side_by_side(first, own)), attest_key()
    assert (one.verdict, one.own, one.evaluator) == (Verdict.AGREES, own.record.digest, OTHER)
    countersign.write(tmp_path / "own", one, first.record, key)
    assert countersign.read(tmp_path / "own")[:2] == (one, key.public)
    (tmp_path / "own" / countersign.BY).unlink()
    with pytest.raises(BadSignature):
        countersign.read(tmp_path / "own")


def test_of_another_record(tmp_path: Path) -> None:
    """Nothing is written in the name of a record that it is not about."""
    one = Countersignature(Sha256("0" * 64), Level.V1, Verdict.AGREES, OTHER)
    with pytest.raises(VerificationFailed):
        countersign.write(tmp_path, one, ran(tmp_path / "run").record, None)
    assert not (tmp_path / countersign.SAID).exists()


def test_committed_before_and_opened_after(tmp_path: Path) -> None:
    """A commitment holds for one record; without one, or after another run in its folder, nothing reaches V4."""
    first, own = ran(tmp_path / "first"), ran(tmp_path / "own", OTHER)
    one = say(side_by_side(first, own))
    with pytest.raises(NotFoundError):
        countersign.blinded(one, tmp_path / "own", own)
    made = countersign.commit_to(tmp_path / "own", own.record)
    assert countersign.commit_to(tmp_path / "own", own.record) == made
    assert (tmp_path / "own" / countersign.OPENING).stat().st_mode & 0o777 == 0o600
    opened = countersign.blinded(one, tmp_path / "own", own)
    assert (opened.level, opened.blind) == (Level.V4, made)
    countersign.write(tmp_path / "own", opened, first.record, None)
    assert countersign.read(tmp_path / "own")[0] == opened
    with pytest.raises(Conflict):
        countersign.blinded(one, tmp_path / "own", first)


def test_logged(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A node logs a commitment without the record, then record and countersignature, each about the revision and by itself."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    revision = access.resolve_revision(lite, repo, "main")
    first, own = ran(tmp_path / "first", OTHER, revision.tree), ran(tmp_path / "own", lite.origin, revision.tree)
    made = publish_folder(lite, repo, revision, tmp_path / "own", commitment=True)
    loaded = bundles.load(lite.store, made[0].digest, lite.keys.attest.public)
    assert loaded is not None
    assert own.record.digest not in loaded.payload.decode()
    one = countersign.blinded(say(side_by_side(first, own)), tmp_path / "own", own)
    countersign.write(tmp_path / "own", one, first.record, None)
    assert len(publish_folder(lite, repo, revision, tmp_path / "own")) == 2
    with lite.db.read() as conn:
        kinds = [row.predicate for row in attestations.of_revision(conn, repo.id, revision.rev)]
    assert kinds.count(COUNTERSIGNATURE) == kinds.count(countersign.COMMITMENT) == 1
    with pytest.raises(Conflict, match="this node is"):
        publish_folder(lite, repo, revision, tmp_path / "first")
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF2"))
    (tmp_path / "own" / "record.json").unlink()
    with pytest.raises(Conflict, match="other files"):
        publish_folder(lite, repo, access.resolve_revision(lite, repo, "main"), tmp_path / "own")
