"""An open node in this process, without a web server, on a given catalogue; and people who act on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hanse.clock import Clock
from hanse.db import accounts
from hanse.db.engine import Database, sqlite_url
from hanse.db.repos import Repo
from hanse.db.state import get_state, insert_state
from hanse.flows.epochs import Epochs
from hanse.flows.keyleaves import register_keys
from hanse.flows.keyring import Custody, open_keyring
from hanse.flows.listing import Listings
from hanse.flows.logstate import LogState
from hanse.flows.logview import LogView
from hanse.flows.node import Node
from hanse.flows.publish import CommitRequest, Operation, Published, publish
from hanse.flows.replays import Replays
from hanse.flows.repos import create_repo
from hanse.flows.sequence import Sequencer
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.limits import Limits
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility
from hanse.store.base import BlobStore
from hanse.store.local import LocalStore
from hanse.store.staging import Staging

ORIGIN = Origin("hub.example.org")
MAIN = RefName("refs/heads/main")


class TickingClock:
    """A clock that stands still until told to move."""

    def __init__(self, start: int = 1_800_000_000) -> None:
        self.time = start

    def now(self) -> int:
        """Return the time that was set."""
        return self.time


def make_node(
    database: Database,
    data: Path,
    *,
    store: BlobStore | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
    origin: Origin = ORIGIN,
) -> Node:
    """Return a node over an empty or used catalogue and data folder; its sequencer is not started."""
    with database.write() as conn:
        if not get_state(conn):
            insert_state(conn, {"origin": origin, "cas_epoch": "e1"})
    chosen, kept = clock or TickingClock(), store or LocalStore(data)
    keys, state = open_keyring(data.with_name(f"{data.name}-node"), Custody()), LogState(database)
    return Node(
        origin=origin,
        keys=keys,
        store=kept,
        staging=Staging(data),
        db=database,
        clock=chosen,
        limits=limits or Limits(),
        secret=bytes(32),
        epochs=Epochs(database, "e1"),
        listings=Listings(),
        sequencer=Sequencer(database, kept, chosen, state=state),
        log=LogView(database, kept, origin, keys.log, state),
        replays=Replays(kept, database),
        evaluations=data.with_name(f"{data.name}-evaluations"),
    )


def fresh_catalogue(folder: Path) -> Database:
    """Return an empty SQLite catalogue in a folder that has none yet; the caller closes it."""
    database = Database(sqlite_url(folder / "fresh.db"))
    database.migrate()
    return database


@contextmanager
def running(node: Node) -> Iterator[Node]:
    """Run the node's sequencer for the length of a `with` block, as at a start: its keys are in the log first."""
    register_keys(node)
    node.sequencer.start()
    try:
        yield node
    finally:
        node.sequencer.stop()


def add_user(node: Node, name: str, *, admin: bool = False) -> Actor:
    """Return a user with a write token; made if there is none of that name."""
    with node.db.write() as conn:
        account = accounts.find_account(conn, name) or accounts.insert_account(conn, name, "user", 0)
    return Actor(account_id=account.id, name=name, admin=admin, role="write")


def model(path: str) -> RepoId:
    """Return the id of a model at the test node's origin."""
    namespace, _, name = path.partition("/")
    return RepoId(ORIGIN, RepoType.MODEL, namespace, name)


def new_repo(node: Node, actor: Actor, path: str, visibility: Visibility = Visibility.PUBLIC) -> Repo:
    """Create a model repository."""
    return create_repo(node, actor, replace(model(path), origin=node.origin), visibility)


def commit(
    node: Node, actor: Actor, repo: Repo, *operations: Operation, ref: RefName = MAIN, parent: GitOid | None = None
) -> Published:
    """Commit operations to a ref."""
    return publish(node, actor, repo, ref, CommitRequest("change", "", parent, operations))
