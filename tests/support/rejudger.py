"""A process that judges everything again until it is killed, one line for each step: `rejudger URL DATA [settle]`.

With `settle` it judges revisions as a whole instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.nodes import make_node
from tests.support.scanning import a_pool, with_scanner

from hanse.db.engine import Database
from hanse.flows import rejudge, settle
from hanse.flows.holders import new_holder


def main(url: str, data: Path, kind: str = "") -> None:
    """Do step after step."""
    rejudge._FILES = 2
    with a_pool() as pool:
        node = with_scanner(make_node(Database(url), data), pool)
        holder = new_holder()
        after = settle.START
        while kind == "settle" and (found := settle.judge_next(node, 0, after)) is not None:
            after = found
            print("step", flush=True)
        while not kind and rejudge.step(node, holder):
            print("step", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
