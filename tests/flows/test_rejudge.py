"""Judging everything again in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.support.nodes import add_user, commit, make_node, new_repo
from tests.support.scanning import ODD, with_scanner

from hanse.db import flags, scans
from hanse.db.engine import Database
from hanse.db.schema_scans import scans as table
from hanse.db.state import get_fact, put_fact
from hanse.errors import Held, Recalled
from hanse.flows import admission, browse
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.flows.rejudge import PLACE, Rejudging, apply_policy, step
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.admission import Policy
from hanse.scan.versions import SCANNER


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite."""
    return lite


def _run(node: Node) -> int:
    count = 1
    while step(node):
        count += 1
        assert count < 1000
    return count


def _flags(node: Node, repo: int) -> dict[str, bool]:
    with node.db.read() as conn:
        return {flag.path: flag.blocked for flag in flags.of_repo(conn, repo)}


def test_content_from_before_the_scanner_is_judged(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """Every file is read once, every head judged, and what is condemned is recalled; then nothing is left to do."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("x.gguf", ODD), PutBytes("y.txt", b"fine"))
    new_repo(node, alice, "alice/empty")
    scanned = with_scanner(node, pool)
    epoch = node.epochs.refresh()
    _run(scanned)
    with node.db.read() as conn:
        assert scans.unscanned(conn, SCANNER, 0, 10) == []
    assert _flags(node, repo.id)["x.gguf"]
    assert node.epochs.refresh() != epoch, "addresses given out before still work"
    with pytest.raises(Recalled):
        browse.open_revision(scanned, bob, repo, "main")
    assert admission.is_settled(scanned)
    assert step(scanned) is False


def test_another_ruleset_judges_from_facts(node: Node, alice: Actor, pool: ScanPool) -> None:
    """A new ruleset reads no byte: verdicts come from stored facts, and files cleared lose their flags."""
    scanned = with_scanner(node, pool)
    repo = new_repo(scanned, alice, "alice/m")
    commit(scanned, alice, repo, PutBytes("x.gguf", ODD), PutBytes("old.gguf", ODD))
    commit(scanned, alice, repo, DeleteFile("old.gguf"))
    _run(scanned)
    for severity, blocked in (("caution", False), ("malicious", True)):
        other = with_scanner(node, pool, severity)
        assert other.scanning is not None
        assert not admission.is_settled(other)
        for path in node.store.list("blobs/"):
            assert path
        other.scanning.pool = None  # type: ignore[assignment]
        _run(other)
        assert _flags(node, repo.id)["x.gguf"] is blocked
        assert _flags(node, repo.id)["old.gguf"] is blocked, "files of older revisions are judged again, too"


def test_it_goes_on_where_it_was(node: Node, alice: Actor, pool: ScanPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash between any two steps no step is done from the start."""
    monkeypatch.setattr("hanse.flows.rejudge._FILES", 1)
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, *(PutBytes(f"{number}.gguf", ODD + bytes([number])) for number in range(4)))
    scanned = with_scanner(node, pool)
    assert step(scanned)
    with node.db.read() as conn:
        left = len(scans.unscanned(conn, SCANNER, 0, 10))
    again = with_scanner(node, pool)
    assert step(again)
    with node.db.read() as conn:
        assert len(scans.unscanned(conn, SCANNER, 0, 10)) == left - 1
    _run(again)
    assert sum(_flags(node, repo.id).values()) == 4


def test_two_processes_do_not_do_the_same(node: Node, alice: Actor, pool: ScanPool) -> None:
    """While another living process is at it, a step is left to it; a dead one's place is taken over."""
    commit(node, alice, new_repo(node, alice, "alice/m"), PutBytes("x.gguf", ODD))
    scanned = with_scanner(node, pool)
    assert step(scanned, "somebody else")
    with node.db.read() as conn:
        place = get_fact(conn, PLACE)
    assert step(scanned, "me")
    with node.db.read() as conn:
        assert get_fact(conn, PLACE) == place
    with node.db.write() as conn:
        put_fact(conn, PLACE, "nonsense")
    _run(scanned)


def test_a_policy_counts_at_the_next_start(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """A node that only reported and enforces now withholds what it served, at once and without judging."""
    lax = with_scanner(node, pool, policy=Policy(enforce=False))
    repo = new_repo(lax, alice, "alice/m")
    commit(lax, alice, repo, PutBytes("x.gguf", ODD))
    assert _flags(node, repo.id)["x.gguf"] is False
    strict = with_scanner(node, pool)
    assert apply_policy(strict) == 1
    assert apply_policy(strict) == 0
    with pytest.raises(Recalled):
        browse.open_revision(strict, bob, repo, "main")
    assert apply_policy(node) == 0


def test_the_thread_ends_when_all_is_done(node: Node, alice: Actor, pool: ScanPool) -> None:
    """A node settles by itself."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("x.gguf", ODD))
    scanned = with_scanner(node, pool)
    work = Rejudging(scanned, pause=0)
    work.start()
    work._thread.join(120)
    work.stop()
    assert _flags(node, repo.id)["x.gguf"]


@pytest.mark.soak
def test_killed_in_the_middle(tmp_path: Path, sqlite_url: object, pool: ScanPool) -> None:
    """Kill -9 between and inside steps: another process completes the work, and nothing is lost or doubled."""
    database = Database(sqlite_url)  # type: ignore[arg-type]
    node = make_node(database, tmp_path / "objects")
    register_keys(node)
    node.sequencer.start()
    alice = add_user(node, "alice")
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, *(PutBytes(f"{number}.gguf", ODD + bytes([number])) for number in range(30)))
    node.sequencer.stop()
    command = [sys.executable, "-m", "tests.support.rejudger", str(database.url), str(tmp_path / "objects")]
    for steps in (1, 3, 7):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "src:."})
        assert process.stdout is not None
        with process.stdout:
            for _ in range(steps):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        process.wait(120)
    scanned = with_scanner(node, pool)
    _run(scanned)
    found = _flags(node, repo.id)
    assert sum(found.values()) == 30
    with database.write() as conn:
        conn.execute(delete(table))
    database.close()


def test_held_and_recalled_are_different(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """What was held from its commit on stays held: nobody has a copy."""
    scanned = with_scanner(node, pool)
    repo = new_repo(scanned, alice, "alice/m")
    commit(scanned, alice, repo, PutBytes("x.gguf", ODD))
    _run(scanned)
    _, listing = browse.open_revision(scanned, bob, repo, "main")
    entry = listing.directory.file("x.gguf")
    assert entry is not None
    with pytest.raises(Held):
        admission.require_file(scanned, bob, repo, entry)
