"""The log of a real node, after anything that its people do, replays to exactly the refs that the node has."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.support import world
from tests.support.nodes import MAIN, TickingClock, add_user, commit, model

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.db.schema import repos as repos_table
from hanse.errors import HanseError
from hanse.flows import refs
from hanse.flows.erase import erase_repo
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo, delete_repo, move_repo, set_visibility
from hanse.flows.restore import restore_repo
from hanse.model.actor import Actor
from hanse.model.repo import Visibility, branch_ref

NAMES = ("alice/a", "alice/b", "alice/c", "bob/a", "bob/B", "bob/c")
BRANCHES = ("main", "dev", "fix")
ACTS = ("commit", "commit", "branch", "tag", "unbranch", "untag", "squash", "move", "show", "delete", "restore")


class People:
    """Does things to a node at random; what the node refuses is left at that. done: how often what was done."""

    def __init__(self, node: Node, seed: int) -> None:
        self.node = node
        self.random = random.Random(seed)
        for name in ("alice", "bob"):
            add_user(node, name)
        self.root = Actor(account_id=add_user(node, "root", admin=True).account_id, name="root", admin=True, role="write")
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Do one thing; time goes on, or does not."""
        assert isinstance(self.node.clock, TickingClock)
        self.node.clock.time += self.random.randrange(2)
        what = self.random.choice(ACTS)
        repo = self._some("retired", "withdrawn") if what == "restore" else self._some("live")
        with suppress(HanseError):
            if repo is None:
                create_repo(self.node, self.root, model(self.random.choice(NAMES)), self.random.choice(list(Visibility)))
            else:
                self._to(repo, what)
                self.done[what] += 1

    def _some(self, *states: str) -> Repo | None:
        with self.node.db.read() as conn:
            found = [repos.from_row(row) for row in conn.execute(repos_table.select().order_by(repos_table.c.id))]
        fitting = [repo for repo in found if repo.state in states]
        few = "live" in states and len(fitting) < self.random.randrange(1, 4)
        return None if few or not fitting else self.random.choice(fitting)

    def _to(self, repo: Repo, what: str) -> None:
        node, root, branch = self.node, self.root, self.random.choice(BRANCHES)
        name, visibility = self.random.choice(NAMES), self.random.choice(list(Visibility))
        put = PutBytes(f"{self.random.randrange(3)}.txt", self.random.randbytes(8))
        acts: dict[str, Callable[[], object]] = {
            "commit": lambda: commit(node, root, repo, put, ref=branch_ref(branch)),
            "branch": lambda: refs.create_branch(node, root, repo, branch),
            "tag": lambda: refs.create_tag(node, root, repo, "v1", MAIN, message="first"),
            "unbranch": lambda: refs.delete_branch(node, root, repo, branch),
            "untag": lambda: refs.delete_tag(node, root, repo, "v1"),
            "squash": lambda: refs.super_squash(node, root, repo, branch),
            "move": lambda: move_repo(node, root, repo, model(name)),
            "show": lambda: set_visibility(node, root, repo, visibility),
            "delete": lambda: delete_repo(node, root, repo),
            "restore": lambda: restore_repo(node, repo.id) if self.random.random() < 0.8 else erase_repo(node, repo.id),
        }
        acts[what]()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 6))])
def test_the_log_tells_all_refs_after_anything(node: Node, seed: int) -> None:
    """Creations, commits, branches, tags, squashes, moves, visibility, deletions, undone or erased: replay and node agree."""
    people = People(node, seed)
    for _ in range(3):
        for _ in range(40):
            people.act()
        world.check(node)
    assert people.done.keys() >= set(ACTS) - {"squash"}
