"""A user's machine that pulls from real nodes and Hub-shaped origins on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.nodes import TickingClock

from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.policies import load_policy
from hanse.flows.pull.events import Event
from hanse.flows.pull.fetch import Fetch, Fetcher
from hanse.flows.pull.puller import PulledRevision, Puller, PullSettings
from hanse.model.repo import RepoType
from hanse.store.held import Held, HeldFile

DEAD = "http://127.0.0.1:9"
"""An address at which nobody listens."""
FILES = {"config.json": b"{}", "model.safetensors": b"w" * 60_000}
"""A model; its weights are smaller than the piece that a place has to show, so that every altered byte is in it."""
EVIL = b"cos\nsystem\n(S'id'\ntR."
"""A pickle that runs a command."""


@dataclass
class Machine:
    """Somebody's machine: a home, a held store, a clock. `puller` gives a puller as a new process would have it."""

    folder: Path
    held: Held
    clock: TickingClock = field(default_factory=TickingClock)
    events: list[Event] = field(default_factory=list)
    made: list[Puller] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """HANSE_HOME."""
        return self.folder / "home"

    def puller(
        self,
        *nodes: str,
        upstream: str | None = None,
        policy: str | LoadedPolicy = "open",
        offline: bool = False,
        token_for: Callable[[str], str] = lambda _: "",
        for_others: bool = False,
    ) -> Puller:
        """Return a new puller over the same home and store."""
        loaded = load_policy(policy, self.home) if isinstance(policy, str) else policy
        settings = PullSettings(nodes, upstream, loaded, self.home, token_for, offline, for_others=for_others)
        made = Puller(settings, self.held, Fetcher(self.held, report=self.events.append), self.clock)
        self.made.append(made)
        return made


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Give a machine for the length of a `with` block."""
    with Held.open(folder / "held") as held:
        made = Machine(folder, held)
        try:
            yield made
        finally:
            for one in made.made:
                one.close()


def main_of(puller: Puller, name: str = "org/m", revision: str = "main", token: str = "") -> PulledRevision:
    """Return a revision of a model."""
    return puller.revision(RepoType.MODEL, name, revision, token=token)


def content(puller: Puller, revision: PulledRevision, path: str) -> bytes:
    """Return the bytes of a file, fetched if it is not held."""
    found: Fetch | HeldFile | None = puller.file(revision, path)
    if isinstance(found, Fetch):
        found = found.wait(120)
    assert found is not None
    return found.path.read_bytes()


@dataclass
class SaidNode:
    """A server that answers GETs as a table says: target -> (status, body), with `headers`.

    asked: the targets and tokens so far.
    """

    table: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    url: str = ""

    def refuse(self, target: str, status: int, code: str, says: str) -> None:
        """Answer a target with a refusal in a node's form."""
        self.table[target] = (status, json.dumps({"error": says, "code": code}).encode())


@contextmanager
def said_node() -> Iterator[SaidNode]:
    """Serve a table for the length of a `with` block; what is not in it is 404."""
    made = SaidNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("authorization", "")))
            status, body = made.table.get(self.path, (404, b"{}"))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            for name, value in made.headers.get(self.path, {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(timeout=120)
