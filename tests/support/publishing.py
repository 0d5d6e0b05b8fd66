"""A node with somebody who publishes at it, for tests of those who pull."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.attesting import settle
from tests.support.nodes import add_user, commit, new_repo

from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes


@dataclass
class Publisher:
    """A node with somebody who publishes at it."""

    node: Node
    url: str
    repo: Repo | None = None

    def publish(self, files: dict[str, bytes], *, settled: bool = True, name: str = "alice/m") -> str:
        """Publish a revision and let it settle; return its commit id."""
        alice = add_user(self.node, "alice")
        self.repo = self.repo or new_repo(self.node, alice, name)
        rev = commit(self.node, alice, self.repo, *(PutBytes(path, data) for path, data in files.items())).rev
        if settled:
            settle(self.node)
        return rev
