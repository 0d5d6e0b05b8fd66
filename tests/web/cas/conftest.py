"""A live node, a repository on it, and Xet sessions for its owner."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, commit_body, put_file

_numbers = itertools.count(1)


@dataclass
class Cas:
    """A Xet session on a repository of its own; `url` and `path` are the CAS address, absolute and below the node's root."""

    node: LiveNode
    repo: str
    url: str = ""
    path: str = ""
    token: str = ""
    expires: int = 0
    client: RawClient = field(init=False)
    hub: RawClient = field(init=False)

    def __post_init__(self) -> None:
        self.hub = RawClient(self.node.port, ADMIN_TOKEN)
        found = self.hub("GET", f"/api/models/{self.repo}/xet-write-token/main").json()
        self.url, self.token, self.expires = found["casUrl"], found["accessToken"], found["exp"]
        self.path = self.url.removeprefix(self.node.url)
        self.client = RawClient(self.node.port, self.token)

    def __call__(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request below the CAS address."""
        return self.client(method, self.path + target, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def upload(self, file: RawFile, *, name: str = "") -> None:
        """Upload a file; commit it under `name` if given."""
        assert self("POST", f"/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 200
        assert self("POST", "/v1/shards", file.shard).status == 200
        if name:
            body = commit_body(put_file(name, file.sha256, len(file.data)))
            kind = {"content-type": "application/x-ndjson"}
            assert self.hub("POST", f"/api/models/{self.repo}/commit/main", body, kind).status == 200

    def close(self) -> None:
        """Hang up."""
        self.client.close()
        self.hub.close()


@pytest.fixture(name="live", scope="package")
def _live(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    environ = {"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "200", "HANSE_LOG_LEVEL": "warning"}
    with forked_node(mother, tmp_path_factory.mktemp("cas"), environ=environ) as node:
        yield node


@pytest.fixture(name="cas")
def _cas(live: LiveNode) -> Iterator[Cas]:
    """Return a write session on a new repository of the administrator."""
    name = f"repo{next(_numbers)}"
    with RawClient(live.port, ADMIN_TOKEN) as hub:
        assert hub.json("POST", "/api/repos/create", {"name": name, "type": "model"}).status == 200
    opened = Cas(live, f"admin/{name}")
    yield opened
    opened.close()
