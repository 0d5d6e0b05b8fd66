"""What the gateway's handlers need: something that resolves names and gives checked bytes. A `Puller` is one.

Handlers are functions of an `Asked`, so that a node can mount them for names it pulls through, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import anyio
import anyio.to_thread
from starlette.requests import Request

from hanse.model.pulled import Pulled
from hanse.model.repo import RepoType
from hanse.model.steps import Steps

LARGE = 50 * 10**9
"""Bytes above which Python's Hub client does not ask for a file by plain HTTP."""
P = ParamSpec("P")
T = TypeVar("T")


class HeldBytes(Protocol):
    """A file that lies here whole and verified."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        ...

    def open(self) -> int:
        """Return a descriptor of exactly the bytes that were verified; raises StorageError if they are not there any more."""
        ...


class Fetching(Protocol):
    """A file on its way here."""

    @property
    def streamable(self) -> bool:
        """Whether every chunk can be checked by itself, and nothing else has to be known before the first one leaves."""
        ...

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes that came, and all."""
        ...

    @property
    def heard(self) -> Steps:
        """How far the server it comes from says it is with fetching the file itself."""
        ...

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield checked bytes [start, end) in order, waiting for them."""
        ...

    def settle(self, timeout: float | None = None, at: int | None = None) -> bool:
        """Wait until it streams (byte `at`, if given), is here, or refused; tell whether it is within `timeout` seconds."""
        ...

    def wait(self, timeout: float | None = None) -> HeldBytes | None:
        """Return the whole verified file, None if it is not here within `timeout` seconds; raises what went wrong."""
        ...

    def cancel(self) -> None:
        """Say that whoever asked for it does not need the rest."""
        ...


def held_of(found: Fetching | HeldBytes) -> HeldBytes | None:
    """Return what lies here whole, None for what is on its way."""
    return None if hasattr(found, "wait") else found


def fetch_of(found: Fetching | HeldBytes) -> Fetching | None:
    """Return what is on its way, None for what lies here."""
    return cast("Fetching", found) if hasattr(found, "wait") else None


class Source(Protocol):
    """Resolves names and gets bytes."""

    def revision(self, kind: RepoType, name: str, revision: str, *, token: str = "") -> Pulled:
        """Return a revision that may be read.

        Raises PolicyError, IntegrityError, RepoNotFound, RevisionNotFound, Recalled, AccessError or PeerError.
        """
        ...

    def file(self, revision: Any, path: str) -> Fetching | HeldBytes:
        """Return a file of a revision, or the fetch that brings it; raises EntryNotFound, PolicyError, PeerError."""
        ...


def _ignore(_revision: Pulled) -> None:
    pass


@dataclass(frozen=True)
class Asked:
    """One request for a repository.

    base: absolute address in front of the request's path; rev: branch, tag or commit id; path: inside the repository;
    token: of the caller, for the one server that knows him; patience: how long a GET may wait for its first byte, in seconds,
    None for as long as it takes; seen: told of every revision that was resolved; large: bytes above which clients that would
    refuse to ask for a file are not told its size; threads: what waits for other servers runs in, None for those of all calls.
    """

    request: Request
    source: Source
    kind: RepoType
    repo: str
    base: str
    rev: str = "main"
    path: str = ""
    token: str = field(default="", repr=False)
    patience: float | None = None
    seen: Callable[[Pulled], None] = _ignore
    large: int = LARGE
    threads: anyio.CapacityLimiter | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a worker thread and return its result."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.threads)

    async def revision(self) -> Pulled:
        """Return the revision that is asked for; raises as `Source.revision`."""
        return await self.run(self.resolve)

    def resolve(self) -> Pulled:
        """Return the revision that is asked for; blocking."""
        found = self.source.revision(self.kind, self.repo, self.rev, token=self.token)
        self.seen(found)
        return found

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is switched on (`true`, `1`, or present without a value)."""
        value = self.request.query_params.get(name)
        return value is not None and value.lower() in ("", "true", "1")


__all__ = ["Asked", "Fetching", "HeldBytes", "Pulled", "Source", "fetch_of", "held_of"]
