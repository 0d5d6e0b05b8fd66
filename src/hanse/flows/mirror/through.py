"""Pull-through: what a node answers for names that it neither owns nor mirrors, from its upstream.

1. A name falls through only if no account here has its namespace, no other origin has claimed it, and nothing here is called so.
   One in a namespace that a federation gave to another member is asked of that member, never of the upstream.
2. The revision is resolved as a gateway does it: pinned at first use, scanned, as of when the upstream was last seen.
3. What the upstream shows only to those it chose is for this node's operators, and for those whom they let into the mirror.
4. Files are fetched once however many ask, checked, and go on coming when whoever asked has left.
5. A revision that is not too big is then mirrored in the background, and from then on answered like anything that is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.db import accounts, mirrors, repos
from hanse.db.repos import Repo
from hanse.errors import GatedRepo, RepoNotFound
from hanse.flows import access
from hanse.flows.mirror.background import Completing
from hanse.flows.node import Node
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.puller import Puller
from hanse.model.actor import Actor
from hanse.model.repo import Origin, RepoId, RepoType, parse_repo_id
from hanse.model.steps import Steps
from hanse.store.held.heldfile import HeldFile


@dataclass(frozen=True, slots=True)
class Through:
    """What a node needs to answer for its upstream's names.

    origin: of the upstream; completing: mirrors in the background, None if nothing is mirrored by itself; below: bytes up to
    which a revision is.
    """

    node: Node
    puller: Puller
    origin: Origin
    completing: Completing | None
    below: int

    def falls(self, origin: Origin, kind: RepoType, path: str) -> bool:
        """Tell whether a name that was not found is the upstream's to answer (step 1).

        origin: the one that was asked for, this node's own for plain names.
        """
        own = parse_repo_id(self.node.origin, kind, path)
        owner = self.puller.settings.roots(self.node.clock.now()).owner(path)
        answers = owner or self.origin
        if owner == self.node.origin or origin not in (self.node.origin, answers):
            return False
        with self.node.db.read() as conn:
            theirs = self._is_theirs(conn, origin, own, answers)
            return theirs and (origin == answers or repos.find_claimed(conn, own) is None)

    def _is_theirs(self, conn: Connection, origin: Origin, own: RepoId, answers: Origin) -> bool:
        """Tell whether a namespace is no other origin's than `answers`, nor, in a plain name, somebody's here."""
        if accounts.claimant(conn, own.namespace) not in (None, answers):
            return False
        return origin == answers or accounts.find_account(conn, own.namespace) is None

    def full_name(self, origin: Origin, kind: RepoType, name: str) -> str:
        """Return `namespace/name` for an old name without a namespace, as the upstream says or once said.

        Raises RepoNotFound if nobody ever said, or if what it says is somebody else's name (step 1); PeerError.
        """
        missing = RepoNotFound(f"Repository {name[:100]} not found", hint="write it as namespace/name")
        if origin not in (self.node.origin, self.origin):
            raise missing
        full = self.puller.full_name(kind, name)
        with self.node.db.read() as conn:
            if not self._is_theirs(conn, origin, parse_repo_id(self.node.origin, kind, full), self.origin):
                raise missing
        return full

    def refresh(self, repo: Repo, rev: str) -> None:
        """Let a mirrored name be looked at again in the background, if it is this upstream's."""
        if self.completing is not None and repo.repo.origin == self.origin and not rev.startswith("refs/pr/"):
            self.completing.want(repo.repo.type, repo.repo.path, rev)

    def close(self) -> None:
        """End what runs in the background."""
        if self.completing is not None:
            self.completing.close()
        self.puller.close()


@dataclass(frozen=True, slots=True)
class CallersView:
    """What one caller may have from the upstream; a source of the gateway's handlers."""

    through: Through
    actor: Actor

    def revision(self, kind: RepoType, name: str, revision: str, *, token: str = "") -> PulledRevision:
        """Return a revision that the caller may use (steps 2, 3 and 5); raises as `Puller.revision`, and GatedRepo.

        token: never given on; the upstream is asked with this node's own.
        """
        del token
        found = self.through.puller.revision(kind, name, revision)
        if found.claims.get("gated") or found.claims.get("private"):
            self._require(found)
        completing = self.through.completing
        mirrored = found.repo.origin == self.through.origin
        if mirrored and completing is not None and 0 < sum(pin.size for pin in found.files.values()) <= self.through.below:
            completing.want(kind, found.repo.path, revision)
        return found

    def _require(self, found: PulledRevision) -> None:
        if self.actor.admin:
            return
        if found.claims.get("private"):
            raise access.missing(found.repo)
        named = RepoId(self.through.origin, found.repo.type, found.repo.namespace, found.repo.name)
        with self.through.node.db.read() as conn:
            here = repos.find(conn, named)
        if here is None or not here[0].gated:
            raise GatedRepo(
                f"Access to {found.repo.path} is restricted at {found.repo.origin}; this node mirrors it for those it lets in.",
                anonymous=self.actor.anonymous,
                hint="ask this node's operator to mirror it, then ask for access",
            )
        access.require_read_bytes(self.through.node, self.actor, here[0])

    def file(self, revision: PulledRevision, path: str) -> Lasting | HeldFile:
        """Return a file of a revision, or its fetch, which nobody's leaving ends (step 4)."""
        found = self.through.puller.file(revision, path)
        return Lasting(found) if isinstance(found, Fetch) else found


@dataclass(frozen=True, slots=True)
class Lasting:
    """A fetch that goes on when whoever asked for the file has left: he, or the next one, asks again."""

    fetch: Fetch

    @property
    def streamable(self) -> bool:
        """Whether every chunk can be checked by itself, and nothing else has to be known before the first one leaves."""
        return self.fetch.streamable

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes that are here, and all."""
        return self.fetch.progress

    @property
    def heard(self) -> Steps:
        """How far the upstream says it is with fetching the file itself."""
        return self.fetch.heard

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield checked bytes [start, end) in order, waiting for them."""
        return self.fetch.read(start, end)

    def settle(self, timeout: float | None = None, at: int | None = None) -> bool:
        """Wait until it streams (byte `at`, if given), is here, or refused; tell whether it is within `timeout` seconds."""
        return self.fetch.settle(timeout, at)

    def wait(self, timeout: float | None = None) -> HeldFile | None:
        """Return the whole verified file, None if it is not here within `timeout` seconds; raises what went wrong."""
        return self.fetch.wait(timeout)

    def cancel(self) -> None:
        """Do nothing."""


def as_of(node: Node, repo: Repo) -> int | None:
    """Return when a mirror's upstream last answered, if it does not any more; None if it does."""
    with node.db.read() as conn:
        row = mirrors.get(conn, repo.id)
    return row.seen_at if row is not None and row.failure else None
