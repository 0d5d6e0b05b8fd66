"""A worker on a node's queue of evaluations in a process of its own, with a model that adds and takes its time.

`python -m tests.support.evalworker DATABASE_URL DATA RUNS SECONDS` runs one job, asking the clock of tests.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from tests.support.nodes import make_node
from tests.support.openaiserver import Adder, Model

from hanse.db.engine import Database
from hanse.evals.engine import Answer, Ask
from hanse.flows.evaluations.worker import Worker


@dataclass
class Slow(Adder):
    """A model that adds. seconds: that each answer takes; asked: answers so far."""

    seconds: float = 0.0
    asked: int = 0

    def answer(self, ask: Ask) -> Answer:
        """Answer after a while."""
        time.sleep(self.seconds)
        self.asked += 1
        return super().answer(ask)


def main(url: str, data: str, runs: str, seconds: str) -> None:
    """Run one job."""
    database = Database(make_url(url))
    node = make_node(database, Path(data))
    Worker(node, Path(runs), lambda _: Slow(Model(), float(seconds)), "child", lease=30).step()


if __name__ == "__main__":
    main(*sys.argv[1:])
