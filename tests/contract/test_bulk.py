"""Servers that files come from, as they really are: exact ranges or nothing, redirects, waits. Real sockets, no stubs."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.served import folder_server, scripted, silent_server
from tests.support.tls import private_authority

from hanse.errors import HanseError, NotFoundError, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.peers.addresses import server_of
from hanse.peers.bulk import BulkClient

STALL = 0.5
FILE = b"0123456789"


@pytest.fixture(name="client")
def _client() -> Iterator[BulkClient]:
    client = BulkClient(seconds=60, stall_seconds=60)
    yield client
    client.close()


@pytest.fixture(name="hasty")
def _hasty() -> Iterator[BulkClient]:
    """Return an impatient client, for servers that never come to an end."""
    client = BulkClient(seconds=2, stall_seconds=STALL)
    yield client
    client.close()


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a raw answer that ends with the connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", "connection: close", *headers, "", ""]).encode() + body


def part(body: bytes, said: str) -> bytes:
    """Return the raw answer to a range."""
    return ok(body, f"content-length: {len(body)}", f"content-range: {said}", status="206 Partial Content")


def moved(target: str) -> bytes:
    """Return a redirect."""
    return ok(b"", f"location: {target}", "content-length: 0", status="302 Found")


def test_whole_files_and_ranges(client: BulkClient) -> None:
    """A whole file is asked for as such, a range by its first and last byte, and exactly that comes."""
    with scripted(ok(FILE, "content-length: 10"), part(b"234", "bytes 2-4/10"), part(b"9", "bytes 9-9/*")) as (url, requests):
        assert b"".join(client.read(f"{url}/f", 0, 10, 10)) == FILE
        assert b"".join(client.read(f"{url}/f", 2, 5, 10)) == b"234"
        assert b"".join(client.read(f"{url}/f", 9, 10, None)) == b"9"
        assert b"range" not in requests[0].lower()
        assert b"prefer: wait=5\r\n" in requests[0].lower()
        assert b"range: bytes=2-4\r\n" in requests[1].lower()


CHUNKED = ok(b"3\r\n234\r\n2\r\n56\r\n0\r\n\r\n", "transfer-encoding: chunked", "content-range: bytes 2-4/10", status="206 P")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(FILE, "content-length: 10"), PeerMisbehaved),
        (part(b"012", "bytes 0-2/10"), PeerMisbehaved),
        (part(b"2345", "bytes 2-5/10"), PeerMisbehaved),
        (part(b"234", "bytes 2-4/11"), PeerMisbehaved),
        (part(b"234", "bytes 2-4"), PeerMisbehaved),
        (part(b"234", ""), PeerMisbehaved),
        (
            ok(b"234", "content-length: 3", "content-range: bytes 2-4/10", "content-encoding: gzip", status="206 P"),
            PeerMisbehaved,
        ),
        (ok(b"23456", "content-length: 5", "content-range: bytes 2-4/10", status="206 P"), PeerMisbehaved),
        (CHUNKED, PeerMisbehaved),
        (ok(b"23", "content-range: bytes 2-4/10", status="206 P"), PeerDown),
        (ok(b"23", "content-length: 3", "content-range: bytes 2-4/10", status="206 P"), PeerDown),
        (ok(b"2345", "content-range: bytes 2-4/10", status="206 P"), PeerMisbehaved),
        (ok(b"", status="404 Not Found"), NotFoundError),
        (ok(b"", status="403 Forbidden"), PeerRefused),
        (ok(b"", status="503 Away"), PeerDown),
        (ok(b"", status="416 No"), PeerMisbehaved),
        (ok(b"", status="204 None"), PeerMisbehaved),
        (b"SSH-2.0-OpenSSH\r\n", PeerMisbehaved),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500, PeerMisbehaved),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000, PeerMisbehaved),
        (b"", PeerDown),
    ],
    ids=range(21),
)
def test_anything_else_is_refused(client: BulkClient, answer: bytes, kind: type[HanseError]) -> None:
    """Whole files and other ranges, too little, too much, packed bytes, refusals and nonsense: each by its own error."""
    with scripted(answer) as (url, _), pytest.raises(kind):
        list(client.read(f"{url}/f", 2, 5, 10))


def test_no_more_than_was_asked_for(client: BulkClient) -> None:
    """Of an endless body nothing beyond the range is given out."""
    got = list[bytes]()
    with scripted(ok(FILE * 100_000)) as (url, _), pytest.raises(PeerMisbehaved):
        got.extend(client.read(f"{url}/f", 0, 10, 10))
    assert b"".join(got) in (b"", FILE)


@pytest.mark.parametrize("answer", [ok(b"x" * 2000, "content-length: 2000"), b"HTTP/1.1 200 OK\r\n" + b"a: bcdefghij\r\n" * 90])
def test_dripping(hasty: BulkClient, answer: bytes) -> None:
    """A byte now and then is no answer: neither a head nor a body may drip for longer than a time-out."""
    with scripted(answer, pause=0.02) as (url, _), pytest.raises(PeerTooSlow):
        list(hasty.read(url, 0, 2000, 2000))


def test_a_chain_of_slow_heads() -> None:
    """The way to the bytes of a file has one limit, however many redirects a server puts on it."""
    moved = b"HTTP/1.1 302 Found\r\nlocation: /g\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    hasty = BulkClient(seconds=60, stall_seconds=0.8)
    with scripted(*[moved] * 6, pause=0.005) as (url, _), pytest.raises(PeerTooSlow):
        list(hasty.read(url, 0, 10, 10))


def test_silence(hasty: BulkClient) -> None:
    """A server that takes the connection and never answers is given up."""
    with silent_server() as (url, _), pytest.raises(PeerTooSlow):
        list(hasty.read(url, 0, 10, 10))


def test_connections_are_kept(client: BulkClient, tmp_path: Path) -> None:
    """One connection does for what comes one after the other; an end before its time gives it up."""
    (tmp_path / "f").write_bytes(FILE * 300_000)
    with folder_server(tmp_path) as url:
        for _ in range(3):
            assert sum(map(len, client.read(f"{url}/f", 0, 3_000_000, 3_000_000))) == 3_000_000
        assert [len(kept) for kept in client._wires._kept.values()] == [1]
        reading = client.read(f"{url}/f", 0, 3_000_000, 3_000_000)
        next(reading)
        reading.close()  # type: ignore[attr-defined]
        assert [len(kept) for kept in client._wires._kept.values()] == [0]
        assert sum(map(len, client.read(f"{url}/f", 0, 3_000_000, 3_000_000))) == 3_000_000


def test_a_kept_connection_that_is_gone(client: BulkClient) -> None:
    """A server may close a connection that is kept; the next request takes a new one."""
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + FILE
    with scripted(first, first) as (url, requests):
        assert b"".join(client.read(url, 0, 10, 10)) == FILE
        assert b"".join(client.read(url, 0, 10, 10)) == FILE
        assert len(requests) == 2


def test_an_answer_is_that_of_its_own_request(client: BulkClient) -> None:
    """Interim answers are skipped, not only 100; a connection on which something came unasked is not used again."""
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + FILE
    with scripted(hints + hints + first, first) as (url, requests):
        assert b"".join(client.read(url, 0, 10, 10)) == FILE
        (wire,) = next(iter(client._wires._kept.values()))
        wire.sock.close()
        wire.sock, far = socket.socketpair()
        with far:
            far.sendall(first.replace(b"0123", b"XXXX"))
            assert b"".join(client.read(url, 0, 10, 10)) == FILE
        assert len(requests) == 2


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://0.0.0.0:1/", "file:///x", "http://["]
)
def test_redirects_to_where_they_must_not_lead(client: BulkClient, target: str) -> None:
    """Link-local, private and own addresses, and other schemes, are not asked."""
    with scripted(moved(target)) as (url, _), pytest.raises(PeerMisbehaved):
        list(client.read(url, 0, 10, 10))


def test_own_services_are_out_of_reach(client: BulkClient) -> None:
    """A server on this machine does not lead to another port of it, under no spelling."""
    with scripted(ok(b"secret", "content-length: 6")) as (inside, asked):
        port = inside.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"):
            with scripted(moved(f"http://{host}:{port}/")) as (url, _), pytest.raises(PeerMisbehaved):
                list(client.read(url, 0, 6, 6))
        assert asked == []


def test_servers_that_the_user_named() -> None:
    """What the user named himself may be led to; his token stays with the server that it is for."""
    with scripted(part(b"23", "bytes 2-3/10")) as (storage, asked), scripted(moved(f"{storage}/x?sig=1")) as (url, first):
        client = BulkClient(stall_seconds=60, named=(storage,))
        headers = {"authorization": "Bearer hf_secret"}
        assert b"".join(client.read(url, 2, 4, 10, headers=headers)) == b"23"
        assert b"hf_secret" in first[0]
        assert b"hf_secret" not in asked[0]
        assert asked[0].startswith(b"GET /x?sig=1 ")
        assert b"range: bytes=2-3\r\n" in asked[0].lower()
        client.close()


def test_redirects_end(client: BulkClient) -> None:
    """A server that leads in circles is left after a few turns."""
    with scripted(*[moved("/again")] * 9) as (url, requests), pytest.raises(PeerMisbehaved, match="redirect to redirect"):
        list(client.read(url, 0, 10, 10))
    assert len(requests) == 6


def test_a_second_answer_of_a_name_server_changes_nothing(monkeypatch: pytest.MonkeyPatch, client: BulkClient) -> None:
    """The name that a redirect leads to is resolved once, and the connection goes to the address that was checked."""
    answers = iter(["8.8.8.8", "127.0.0.1"])
    resolved, connected = list[str](), list[str]()
    real_resolve, real_connect = socket.getaddrinfo, socket.create_connection

    def resolve(host: str, port: int, *rest: Any, **more: Any) -> object:
        if host != "rebind.example.org":
            return real_resolve(host, port, *rest, **more)
        resolved.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(address: tuple[str, int], *rest: Any) -> socket.socket:
        connected.append(address[0])
        if address[0] == "8.8.8.8":
            raise ConnectionRefusedError
        return real_connect(address, *rest)

    with scripted(moved("http://rebind.example.org:1/")) as (url, _):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket, "create_connection", connect)
        with pytest.raises(PeerDown):
            list(client.read(url, 0, 10, 10))
    assert resolved == ["rebind.example.org"]
    assert connected == ["127.0.0.1", "8.8.8.8"]


def test_waiting_a_little(client: BulkClient) -> None:
    """A short wait that a server asks for is kept to, and the same is asked again."""
    busy = ok(b"", "retry-after: 1", "content-length: 0", status="429 Too Many Requests")
    with scripted(busy, ok(FILE, "content-length: 10")) as (url, requests):
        began = time.monotonic()
        assert b"".join(client.read(url, 0, 10, 10)) == FILE
        assert time.monotonic() - began >= 1
        assert len(requests) == 2


def test_waiting_long(client: BulkClient) -> None:
    """A long wait is told, with its length, and the server is not asked meanwhile."""
    with scripted(ok(b"", 'ratelimit: "api";r=0;t=300', status="429 Too Many Requests")) as (url, requests):
        for _ in range(3):
            with pytest.raises(PeerRefused) as caught:
                list(client.read(url, 0, 10, 10))
            assert 290 < caught.value.retry_after <= 300
        assert len(requests) == 1


def test_bounded_answers(client: BulkClient) -> None:
    """Small answers come unpacked with their headers, within their bound, from this server or where it may point."""
    packed = ok(gzip.compress(b"x" * 100), "content-encoding: gzip", "content-type: Text/Plain; a=b", "x-error-code: Y")
    with scripted(packed, ok(b"x" * 101), moved("http://127.0.0.1:1/")) as (url, _):
        found = client.get(url, limit=100)
        assert (found.status, found.body, found.media_type) == (200, b"x" * 100, "text/plain")
        assert found.headers["x-error-code"] == "Y"
        with pytest.raises(PeerMisbehaved, match="sends more"):
            client.get(url, limit=100)
        with pytest.raises(PeerMisbehaved, match="another server"):
            client.get(url, limit=100)
    endless = gzip.compress(b"x") + bytes(4_000_000)
    with scripted(ok(endless, "content-encoding: gzip")) as (url, _), pytest.raises(PeerMisbehaved, match="sends more"):
        client.get(url, limit=100)
    with pytest.raises(PeerMisbehaved, match="not followed"):
        client.get("http://127.0.0.1:1/", limit=1, elsewhere=server_of("http://8.8.8.8"))


def test_proxies(monkeypatch: pytest.MonkeyPatch, client: BulkClient) -> None:
    """A proxy of the environment is asked for whole addresses; it resolves names, so redirects are judged by theirs."""
    with scripted(ok(FILE, "content-length: 10"), moved("http://localhost:1/")) as (url, requests):
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert b"".join(client.read("http://hub.example.org/f", 0, 10, 10)) == FILE
        assert requests[0].startswith(b"GET http://hub.example.org/f HTTP/1.1\r\n")
        assert b"host: hub.example.org\r\n" in requests[0].lower()
        with pytest.raises(PeerMisbehaved, match="not followed"):
            list(client.read("http://hub.example.org/f", 0, 10, 10))


def test_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Certificates are checked against the system's authorities and the name; https does not lead to http."""
    made = private_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(
            target=_serve_tls, args=(listener, context, [b"", ok(FILE, "content-length: 10"), moved("http://a/")])
        )
        thread.start()
        stranger = BulkClient(stall_seconds=60)
        with pytest.raises(PeerDown, match="certificate"):
            list(stranger.read(url, 0, 10, 10))
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        client = BulkClient(stall_seconds=60)
        assert b"".join(client.read(url, 0, 10, 10)) == FILE
        with pytest.raises(PeerMisbehaved, match="https to http"):
            list(client.read(url, 0, 10, 10))
        thread.join(timeout=120)
        client.close()


def _serve_tls(listener: socket.socket, context: ssl.SSLContext, answers: list[bytes]) -> None:
    for answer in answers:
        connection, _ = listener.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(65536)
                    wrapped.sendall(answer)
            except OSError:
                continue
