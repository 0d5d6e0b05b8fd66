"""A network in memory: who reaches whom, and an HTTP client that sends nothing over any wire.

`Wire` is a `PeerClient` whose answers come from servers in this process, so that whatever asks through it is the real code with
the real requests. A cut or a server that is down looks as it does to a node: PeerDown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from hanse.errors import BlobNotFound, PeerDown, PeerMisbehaved
from hanse.peers.client import Answer, PeerClient
from hanse.store.keys import ObjectKey


class Server(Protocol):
    """What answers at an address."""

    def answer(self, viewer: str, method: str, path: str, body: bytes) -> Answer:
        """Return the answer to a request of somebody who is known by name, which no real server would know."""
        ...


@dataclass
class Network:
    """Everybody by host name. cut: pairs that do not reach each other; down: hosts that do not answer."""

    servers: dict[str, Server] = field(default_factory=dict)
    cut: set[frozenset[str]] = field(default_factory=set)
    down: set[str] = field(default_factory=set)

    def reaches(self, one: str, other: str) -> bool:
        """Tell whether a request of one gets to the other."""
        return not {one, other} & self.down and frozenset((one, other)) not in self.cut


class Wire(PeerClient):
    """The HTTP client of one party."""

    def __init__(self, network: Network, who: str) -> None:
        super().__init__()
        self._network = network
        self._who = who

    def _ask(
        self,
        method: str,
        url: str,
        limit: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        deadline: float,
    ) -> tuple[Answer, str | None]:
        del headers, deadline
        parts = urlsplit(url)
        host = str(parts.hostname)
        if not self._network.reaches(self._who, host):
            raise PeerDown(f"{host} does not answer {self._who}")
        found = self._network.servers[host].answer(self._who, method, parts.path, body or b"")
        if len(found.body) > limit:
            raise PeerMisbehaved(f"{host} answers more than {limit} bytes")
        return found, None


class MemoryStore:
    """Objects in memory, with the contract of `BlobStore` but for durability."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, bytes] = {}

    def put(self, key: ObjectKey, data: bytes) -> bool:
        """Store an object unless it is there; tell whether it was stored."""
        return self._objects.setdefault(key, data) is data

    def adopt(self, key: ObjectKey, staged: Path) -> bool:
        """Take over a staged file."""
        stored = self.put(key, staged.read_bytes())
        staged.unlink()
        return stored

    def get(self, key: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        """Return an object or a part of it; raises BlobNotFound."""
        if key not in self._objects:
            raise BlobNotFound(f"there is no {key}")
        return self._objects[key][start : None if length is None else start + length]

    def size(self, key: ObjectKey) -> int | None:
        """Return the size of an object, None if there is none."""
        return len(self._objects[key]) if key in self._objects else None

    def list(self, prefix: str) -> Iterator[ObjectKey]:
        """Yield the keys below a prefix."""
        return (key for key in tuple(self._objects) if key.startswith(prefix))

    def delete(self, key: ObjectKey) -> None:
        """Remove an object if it is there."""
        self._objects.pop(key, None)

    def local_path(self, key: ObjectKey) -> Path | None:
        """Return None: nothing here is a file."""
        del key
        return None
