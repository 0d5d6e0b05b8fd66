"""Those who write the log die, fight and oversleep: one consistent log, nothing acknowledged lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import URL, update
from tests.support import world
from tests.support.appender import REPO, acknowledged, appending
from tests.support.nodes import add_user, commit, make_node, new_repo, running

from hanse.db.engine import Database
from hanse.db.schema import leases
from hanse.flows.fsck import fsck
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.leaf import parse_leaf
from hanse.model.ref_leaf import RefLeaf
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint
from hanse.tlog.proof import verify_consistency

DEADLINE = 120.0


class Stage:
    """A node that nobody runs, the processes' acknowledgements, and every checkpoint that was signed on the way."""

    def __init__(self, url: URL, folder: Path) -> None:
        self.url = url.render_as_string(hide_password=False)
        self.data = folder / "data"
        self.said = folder / "said"
        self.node: Node = make_node(Database(self.url), self.data)
        self.seen: list[Checkpoint] = []
        with running(self.node) as node:
            commit(node, add_user(node, "alice"), new_repo(node, add_user(node, "alice"), REPO), PutBytes("a", b"1"))
        self.look()

    def look(self) -> int:
        """Take a checkpoint as any reader would and return its size."""
        self.seen.append(open_checkpoint(self.node.log.checkpoint(), self.node.log.key).checkpoint)
        return self.seen[-1].size

    def count(self, label: str = "") -> int:
        """Return how many tags of a process, or of all, were acknowledged."""
        return sum(tag.startswith(label) for tag in acknowledged(self.said))

    def wait_for(self, more: int) -> None:
        """Wait until so many more tags were acknowledged, looking at the log all the while."""
        start, until = self.count(), time.monotonic() + DEADLINE
        while self.count() < start + more:
            assert time.monotonic() < until, f"only {self.count() - start} of {more} tags came through"
            self.look()
            time.sleep(0.002)

    def lapse(self) -> None:
        """Let the present lease end as if its time had passed."""
        with self.node.db.write() as conn:
            conn.execute(update(leases).values(expires_at=0))

    def check(self) -> None:
        """Fail unless the log is one, whole, and has every acknowledged tag exactly once."""
        with running(make_node(self.node.db, self.data)) as last:
            commit(last, add_user(last, "alice"), new_repo(last, add_user(last, "alice"), "alice/last"), PutBytes("a", b"1"))
        self.look()
        world.check(last)
        assert fsck(last).clean
        for old, new in zip(self.seen, self.seen[1:], strict=False):
            assert old.size <= new.size
            verify_consistency(old.size, old.root, new.size, new.root, last.log.prove_growth(old.size, new.size))
        leaves = [parse_leaf(data) for data in last.log.leaves(0, last.log.size)]
        made = Counter(str(leaf.ref) for leaf in leaves if isinstance(leaf, RefLeaf) and str(leaf.ref).startswith("refs/tags/"))
        assert set(made.values()) <= {1}, "a tag was logged twice"
        assert {f"refs/tags/{tag}" for tag in acknowledged(self.said)} <= made.keys(), "an acknowledged tag is lost"


@pytest.fixture(name="stage")
def _stage(database_url: URL, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage on SQLite and on PostgreSQL; at the end everything is checked."""
    yield from _staged(database_url, tmp_path)


@pytest.fixture(name="lite_stage")
def _lite_stage(sqlite_url: URL, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage on SQLite; at the end everything is checked."""
    yield from _staged(sqlite_url, tmp_path)


def _staged(url: URL, folder: Path) -> Iterator[Stage]:
    stage = Stage(url, folder)
    yield stage
    stage.check()
    stage.node.db.close()


def _kill_often(stage: Stage, times: int, seed: int) -> None:
    made = random.Random(seed)
    for number in range(times):
        with appending(stage.url, stage.data, f"k{number}", stage.said):
            stage.wait_for(made.randrange(1, 7))
            time.sleep(made.uniform(0, 0.02))


@pytest.mark.timeout(900)
def test_killed_while_appending(lite_stage: Stage) -> None:
    """`kill -9` at twenty moments: whoever comes next completes what the dead one had committed."""
    _kill_often(lite_stage, 20, 1)


@pytest.mark.soak
def test_killed_while_appending_often(stage: Stage) -> None:
    """The same, a hundred times on each kind of catalogue."""
    _kill_often(stage, 100, 2)


def test_sequencers_that_fight_for_the_lease(stage: Stage) -> None:
    """Processes whose leases lapse all the time: each batch is written by one of them, and both get through."""
    with ExitStack() as stack:
        for label in ("one", "two"):
            stack.enter_context(appending(stage.url, stage.data, label, stage.said, threads=2))
        _until(lambda: stage.count("one") > 0 and stage.count("two") > 0)
        for _ in range(10):
            stage.lapse()
            stage.wait_for(1)


WINDOWS = {
    "before the commit": ("log-staged/", 2, True),
    "after the commit": ("log/", 4, False),
    "half put in place": ("log/", 4, True),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_sequencer_that_oversleeps(stage: Stage, window: str) -> None:
    """A sequencer stopped in the middle of a batch, replaced, and woken up: it gives up what it held, and both go on."""
    # One thread: its leaf is in the batch at hand, so that the stopped process holds no lock of the catalogue.
    with appending(stage.url, stage.data, "sleeper", stage.said, threads=1, stop=WINDOWS[window]) as sleeper:
        _until(lambda: _is_stopped(sleeper))
        before = stage.count("sleeper")
        stage.lapse()
        with appending(stage.url, stage.data, "other", stage.said):
            stage.wait_for(5)
            os.kill(sleeper, signal.SIGCONT)
            _until(lambda: stage.count("sleeper") >= before + 2)
            stage.wait_for(5)


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)
