"""Revisions are judged as a whole once they rested, in the background, and never in the way of anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.nodes import ORIGIN, add_user, commit, make_node, new_repo
from tests.support.scanning import ODD, with_scanner

from hanse.db import repository_scans
from hanse.db.engine import Database
from hanse.db.repos import Repo
from hanse.errors import Held, StorageError
from hanse.flows import settle
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.flows.reports import of_repository, whole_evidence
from hanse.flows.repos import move_repo
from hanse.flows.rulesets import builtin_ruleset
from hanse.flows.settle import START, Settling, bounded, judge_entries, judge_next
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.finding import Coverage, Finding, RepositoryJudgement, Verdict
from hanse.model.repo import RepoId, RepoType
from hanse.scan.dispatch import extract
from hanse.scan.repository import judge_repository
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge

INDEX = json.dumps({"metadata": {}, "weight_map": {"t": "model-00001-of-00001.safetensors"}}).encode()
FILES = {"model.safetensors.index.json": INDEX, "README.md": b"# m\n"}
WHOLE = FILES | {".gitattributes": DEFAULT_GITATTRIBUTES}
"""The files and the one that every repository is born with."""
MISSING = "REPO-SHARD-MISSING"


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues in tests/unit/db."""
    return lite


def _publish(node: Node, actor: Actor, name: str = "alice/m") -> Repo:
    repo = new_repo(node, actor, name)
    commit(node, actor, repo, *(PutBytes(path, data) for path, data in FILES.items()))
    return repo


def _judge_all(node: Node, rest: int = 0) -> int:
    after, count = START, 0
    while (found := judge_next(node, rest, after)) is not None:
        after, count = found, count + 1
        assert count < 100
    return count


def test_the_evidence_is_what_anybody_computes(scanned: Node, alice: Actor, bob: Actor) -> None:
    """A commit is not held up by what is missing in it; the verdict is that of the files alone, wherever it is made."""
    repo = _publish(scanned, alice)
    before = of_repository(scanned, bob, repo, "main")
    assert (before.digest, before.evidence) == (None, None)
    assert _judge_all(scanned) == 1
    report = of_repository(scanned, bob, repo, "main")
    assert scanned.scanning is not None
    rules = scanned.scanning.rules
    facts = {path: extract(BytesSource(data)) for path, data in WHOLE.items()}
    judgements = {path: judge(one, path, rules) for path, one in facts.items()}
    assert report.evidence == canonical(judge_repository(facts, rules, judgements, name="m").to_json())
    assert MISSING in [one["rule"] for one in json.loads(report.evidence)["findings"]]
    assert _judge_all(scanned) == 0


def test_only_heads_that_rest(scanned: Node, alice: Actor) -> None:
    """While a client still uploads nothing is judged; older revisions that were never at rest have no verdict."""
    repo = _publish(scanned, alice)
    assert _judge_all(scanned, rest=60) == 0
    scanned.clock.time += 61  # type: ignore[attr-defined]
    first = of_repository(scanned, alice, repo, "main").rev
    commit(scanned, alice, repo, DeleteFile("model.safetensors.index.json"))
    assert _judge_all(scanned, rest=60) == 0
    scanned.clock.time += 61  # type: ignore[attr-defined]
    assert _judge_all(scanned, rest=60) == 1
    evidence = of_repository(scanned, alice, repo, "main").evidence
    assert evidence is not None
    assert json.loads(evidence)["findings"] == []
    assert whole_evidence(scanned, repo, first) is None


def test_another_ruleset_judges_again(scanned: Node, alice: Actor, pool: ScanPool) -> None:
    """Each ruleset has a verdict of its own, and the files are flagged by it before."""
    repo = _publish(scanned, alice)
    _judge_all(scanned)
    other = with_scanner(scanned, pool, "malicious")
    assert of_repository(other, alice, repo, "main").evidence is None
    assert _judge_all(other) == 1
    assert of_repository(scanned, alice, repo, "main").evidence != of_repository(other, alice, repo, "main").evidence


def test_another_name_judges_again(scanned: Node, alice: Actor) -> None:
    """What rests on the name of a repository goes with it."""
    repo = _publish(scanned, alice)
    _judge_all(scanned)
    moved = move_repo(scanned, alice, repo, RepoId(ORIGIN, RepoType.MODEL, "alice", "n"))
    assert of_repository(scanned, alice, moved, "main").evidence is None
    assert _judge_all(scanned) == 1


def test_held_files_hold_back_what_is_said_of_them(scanned: Node, alice: Actor, bob: Actor) -> None:
    """A verdict on all files may quote any of them: it is for those who get them all."""
    repo = _publish(scanned, alice)
    commit(scanned, alice, repo, PutBytes("x.gguf", ODD))
    _judge_all(scanned)
    assert of_repository(scanned, alice, repo, "main").evidence is not None
    with pytest.raises(Held, match="withheld"):
        of_repository(scanned, bob, repo, "main")


