"""Xorb uploads over HTTP."""

from __future__ import annotations

import json
import random
import socket
import time

import pytest
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, raw_file
from tests.web.cas.conftest import Cas


@pytest.fixture(name="file")
def _file() -> RawFile:
    """Return a file of content never sent before."""
    return raw_file(random.randbytes(100_000))


@pytest.fixture(name="large", scope="module")
def _large() -> RawFile:
    """Return a file whose xorb is long enough to be read past the server."""
    return raw_file(random.randbytes(9_000_000))


@pytest.mark.parametrize("route", ["/v1/xorbs", "/xorbs", "/xorb"])
def test_a_xorb_in_one_post(cas: Cas, file: RawFile, route: str) -> None:
    """The answer tells whether the bytes were new; HEAD tells the stored size."""
    target, known = f"{route}/default/{file.xorb}", f"/v1/xorbs/default/{file.xorb}"
    assert cas("HEAD", known).status == 404
    assert cas("POST", target, file.xorb_bytes).json() == {"was_inserted": True}
    assert cas("POST", target, file.xorb_bytes).json() == {"was_inserted": False}
    assert cas("HEAD", known).headers["content-length"] == str(len(file.xorb_bytes))


def test_a_long_body_is_taken_over_from_the_server(cas: Cas, large: RawFile) -> None:
    """A large xorb comes in whole, the connection is closed after the answer, and the next request works."""
    reply = cas("POST", f"/v1/xorbs/default/{large.xorb}", large.xorb_bytes)
    assert (reply.status, reply.headers.get("connection")) == (200, "close")
    assert cas("HEAD", f"/v1/xorbs/default/{large.xorb}").headers["content-length"] == str(len(large.xorb_bytes))


def test_a_long_body_that_lies(cas: Cas, large: RawFile, file: RawFile) -> None:
    """A refusal in the middle of a large body reaches the client, which is still sending."""
    broken = b"\0" * 100 + large.xorb_bytes[100:]
    assert cas("POST", f"/v1/xorbs/default/{large.xorb}", broken).status == 400
    assert cas("POST", f"/v1/xorbs/default/{file.xorb}", large.xorb_bytes).status == 422


