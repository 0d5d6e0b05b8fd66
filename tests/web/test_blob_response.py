"""Bytes out: the matrix of Range forms, HEAD, If-None-Match and If-Range (RFC 9110), and who sends the body."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from hanse.store.base import FileSlice
from hanse.web.blob_response import ACCEL, IMMUTABLE, BlobResponse

CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)
FULL = (200, CONTENT, None)


class _Source:
    """Bytes in pieces of 100, or as one slice of a file."""

    def __init__(self, path: Path | None = None) -> None:
        self.size = SIZE
        self.whole = path

    def pieces(self, start: int, length: int) -> Iterator[bytes | FileSlice]:
        if self.whole is not None:
            yield FileSlice(self.whole, start, length)
            return
        for at in range(start, start + length, 100):
            yield CONTENT[at : min(at + 100, start + length)]


def _client(source: _Source, accel: tuple[str, Path] | None = None) -> TestClient:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ACCEL] = accel
        response = BlobResponse(Request(scope, receive), source, etag="tag", headers={"X-Extra": "a\nb"}, cache=IMMUTABLE)
        await response(scope, receive, send)

    return TestClient(app)


@pytest.fixture(name="client", params=["pieces", "file"])
def _served(request: pytest.FixtureRequest, tmp_path: Path) -> TestClient:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    return _client(_Source(path if request.param == "file" else None))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, FULL),
        ("bytes=0-0", (206, CONTENT[:1], "bytes 0-0/1024")),
        ("bytes=10-19", (206, CONTENT[10:20], "bytes 10-19/1024")),
        ("bytes=1000-", (206, CONTENT[1000:], "bytes 1000-1023/1024")),
        ("bytes=-5", (206, CONTENT[-5:], "bytes 1019-1023/1024")),
        ("bytes=-5000", (206, CONTENT, "bytes 0-1023/1024")),
        ("bytes=1020-9999", (206, CONTENT[1020:], "bytes 1020-1023/1024")),
        ("bytes=1024-", (416, b"", "bytes */1024")),
        ("bytes=-0", (416, b"", "bytes */1024")),
        ("bytes=0-1,5-6", FULL),
        ("bytes=a-b", FULL),
        ("bytes=9-5", FULL),
        ("lines=0-1", FULL),
        ("bytes", FULL),
        ("bytes=" + "0-1," * 3000, FULL),
    ],
)
def test_ranges(client: TestClient, header: str | None, expected: tuple[int, bytes, str | None]) -> None:
    """One range is 206, several are the whole, malformed ones are ignored, an unsatisfiable one is 416; HEAD agrees."""
    status, body, content_range = expected
    headers = {"Range": header} if header else {}
    found, head = client.get("/", headers=headers), client.head("/", headers=headers)
    assert (found.status_code, found.content, found.headers.get("content-range")) == (status, body, content_range)
    assert int(found.headers["content-length"]) == len(body)
    assert (head.status_code, head.content, head.headers) == (status, b"", found.headers)


def test_headers(client: TestClient) -> None:
    """Every answer has the validator, says that ranges work, and cannot carry a line break."""
    headers = client.get("/").headers
    assert (headers["etag"], headers["accept-ranges"], headers["cache-control"]) == ('"tag"', "bytes", IMMUTABLE)
    assert headers["x-extra"] == "a b"


@pytest.mark.parametrize("value", ['"tag"', 'W/"tag"', '"other", "tag"', "*"])
def test_not_modified(client: TestClient, value: str) -> None:
    """A known validator is 304 without a body, whatever range is asked for."""
    found = client.get("/", headers={"If-None-Match": value, "Range": "bytes=0-1"})
    assert (found.status_code, found.content) == (304, b"")
    assert "content-length" not in found.headers


@pytest.mark.parametrize("value", ['"other"', "tag", '"tag', "x" * 5000])
def test_modified(client: TestClient, value: str) -> None:
    """Another validator is answered with the bytes."""
    assert client.get("/", headers={"If-None-Match": value}).content == CONTENT


@pytest.mark.parametrize(("value", "status"), [('"tag"', 206), ('"other"', 200), ('W/"tag"', 200), ("Sun, 06 Nov 1994", 200)])
def test_if_range(client: TestClient, value: str, status: int) -> None:
    """A range is served only of the version it was asked of: anything else would splice two files."""
    found = client.get("/", headers={"If-Range": value, "Range": "bytes=0-9"})
    assert (found.status_code, found.content) == (status, CONTENT[:10] if status == 206 else CONTENT)


def test_a_front_server_sends_whole_files(tmp_path: Path) -> None:
    """With X-Accel the node names the object and sends nothing; quoting is that of an address."""
    path = tmp_path / "blobs" / "a b"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    client = _client(_Source(path), ("/_internal/", tmp_path))
    for headers in ({}, {"Range": "bytes=0-9"}):
        found = client.get("/", headers=headers)
        assert (found.status_code, found.content) == (200, b"")
        assert found.headers["x-accel-redirect"] == "/_internal/blobs/a%20b"
        assert "content-range" not in found.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes = 0-9"},
        {"Range": "bytes=-5"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=٣-٤".encode()},
        {"Range": "bytes=0-9", "If-Range": '"tag"'},
    ],
)
def test_no_front_server_where_it_may_read_a_range_differently(tmp_path: Path, headers: dict[str, str]) -> None:
    """Ranges that two parsers may understand differently, and conditions on them, are answered here."""
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    found = _client(_Source(path), ("/_internal/", tmp_path)).get("/", headers=headers)
    assert "x-accel-redirect" not in found.headers
    assert found.content


def test_bytes_without_a_file_are_sent_here(tmp_path: Path) -> None:
    """A body made of pieces, and HEAD, never name an internal address."""
    assert _client(_Source(), ("/_internal/", tmp_path)).get("/").content == CONTENT
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    assert "x-accel-redirect" not in _client(_Source(path), ("/_internal/", tmp_path)).head("/").headers
