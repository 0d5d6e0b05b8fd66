"""Requests made from the table of routes: every route of the node is attacked, those added later too."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.attacks.scene import PUBLIC, Scene
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import commit_body, put_bytes

from hanse.web.routing import Route
from hanse.web.table import all_routes

HEX64 = "ab" * 32
_NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Request:
    """One request: method, raw target, body with its type (empty: none)."""

    method: str
    target: str
    body: bytes | None = None
    kind: str = ""

    def send(self, client: RawClient) -> Reply:
        """Send it."""
        return client(self.method, self.target, self.body, {"content-type": self.kind} if self.kind else None)


def fill(scene: Scene, repo_id: str = PUBLIC, /, **special: str) -> dict[str, str]:
    """Return a raw value for every parameter of every route; `special` replaces some."""
    values = {
        "kind": "models",
        "repo": repo_id,
        "rev": "main",
        "rev*": "main",
        "path*": "README.md",
        "name": "dev",
        "num": "1",
        "event": "0" * 24,
        "status": "pending",
        "hash": HEX64,
        "xet": HEX64,
        "prefix": "default",
        "epoch": _epoch(scene),
        "id": "1",
        "holder": "1",
        "account": "1",
        "rights": "10",
        "length": "100",
        "repo_id": "1",
        "oid": HEX64,
        "size": "100",
        "number": "1",
        "digest": "0" * 16,
        "record": HEX64,
        "file": "table.jsonl",
    }
    return values | special


def _epoch(scene: Scene) -> str:
    return str(json.loads((scene.node.data / "node.json").read_text())["epoch"])


def params(pattern: str) -> list[str]:
    """Return the names of a pattern's parameters, with the star of those that take the rest."""
    return [part[1:-1] for part in pattern.split("/") if part.startswith("{") and part.endswith("}")]


def address(pattern: str, values: Mapping[str, str]) -> str:
    """Return the raw path of a pattern; a parameter that nobody knows is `1`."""
    path = pattern
    for name in params(pattern):
        value = values.get(name, "1")
        if name == "repo" and pattern.startswith("/{repo}/info/lfs") | pattern.startswith("/{kind}/{repo}/info/lfs"):
            value += ".git"
        path = path.replace(f"{{{name}}}", value, 1)
    return path


def kitchen_sink(repo: str) -> dict[str, Any]:
    """Return a JSON object that has what any route of the API may look for."""
    namespace, _, name = repo.partition("/")
    file = {"path": "README.md", "size": 5, "sample": base64.b64encode(b"x").decode(), "sha256": HEX64, "xetHash": HEX64}
    return {
        "name": name,
        "organization": namespace,
        "type": "model",
        "fromRepo": repo,
        "toRepo": "bob/taken-over",
        "repository": "bob/copied",
        "target": {"type": "model", "name": "bob/own"},
        "files": [{**file, "filename": "x"}],
        "paths": ["README.md", "m.bin"],
        "expand": False,
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": HEX64, "size": 100}],
        "oid": HEX64,
        "size": 100,
        "parts": [],
        "title": "t",
        "description": "d",
        "comment": "c",
        "content": "c",
        "status": "accepted",
        "user": "bob",
        "tag": "v9",
        "message": "m",
        "startingPoint": "main",
        "deletions": {"sha": [HEX64], "rewriteHistory": True},
        "length": 100,
        "repoType": "model",
        "suite": "arithmetic",
    }


def requests_for(route: Route, values: Mapping[str, str], repo: str) -> Iterator[Request]:
    """Yield the requests to send to a route: without a body where it takes none, else with an empty and a full one."""
    path = address(route.pattern, values)
    if route.method in ("GET", "HEAD"):
        yield Request(route.method, path)
        if route.method == "GET":
            yield Request("HEAD", path)
        return
    yield Request(route.method, path)
    if route.pattern.endswith("/commit/{rev}"):
        yield Request(route.method, path, commit_body(put_bytes("x.txt", b"x")), _NDJSON)
        return
    yield Request(route.method, path, json.dumps(kitchen_sink(repo)).encode(), "application/json")
    yield Request(route.method, path, f"paths=README.md&paths={quote('m.bin')}".encode(), "application/x-www-form-urlencoded")


def routes() -> list[Route]:
    """Return every route of the node."""
    return all_routes()