def test_a_node_without_scanner_judges_nothing(node: Node, alice: Actor) -> None:
    """No scanner, no verdict."""
    repo = _publish(node, alice)
    assert judge_next(node, 0) is None
    assert whole_evidence(node, repo, GitOid("0" * 40)) is None


def test_trouble_with_one_keeps_nobody_else(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision that cannot be read is passed over and tried again in the next round."""
    _publish(scanned, alice)
    second = _publish(scanned, alice, "alice/n")
    real = settle.judge_head

    def failing(node: Node, head: repository_scans.Head) -> None:
        if head.repo_id != second.id:
            raise StorageError("the disk is gone")
        real(node, head)

    monkeypatch.setattr(settle, "judge_head", failing)
    assert _judge_all(scanned) == 2
    assert of_repository(scanned, alice, second, "main").evidence is not None
    monkeypatch.setattr(settle, "judge_head", real)
    assert _judge_all(scanned) == 1


@pytest.mark.parametrize(("bound", "at", "counts"), [("MAX_FILES", 1, "files"), ("MAX_OBSERVATIONS", -1, "things to be noted")])
def test_too_much_is_inconclusive(
    scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch, bound: str, at: int, counts: str
) -> None:
    """A revision beyond the bounds says so in a finding instead of taking the node's memory."""
    repo = _publish(scanned, alice)
    monkeypatch.setattr(settle, bound, at)
    _judge_all(scanned)
    evidence = of_repository(scanned, alice, repo, "main").evidence
    assert evidence is not None
    told = json.loads(evidence)
    assert (told["coverage"], told["files"], told["verdict"]) == ("inconclusive", len(WHOLE), "caution")
    assert [one["rule"] for one in told["findings"]] == ["LIMIT-REPOSITORY"]
    assert f"more {counts}" in told["findings"][0]["says"]


def test_a_long_verdict_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded, and what was cut is not complete and says so."""
    findings = tuple(Finding(f"R-{number}", Verdict.CAUTION, "s" * 300, "r") for number in range(64))
    found = RepositoryJudgement(Verdict.CAUTION, Coverage.COMPLETE, findings, ("a.py",) * 100, 64, "s", "r")
    assert bounded(found, builtin_ruleset()) == canonical(found.to_json())
    monkeypatch.setattr(settle, "MAX_REPORT", 5000)
    for coverage, cut in ((Coverage.COMPLETE, "inconclusive"), (Coverage.ERROR, "error")):
        kept = json.loads(bounded(replace(found, coverage=coverage), builtin_ruleset()))
        assert kept["coverage"] == cut
        assert [one["rule"] for one in kept["findings"][:2]] == ["LIMIT-REPOSITORY", "R-0"]


def test_missing_bytes_are_an_error(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that could not look at every file is not evidence."""
    repo = _publish(scanned, alice)
    with scanned.db.read() as conn:
        head = repository_scans.unjudged(conn, "r", "s", scanned.clock.now())
    assert head is not None
    entries = settle.entries_of(scanned, head)
    assert entries is not None
    monkeypatch.setattr(settle, "facts_of", lambda _node, _digests: {})
    found = judge_entries(scanned, entries, repo.repo.name)
    assert (found.coverage, found.verdict) == (Coverage.ERROR, Verdict.CAUTION)
    assert {one.member for one in found.findings if one.rule == "LIMIT-UNREAD"} == {entry.path for entry in entries}


def test_threads_start_and_stop(scanned: Node, alice: Actor) -> None:
    """The background work does what is there, goes on after trouble, and ends when it is told."""
    repo = _publish(scanned, alice)
    settling = Settling([partial(judge_next, scanned, 0)], 0.05)
    settling.start()
    end = time.monotonic() + 120
    while of_repository(scanned, alice, repo, "main").evidence is None and time.monotonic() < end:
        time.sleep(0.02)
    settling.stop()
    assert of_repository(scanned, alice, repo, "main").evidence is not None
    Settling([], 1).stop()


def test_a_killed_process_leaves_nothing_to_tidy(tmp_path: Path, sqlite_url: URL, pool: ScanPool) -> None:
    """Killed in the middle, the work is gone on with by the next process, and every revision ends with its verdict."""
    database = Database(sqlite_url)
    node = make_node(database, tmp_path / "objects")
    register_keys(node)
    node.sequencer.start()
    alice = add_user(node, "alice")
    made = [_publish(node, alice, f"alice/m{number}") for number in range(4)]
    node.sequencer.stop()
    command = [sys.executable, "-m", "tests.support.rejudger", str(database.url), str(tmp_path / "objects"), "settle"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "src:."})
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGKILL)
    process.wait(120)
    scanned = with_scanner(node, pool)
    assert _judge_all(scanned) < len(made)
    assert all(of_repository(scanned, alice, repo, "main").evidence is not None for repo in made)
    database.close()
