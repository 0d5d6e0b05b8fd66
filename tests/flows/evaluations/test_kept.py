"""Files behind a record: who is shown what, by tiers that are the evaluator's to choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.nodes import add_user, commit
from tests.support.openaiserver import Adder, Model, sums

from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadDigest, BadFormat, InputError, NotAllowed, NotFoundError
from hanse.evals.builtin import HARMFUL
from hanse.evals.suite import Suite
from hanse.flows import access
from hanse.flows.erase import erase_repo
from hanse.flows.evaluate.publish import publish
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.evaluations import kept
from hanse.flows.evaluations.kept import Caller, Shown
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import delete_repo
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Origin
from hanse.model.tier import Tier

OPERATOR = Actor(account_id=99, name="root", admin=True)
FILES = ["items.jsonl", "record.json", "signer.pub", "suite.json", "table.jsonl", "transcript.jsonl"]


@pytest.fixture(name="revision")
def _revision(lite: Node, owner: Actor, repo: Repo) -> Revision:
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    return access.resolve_revision(lite, repo, "main")


def _kept(node: Node, repo: Repo, revision: Revision, folder: Path, shown: Shown, suite: Suite | None = None) -> Read:
    """Run a suite, log its record, and let the node keep the files."""
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    evaluate(Order(suite or sums(20), subject, folder, node.origin), Adder(Model()))
    read = read_run(folder)
    kept.keep_folder(node, revision, folder, [publish(node, repo, revision, read)], shown)
    return read


def _given(node: Node, repo: Repo, revision: Revision, record: str, caller: Caller) -> set[str]:
    """Return the files that a caller is given."""
    found = set()
    for name in kept.find(node, revision.rev, record).files:
        try:
            assert kept.fetch(node, caller, repo, revision.rev, (record, name)).read_bytes()
        except NotAllowed:
            continue
        found.add(name)
    return found


def test_who_is_shown_what(lite: Node, owner: Actor, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """Each tier gives what it says; what is kept reads as a run, signed by the node; a later choice takes its place."""
    asker = add_user(lite, "asker")
    assert asker.account_id is not None
    shown = Shown(Tier.FEDERATION, Tier.MEMBER, asker.account_id)
    read = _kept(lite, repo, revision, tmp_path / "run", shown)
    record = read.record.digest
    everybody, member = Caller(ANONYMOUS), Caller(ANONYMOUS, Origin("b.example"))
    public = {"record.json", "signer.pub", "suite.json"}
    assert sorted(kept.find(lite, revision.rev, record).files) == FILES
    assert _given(lite, repo, revision, record, everybody) == public
    assert _given(lite, repo, revision, record, Caller(add_user(lite, "stranger"))) == public
    assert _given(lite, repo, revision, record, member) == public | {"table.jsonl", "items.jsonl"}
    assert _given(lite, repo, revision, record, Caller(owner)) == public | {"table.jsonl", "items.jsonl"}
    for caller in (Caller(asker), Caller(OPERATOR)):
        assert _given(lite, repo, revision, record, caller) == set(FILES)
    place = kept.find(lite, revision.rev, record).folder
    again = read_run(place)
    assert (again.record, again.signer) == (read.record, lite.keys.attest.public)
    kept.keep_folder(lite, revision, tmp_path / "run", [publish(lite, repo, revision, read)], Shown(Tier.PUBLIC, Tier.PUBLIC))
    assert _given(lite, repo, revision, record, everybody) == set(FILES)


def test_harmful_prompts_are_never_public(lite: Node, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """A suite that asks for harm shows its items with its transcript only, and never to everybody."""
    suite = replace(sums(20), risks=(HARMFUL,))
    with pytest.raises(InputError, match="never public"):
        _kept(lite, repo, revision, tmp_path / "run", Shown(Tier.PUBLIC, Tier.PUBLIC), suite)
    with pytest.raises(InputError, match="never public"):
        kept.check_shown(tmp_path / "run", Shown(Tier.MEMBER, Tier.PUBLIC))
    read = _kept(lite, repo, revision, tmp_path / "run", Shown(Tier.PUBLIC, Tier.FEDERATION), suite)
    given = _given(lite, repo, revision, read.record.digest, Caller(ANONYMOUS))
    assert given == {"record.json", "signer.pub", "suite.json", "table.jsonl"}


def test_what_is_not_there(lite: Node, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """Other records, other files, names that climb, and a damaged access file give nothing."""
    record = _kept(lite, repo, revision, tmp_path / "run", Shown(Tier.PUBLIC, Tier.PUBLIC)).record.digest
    who = Caller(OPERATOR)
    for name in ("journal.jsonl", "access.json", "../access.json", "", "commitment.json"):
        with pytest.raises(NotFoundError, match="there is no"):
            kept.fetch(lite, who, repo, revision.rev, (record, name))
    with pytest.raises(NotFoundError, match="keeps no files"):
        kept.find(lite, revision.rev, "0" * 64)
    with pytest.raises(BadDigest):
        kept.find(lite, revision.rev, "../../x")
    with pytest.raises(InputError, match="only the files of a record"):
        kept.keep_folder(lite, revision, tmp_path / "run", [], Shown())
    access_file = kept.find(lite, revision.rev, record).folder / kept.ACCESS
    for broken in (b"{", b'{"table": "all", "transcript": "public", "account": 0}', b"{}"):
        access_file.write_bytes(broken)
        with pytest.raises(BadFormat):
            kept.find(lite, revision.rev, record)
    with pytest.raises(NotFoundError, match="keeps no files of evaluations"):
        kept.find(replace(lite, evaluations=None), revision.rev, record)


def test_erased_with_the_repository(lite: Node, owner: Actor, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """When a repository is erased, nothing that was kept of evaluations of its revisions stays."""
    record = _kept(lite, repo, revision, tmp_path / "run", Shown()).record.digest
    place = kept.find(lite, revision.rev, record).folder
    lite.sequencer.start()
    delete_repo(lite, owner, repo)
    erase_repo(lite, repo.id)
    assert not place.exists()
