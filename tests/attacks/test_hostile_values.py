"""Hostile values wherever a path, name, number or text enters, on every route: never a 5xx, a file outside, a split header."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.attacks.requests import Request, address, fill, kitchen_sink, params, requests_for, routes
from tests.attacks.scene import OUTSIDE, OWN, Scene
from tests.support.rawhttp import RawClient, Reply
from tests.support.seeds import run_seed

VALUES = (
    "..%2f..%2f..%2f..%2f..%2foutside.txt",
    "%2e%2e/%2e%2e/%2e%2e/outside.txt",
    "....//....//outside.txt",
    "%2e%2e%2foutside.txt",
    "%252e%252e%252f%252e%252e%252foutside.txt",
    "..%5c..%5coutside.txt",
    "..\\..\\outside.txt",
    "%2Fetc%2Fpasswd",
    "//etc/passwd",
    "%00",
    "a%00b",
    "outside.txt%00.md",
    "%ff%fe",
    "%c0%ae%c0%ae%c0%af",
    "%EF%BC%8F%EF%BC%8E%EF%BC%8E",
    "%E2%88%95",
    "%ED%A0%80",
    ".git%2Fconfig",
    ".GIT",
    "C:%5Cx",
    "a" * 5000,
    "%61" * 3000,
    "-1",
    "0",
    "99999999999999999999",
    "9223372036854775808",
    "1e9",
    "%0d%0aX-Evil:%20yes",
    "%0aX-Evil:%20yes",
    "%01%02%7f",
    "%1b[31m",
    "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "%7B%7D",
    "%20",
    ".",
    "..",
    "%2e",
    "a%2F%2e%2e%2Fb",
    "refs%2Fheads%2F..%2Fmain",
    "HEAD%5E",
    "main~1",
    "@%7Bu%7D",
    "*",
    "%25",
    "%",
    "%zz",
    "a//b",
    "+",
    "%F0%9F%92%A9",
    "%E2%80%AE",
    "a.lock",
    "%CC%81",
    "main%3Fx",
    "None",
    "null",
    "true",
    "%5B%5D",
    "x'%20OR%201=1--",
    "x%22;--",
)
TEXTS: tuple[Any, ...] = (
    "\0",
    "a\0b",
    "\ud800",
    "../../outside.txt",
    "x" * 100_000,
    "",
    " ",
    "\r\nX-Evil: yes",
    "<script>",
    "%s%n",
    "\u202e",
    "٣",
    -1,
    0,
    2**31,
    2**53,
    2**63,
    2**64,
    10**40,
    1e308,
    0.5,
    True,
    None,
    [],
    {},
    [[]],
    ["x"] * 2000,
    {"a": {"a": {}}},
    [None],
)
QUERY = (
    "limit",
    "cursor",
    "p",
    "skip",
    "after",
    "sort",
    "direction",
    "filter",
    "author",
    "search",
    "expand",
    "expand[]",
    "recursive",
    "revision",
    "full",
    "num_parameters",
    "type",
    "status",
    "create_pr",
    "gated",
    "pipeline_tag",
    "blobs",
    "diff",
    "r",
    "e",
    "s",
    "tags",
)
_NO_JSON = (b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b'"x"', b"{", b'{"a":1}' * 2, b"\0")
_WHO = "admin"  # the most powerful caller gets furthest


def _rng(name: str) -> random.Random:
    seed = run_seed()
    print(f"HANSE_TEST_SEED={seed}")
    return random.Random(f"{seed} {name}")


def _check(reply: Reply, request: Request) -> None:
    shown = (request.method, request.target[:200], (request.body or b"")[:200], reply.status, reply.body[:300])
    assert reply.status < 500, shown
    assert OUTSIDE.encode() not in reply.body, shown
    assert b"root:" not in reply.body, shown
    assert "x-evil" not in reply.headers, shown
    for name, value in reply.headers.items():
        assert all(char.isprintable() for char in value), (name, value, shown)


def _path_requests(scene: Scene, pattern: str, rng: random.Random, count: int) -> Iterator[Request]:
    for route in (route for route in routes() if route.pattern == pattern):
        for name in params(pattern):
            for value in rng.sample(VALUES, min(count, len(VALUES))):
                values = fill(scene, OWN, **{name: value})
                if name == "repo":
                    values["repo"] = rng.choice((value, f"bob/{value}", f"{value}/own"))
                yield from (
                    requests_for(route, values, OWN)
                    if rng.random() < 0.3
                    else [Request(route.method, address(pattern, values), None if route.method in ("GET", "HEAD") else b"{}")]
                )


def _attack(scene: Scene, requests: Iterator[Request]) -> None:
    with scene.client(_WHO) as client:
        for request in requests:
            _check(request.send(client), request)


_PATTERNS = sorted({route.pattern for route in routes() if params(route.pattern)})


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_hostile_paths(scene: Scene, pattern: str) -> None:
    """A route takes any value in any place of its address without failing or leaving the store (a sample of the values)."""
    _attack(scene, _path_requests(scene, pattern, _rng(pattern), 6))


@pytest.mark.soak
@pytest.mark.parametrize("pattern", _PATTERNS)
def test_all_hostile_paths(postgres_scene: Scene, pattern: str) -> None:
    """The same with every value, on PostgreSQL, which refuses more than SQLite does."""
    _attack(postgres_scene, _path_requests(postgres_scene, pattern, _rng(pattern), len(VALUES)))


def _mutations(rng: random.Random, count: int) -> Iterator[bytes]:
    """Yield JSON bodies of which one value, at any depth, is hostile."""
    for _ in range(count):
        body = kitchen_sink(OWN)
        holder: Any = body
        key: Any = rng.choice(list(body))
        while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.7:
            holder = holder[key]
            key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        holder[key] = rng.choice(TEXTS)
        yield json.dumps(body).encode()


def _body_requests(scene: Scene, pattern: str, rng: random.Random, count: int) -> Iterator[Request]:
    for route in (route for route in routes() if route.pattern == pattern and route.method in ("POST", "PUT", "DELETE")):
        path = address(pattern, fill(scene, OWN))
        for body in _mutations(rng, count):
            yield Request(route.method, path, body, "application/json")
        for raw in (
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"null",
            b"[]",
            b'"x"',
            b"{",
            b'{"a":1}' * 2,
            b"\0",
            b"{}" + b" " * 9,
        ):
            yield Request(
                route.method, path, raw, rng.choice(("application/json", "text/plain", "application/x-www-form-urlencoded"))
            )


_WITH_BODY = sorted({route.pattern for route in routes() if route.method in ("POST", "PUT", "DELETE")})


@pytest.mark.parametrize("pattern", _WITH_BODY)
def test_hostile_bodies(postgres_scene: Scene, pattern: str) -> None:
    """A route takes any JSON, and what is no JSON, without failing (a sample; on PostgreSQL)."""
    _attack(postgres_scene, _body_requests(postgres_scene, pattern, _rng(pattern), 12))


@pytest.mark.soak
@pytest.mark.parametrize("pattern", _WITH_BODY)
def test_more_hostile_bodies(scene: Scene, pattern: str) -> None:
    """The same with many more, on SQLite."""
    _attack(scene, _body_requests(scene, pattern, _rng(pattern), 150))


def _query_requests(scene: Scene, pattern: str, rng: random.Random, count: int) -> Iterator[Request]:
    path = address(pattern, fill(scene, OWN))
    for _ in range(count):
        query = "&".join(f"{rng.choice(QUERY)}={rng.choice(VALUES)}" for _ in range(rng.choice((1, 1, 2, 5))))
        yield Request("GET", f"{path}?{query[:9000]}")


_READS = sorted({route.pattern for route in routes() if route.method == "GET"})


@pytest.mark.parametrize("pattern", _READS)
def test_hostile_queries(postgres_scene: Scene, pattern: str) -> None:
    """A route takes any query without failing (on PostgreSQL)."""
    _attack(postgres_scene, _query_requests(postgres_scene, pattern, _rng(pattern), 8))


@pytest.mark.soak
@pytest.mark.parametrize("pattern", _READS)
def test_more_hostile_queries(scene: Scene, pattern: str) -> None:
    """The same with many more, on SQLite."""
    _attack(scene, _query_requests(scene, pattern, _rng(pattern), 100))


def test_hostile_commit_paths(scene: Scene) -> None:
    """No operation of a commit takes a path that leads out of the repository, however it is spelled."""
    for path in (
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a\\..\\x",
        ".git/hooks/x",
        "a/.GIT/x",
        "x\0y",
        "a//b",
        "",
        ".",
        "a/./b",
        "x\n",
    ):
        for operation in (
            {"key": "file", "value": {"path": path, "content": "", "encoding": "base64"}},
            {"key": "deletedFile", "value": {"path": path}},
            {"key": "deletedFolder", "value": {"path": path}},
            {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": "ab" * 32}},
        ):
            assert scene.do_commit("bob", OWN, operation).status in (400, 404), operation


def test_nothing_was_written_outside(scene: Scene) -> None:
    """After all that, the data folder holds what it should and nothing else was made beside it."""
    with RawClient(scene.node.port) as client:
        assert client("GET", "/healthz").status == 200
    made = {path.name for path in scene.node.data.iterdir()}
    assert made <= {"hanse.db", "hanse.db-wal", "hanse.db-shm", "keys", "objects", "staging", "node.json", "outside.txt"}, made
    beside = {path.name for path in scene.node.folder.iterdir()}
    assert beside <= {"node", "node.log", "node.out", "outside.txt"}, beside
