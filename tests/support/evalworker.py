"""A worker on a node's queue of evaluations in a process of its own, with a model that adds and takes its time.

`python -m tests.support.evalworker DATABASE_URL DATA RUNS COUNT` runs one job, asking the clock of tests;
after so many answers it waits to be killed.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from tests.support.nodes import make_node
from tests.support.openaiserver import Adder, Model

from hanse.db.engine import Database
from hanse.evals.engine import Answer, Ask
from hanse.flows.evaluations.worker import Worker


@dataclass
class Counted(Adder):
    """A model that adds. asked: answers so far; most: after so many it waits to be killed, 0 for never."""

    most: int = 0
    asked: int = 0

    def answer(self, ask: Ask) -> Answer:
        """Answer, or wait."""
        while self.most and self.asked >= self.most:
            signal.pause()
        self.asked += 1
        return super().answer(ask)


def main(url: str, data: str, runs: str, count: str) -> None:
    """Run one job."""
    database = Database(make_url(url))
    node = make_node(database, Path(data))
    Worker(node, Path(runs), lambda _: Counted(Model(), int(count)), "child", lease=30).step()


if __name__ == "__main__":
    main(*sys.argv[1:])
