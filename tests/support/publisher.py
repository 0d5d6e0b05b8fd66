"""A process that commits until it is killed.

    python -m tests.support.publisher URL DATA REPO NAME [KILL_AT]

Prints each acknowledged file name on a line of its own. With KILL_AT it kills itself at that change of the object store:
before it if even, after it if odd.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from tests.support.faults import FaultyStore, kill
from tests.support.nodes import add_user, commit, make_node, model, running

from hanse.db.engine import Database
from hanse.flows import access
from hanse.flows.publish import PutBytes
from hanse.store.base import BlobStore
from hanse.store.local import LocalStore


def main(url: str, data: Path, path: str, name: str, kill_at: int) -> None:
    """Commit one file after another."""
    store: BlobStore = LocalStore(data)
    if kill_at:
        store = FaultyStore(store, kill_at // 2, fault=kill, after=bool(kill_at % 2), prefix="")
    node = make_node(Database(url), data, store=store)
    with running(node):
        actor = add_user(node, "alice")
        repo = access.resolve(node, actor, model(path))
        for number in count():
            file = f"{name}-{number}"
            commit(node, actor, repo, PutBytes(file, file.encode()))
            print(file, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]) if len(sys.argv) > 5 else 0)
