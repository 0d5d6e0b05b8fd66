"""A process that fills the log until it is killed: several threads, each waiting for its leaf before it queues the next.

Started from a fork server that has imported everything (`processes`), so that twenty of them cost a few seconds.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.support.faults import FaultyStore
from tests.support.nodes import add_user, make_node, model, running

from hanse.db.engine import Database
from hanse.errors import Busy, StorageError
from hanse.flows import access
from hanse.flows.node import Node
from hanse.flows.refs import create_tag
from hanse.store.base import BlobStore
from hanse.store.local import LocalStore

REPO = "alice/m"


def processes() -> ForkServerContext:
    """Return what starts processes with this module loaded already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.support.appender", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"])
    return context


def stop_here() -> None:
    """Stop this process until somebody lets it go on, as a suspended machine does."""
    # Sent to this thread: were it sent to the process, the thread could go on for a moment, and stop with the catalogue locked.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def append(url: str, data: str, label: str, said: str, threads: int, stop: tuple[str, int, bool] | None) -> None:
    """Make tags, and write the name of each acknowledged one to the file `said`, on a line of its own.

    stop: (prefix of object keys, number, after): the process stops at that put of such an object, before it or after it.
    """
    store: BlobStore = LocalStore(Path(data))
    if stop is not None:
        store = FaultyStore(store, stop[1], fault=stop_here, after=stop[2], prefix=stop[0], puts_only=True)
    node = make_node(Database(url), Path(data), store=store)
    lines = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with running(node):
        workers = [threading.Thread(target=_append, args=(node, f"{label}-{number}", lines)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def _append(node: Node, label: str, lines: int) -> None:
    alice = add_user(node, "alice")
    repo = access.resolve(node, alice, model(REPO))
    number = 0
    while True:
        number += 1
        tag = f"{label}-{number}"
        with suppress(Busy, StorageError):  # another one writes to the same catalogue; this tag may or may not come to be
            create_tag(node, alice, repo, tag, "main")
            os.write(lines, f"{tag}\n".encode())


def acknowledged(said: Path) -> list[str]:
    """Return the tags that were acknowledged; a line that a kill cut off was not."""
    return said.read_text().split("\n")[:-1] if said.exists() else []


@contextmanager
def appending(
    url: str, data: Path, label: str, said: Path, *, threads: int = 4, stop: tuple[str, int, bool] | None = None
) -> Iterator[int]:
    """Run a process for the length of a `with` block and kill it at its end; gives its id."""
    process = processes().Process(target=append, args=(url, str(data), label, str(said), threads, stop), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        process.kill()
        process.join()