def test_a_client_that_goes_away(cas: Cas, large: RawFile) -> None:
    """A body that ends early stores nothing, and the node goes on."""
    head = f"POST {cas.path}/v1/xorbs/default/{large.xorb} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cas.token}\r\n"
    for sent in (50_000, 5_000_000):
        with socket.create_connection(("127.0.0.1", cas.node.port)) as sock:
            sock.sendall(f"{head}Content-Length: {len(large.xorb_bytes)}\r\n\r\n".encode() + large.xorb_bytes[:sent])
    assert cas("HEAD", f"/v1/xorbs/default/{'0' * 64}").status == 404
    deadline = time.monotonic() + 120
    while list((cas.node.data / "staging").glob("staged-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_other_ways_to_send_a_body(cas: Cas, large: RawFile) -> None:
    """Expect: 100-continue and chunked encoding, which no Xet client uses, work as the standard says."""
    with socket.create_connection(("127.0.0.1", cas.node.port), timeout=120) as sock:
        head = f"POST {cas.path}/v1/xorbs/default/{large.xorb} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cas.token}\r\n"
        sock.sendall(f"{head}Expect: 100-continue\r\nContent-Length: {len(large.xorb_bytes)}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(large.xorb_bytes)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    with socket.create_connection(("127.0.0.1", cas.node.port), timeout=120) as sock:
        sock.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(large.xorb_bytes), 3_000_000):
            part = large.xorb_bytes[at : at + 3_000_000]
            sock.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")


def _grant(cas: Cas, file: RawFile, length: int | None = None) -> Reply:
    checksum = {"algo": "crc64nvme", "value": "1"}
    body = {"length": len(file.xorb_bytes) if length is None else length, "checksum": checksum}
    return cas("POST", f"/v1/xorb-grants/default/{file.xorb}", json.dumps(body).encode())


def _put(cas: Cas, url: str, data: bytes) -> Reply:
    with RawClient(cas.node.port) as nobody:
        return nobody("PUT", url.removeprefix(cas.node.url), data)


def test_a_xorb_by_grant_put_and_commit(cas: Cas, file: RawFile) -> None:
    """The PUT needs no token; the commit says whether the bytes are in; a second grant says that nothing need be sent."""
    granted = _grant(cas, file)
    assert granted.status == 201
    grant = granted.json()
    assert (grant["method"], grant["headers"]) == ("PUT", {})
    commit = f"/v1/xorb-commits/default/{file.xorb}/grant/{grant['id']}"
    assert cas("POST", commit, b"").status == 404
    assert _put(cas, grant["url"], file.xorb_bytes).status == 200
    assert cas("POST", commit, b"").status == 200
    assert _grant(cas, file).status == 200


def test_grants_are_for_one_xorb_of_one_length(cas: Cas, file: RawFile) -> None:
    """Another xorb, length, account, repository, right or signature than was granted is refused, as are absurd lengths."""
    url = _grant(cas, file).json()["url"]
    assert _put(cas, url, file.xorb_bytes[:-1]).status == 403
    assert _put(cas, url[:-3] + "AAA", file.xorb_bytes).status == 403
    assert _put(cas, url.replace(file.xorb, raw_file(b"x").xorb), file.xorb_bytes).status == 403
    path = url.partition("/put/")[2].split("/")
    for at in range(3):
        changed = "/".join([*path[:at], str(int(path[at]) + 1), *path[at + 1 :]])
        assert _put(cas, url.partition("/put/")[0] + "/put/" + changed, file.xorb_bytes).status == 403
    for length in (0, -1, 2**40):
        assert _grant(cas, file, length).status == 400
    assert cas("POST", f"/v1/xorb-grants/default/{file.xorb}", b'{"length": "7"}').status == 400
    assert cas("POST", f"/v1/xorb-grants/default/{file.xorb}", b"[]").status == 400


def test_bytes_under_another_name(cas: Cas, file: RawFile) -> None:
    """A hash mismatch, a truncated xorb and a body that is too long are refused."""
    other = raw_file(random.randbytes(50_000))
    assert cas("POST", f"/v1/xorbs/default/{other.xorb}", file.xorb_bytes).status == 422
    assert cas("POST", f"/v1/xorbs/default/{file.xorb}", file.xorb_bytes[:-1]).status == 400
    assert cas("POST", f"/v1/xorbs/default/{file.xorb}", b"").status == 400
    head = {"content-length": str(80 * 2**20)}
    assert cas.client("POST", f"{cas.path}/v1/xorbs/default/{file.xorb}", b"", head).status == 413
    cas.client.close()


@pytest.mark.parametrize("name", ["x", "0" * 63, "G" * 64, "0" * 65, "..%2F..%2Fetc", "A" * 64])
def test_names_that_are_no_hashes(cas: Cas, name: str) -> None:
    """What is not 64 lower-case hex digits never becomes part of a key."""
    assert cas("POST", f"/v1/xorbs/default/{name}", b"x").status == 400
    assert cas("POST", f"/v1/xorbs/other/{'0' * 64}", b"x").status == 404


def test_tokens_are_needed_and_must_fit(cas: Cas, file: RawFile) -> None:
    """Without a Xet token, with a Hub token, with one to read, or under another epoch, nothing is taken."""
    target = f"{cas.path}/v1/xorbs/default/{file.xorb}"
    read = cas.hub("GET", f"/api/models/{cas.repo}/xet-read-token/main").json()["accessToken"]
    for token, status in (("", 401), (cas.hub.token, 401), (cas.token[:-6] + "AAAAAA", 401), (read, 403)):
        with RawClient(cas.node.port, token) as client:
            assert client("POST", target, file.xorb_bytes).status == status
    with RawClient(cas.node.port, cas.token) as client:
        assert client("POST", f"/cas/other/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 401
