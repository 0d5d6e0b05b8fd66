"""The web edge of a gateway over files on disk, with the ways in which a file can be on its way switched by name."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.rawhttp import RawClient

from hanse.conform.repos import OriginFile, read_files
from hanse.errors import HanseError, IntegrityError, RepoNotFound, RevisionNotFound
from hanse.flows.gateway.home import Home
from hanse.flows.gateway.session import Session
from hanse.flows.gateway.state import new_secret
from hanse.model.decision import Rung
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType, parse_repo_id
from hanse.model.steps import NO_STEPS, Steps
from hanse.peers.client import PeerClient
from hanse.web.gateway.app import GatewayApp
from hanse.web.gateway.guard import Guard
from hanse.web.gateway.serving import server_of
from hanse.web.gateway.source import LARGE

REV = "1f" * 20
NAME = "org/m"


@dataclass(frozen=True)
class Shown:
    """A revision as the edge sees one."""

    repo: RepoId
    rev: str
    files: Mapping[str, FilePin]
    tree: str | None = "ab" * 32
    rung: Rung = Rung.LOCAL
    as_of: int | None = None
    notices: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lying:
    """A whole file on disk."""

    path: Path

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.path.stat().st_size

    def open(self) -> int:
        """Return a descriptor for reading."""
        return os.open(self.path, os.O_RDONLY)


class Coming:
    """A file that arrives when `gate` is set; `good`: how many bytes come before an error does."""

    def __init__(self, path: Path, *, streamable: bool, good: int | None = None, gate: threading.Event | None = None) -> None:
        self.path = path
        self.streamable = streamable
        self.good = good
        self.gate = gate or threading.Event()
        self.error: HanseError | None = None
        self.left = 0

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes here, and all."""
        return 7, self.path.stat().st_size

    @property
    def heard(self) -> Steps:
        """What the server before said."""
        return NO_STEPS

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes, and the error where the good ones end."""
        data = self.path.read_bytes()
        while start < end:
            stop = min(start + 65536, end)
            if self.good is not None and stop > self.good:
                raise IntegrityError("no honest place is left")
            yield data[start:stop]
            start = stop

    def settle(self, timeout: float | None = None, at: int | None = None) -> bool:
        """Wait for the gate, unless it streams and no byte in particular is waited for."""
        return (self.streamable and at is None) or self.gate.wait(timeout)

    def cancel(self) -> None:
        """Count those who left."""
        self.left += 1

    def wait(self, timeout: float | None = None) -> Lying | None:
        """Return the file when the gate opens."""
        if not self.gate.wait(timeout):
            return None
        if self.error is not None:
            raise self.error
        return Lying(self.path)


class FolderSource:
    """Files below a folder as the revision `REV` of the model `NAME`.

    coming: path -> the fetch that stands for it; refuse: raised instead of any answer; changes: fields of the revision.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, OriginFile] = read_files(folder)
        self.coming: dict[str, Coming] = {}
        self.refuse: HanseError | None = None
        self.changes: dict[str, Any] = {}
        self.tokens: list[str] = []

    def revision(self, kind: RepoType, name: str, revision: str, *, token: str = "") -> Shown:
        """Return the one revision there is."""
        self.tokens.append(token)
        if self.refuse is not None:
            raise self.refuse
        if name.lower() != NAME or kind is not RepoType.MODEL:
            raise RepoNotFound(f"no repository {name}")
        if revision not in ("main", REV):
            raise RevisionNotFound(f"Invalid rev id: {revision}")
        repo = parse_repo_id(Origin("hub.example"), kind, NAME)
        return Shown(repo, REV, {path: file.pin() for path, file in self.files.items()}, **self.changes)

    def file(self, revision: Any, path: str) -> Coming | Lying:
        """Return a file or its fetch."""
        assert revision.rev == REV
        return self.coming.get(path) or Lying(self.folder / path)


@dataclass(frozen=True)
class Edge:
    """A running edge."""

    source: FolderSource
    session: Session
    port: int
    secret: str
    cached: set[str]
    stopped: threading.Event

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Send one request below the secret; header names with `_` for `-`."""
        with RawClient(self.port) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client(method, f"/{self.secret}{path}", body, named)

    def get(self, path: str, **headers: str) -> Any:
        """Send a GET."""
        return self.ask("GET", path, None, **headers)


@contextmanager
def edge(source: FolderSource, home: str = "", *, large: int = LARGE) -> Iterator[Edge]:
    """Run the web edge over a source for the length of a `with` block. large: bytes, as in `Asked`."""
    listener = socket.create_server(("127.0.0.1", 0))
    port, secret = listener.getsockname()[1], new_secret()
    session, cached, stopped = Session("open"), set[str](), threading.Event()
    app = GatewayApp(
        source,
        Guard(port, secret),
        session,
        home=Home(home, PeerClient()),
        cached=lambda kind, name: f"{kind.plural}/{name}" in cached,
        stop=stopped.set,
        large=large,
    )
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Edge(source, session, port, secret, cached, stopped)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until a condition holds; AssertionError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
