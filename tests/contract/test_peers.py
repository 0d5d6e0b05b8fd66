"""Other servers as they really are: slow, gone, talkative, redirecting, damaged. Real sockets, no stubs of the library."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from tests.support.memorylog import MemoryLog
from tests.support.ports import own_port
from tests.support.served import LogServer, log_server, scripted, silent_server

from hanse.errors import BadFormat, PeerDown, PeerError, PeerMisbehaved, PeerRefused, PeerTooSlow, SizeConflict
from hanse.peers.client import PeerClient
from hanse.peers.logclient import LogClient
from hanse.peers.witnessclient import WitnessClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.tiles import TileName


@pytest.fixture(name="client")
def _client() -> Iterator[PeerClient]:
    client = PeerClient(seconds=60)
    yield client
    client.close()


@pytest.fixture(name="hasty")
def _hasty() -> Iterator[PeerClient]:
    """Return an impatient client, for servers that never come to an end."""
    client = PeerClient(seconds=1)
    yield client
    client.close()


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a raw answer that ends with the connection."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_an_answer(client: PeerClient) -> None:
    """Status, media type without parameters, and body come back; other statuses are for the caller to judge."""
    with scripted(ok(b"body", "content-type: Text/Plain; charset=utf-8"), ok(b"no", status="404 Not Found")) as (url, requests):
        found = client.get(f"{url}/a", limit=4)
        assert (found.status, found.media_type, found.body) == (200, "text/plain", b"body")
        assert client.get(f"{url}/b", limit=4).status == 404
        assert requests[0].startswith(b"GET /a HTTP/1.1\r\n")


def test_a_body_is_bounded(client: PeerClient) -> None:
    """One byte too many, declared or not, ends the answer; so does what unpacks to too much."""
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    bomb = ok(gzip.compress(bytes(50_000_000)), "content-encoding: gzip")
    with scripted(ok(b"abcde"), chunked, bomb) as (url, _):
        for _ in range(3):
            with pytest.raises(PeerMisbehaved, match="sends more than"):
                client.get(url, limit=4)


def test_a_refusal_may_be_longer(client: PeerClient) -> None:
    """That a small file is not there may be said by a page that is longer than the file; not by an endless one."""
    page = b"<h1>not here</h1>" * 100
    with scripted(ok(page, status="404 Not Found"), ok(bytes(70_000), status="404 Not Found")) as (url, _):
        assert client.get(url, limit=4).status == 404
        with pytest.raises(PeerMisbehaved, match="sends more than"):
            client.get(url, limit=4)


def test_gzip_is_unpacked(client: PeerClient) -> None:
    """Logs may pack entry bundles; damaged or cut gzip and other codings are refused."""
    packed = gzip.compress(b"entries" * 100)
    answers = [
        ok(packed, "content-encoding: gzip"),
        ok(packed[:-4], "content-encoding: gzip"),
        ok(b"no gzip", "content-encoding: gzip"),
        ok(packed + b"x", "content-encoding: gzip"),
        ok(b"x", "content-encoding: br"),
    ]
    with scripted(*answers) as (url, _):
        assert client.get(url, limit=700).body == b"entries" * 100
        for _ in answers[1:]:
            with pytest.raises(PeerMisbehaved):
                client.get(url, limit=700)


def test_nobody_there(client: PeerClient) -> None:
    """A port that nobody listens on, a host that is none, and a server that is starting or stopping are down, not lying."""
    with pytest.raises(PeerDown):
        client.get(f"http://127.0.0.1:{own_port()}", limit=1)
    with scripted(ok(b"", status="503 Service Unavailable"), ok(b"", status="502 Bad Gateway")) as (url, _):
        for _ in range(2):
            with pytest.raises(PeerDown):
                client.get(url, limit=1)


def test_a_silent_server_is_too_slow(hasty: PeerClient) -> None:
    """A server that takes the connection and never answers is given up after the limit."""
    with silent_server() as (url, _), pytest.raises(PeerTooSlow):
        hasty.get(url, limit=1)


def test_a_dripping_server_is_too_slow(hasty: PeerClient) -> None:
    """The limit covers the whole answer: a byte now and then does not keep a client for ever."""
    with scripted(ok(b"x" * 2000), pause=0.01) as (url, _), pytest.raises(PeerTooSlow):
        hasty.get(url, limit=4000)


def test_redirects_do_not_begin_anew() -> None:
    """The limit covers all that a server redirects to, however little each answer takes."""
    moved = ok(b"", "location: /b", status="302 Found")
    with scripted(*[moved] * 4, pause=0.005) as (url, _), pytest.raises(PeerTooSlow):
        PeerClient(seconds=0.8).get(url, limit=10)


def test_no_http(client: PeerClient) -> None:
    """Something else on the port, and an answer that is cut, are failures of the peer."""
    with scripted(b"SSH-2.0-OpenSSH\r\n", ok(b"abcdef")[:-3]) as (url, _):
        for _ in range(2):
            with pytest.raises(PeerError):
                client.get(url, limit=10)


def test_redirects_stay_on_the_server(client: PeerClient) -> None:
    """A GET follows a path on the same host and port, not to another one, and not for ever; a POST follows nothing."""
    moved = ok(b"", "location: /b", status="302 Found")
    away = ok(b"", "location: http://169.254.169.254/latest", status="302 Found")
    with scripted(moved, ok(b"body"), away, *[moved] * 4, moved) as (url, requests):
        assert client.get(f"{url}/a", limit=10).body == b"body"
        assert requests[1].startswith(b"GET /b ")
        with pytest.raises(PeerMisbehaved, match="another server"):
            client.get(f"{url}/a", limit=10)
        with pytest.raises(PeerMisbehaved, match="redirect to redirect"):
            client.get(f"{url}/a", limit=10)
        with pytest.raises(PeerMisbehaved, match="elsewhere"):
            client.post(f"{url}/a", b"", limit=10)


@pytest.fixture(name="log")
def _log() -> Iterator[LogServer]:
    """Return a served log of 300 entries."""
    log = MemoryLog()
    log.append([b"entry %d" % number for number in range(300)])
    with log_server(log) as server:
        yield server


def test_a_log_is_read(client: PeerClient, log: LogServer) -> None:
    """Checkpoint, full and partial tiles and bundles come as the log has them."""
    reader = LogClient(client, log.url)
    assert reader.checkpoint() == log.log.note()
    assert reader.tile(TileName(0, 1, 44)) == log.log.files["tile/0/001.p/44"]
    assert reader.tile(TileName(1, 0, 1)) == log.log.files["tile/1/000.p/1"]
    assert reader.bundle(0, 256)[255] == b"entry 255"
    assert reader.bundle(1, 44)[-1] == b"entry 299"


def test_a_partial_file_that_is_gone(client: PeerClient, log: LogServer) -> None:
    """A log may delete a partial file once it is full: the full one is read and cut."""
    reader = LogClient(client, log.url)
    assert reader.tile(TileName(0, 0, 7)) == log.log.files["tile/0/000"][: 7 * 32]
    assert reader.bundle(0, 7) == tuple(b"entry %d" % number for number in range(7))
    assert log.asked[-2:] == ["tile/entries/000.p/7", "tile/entries/000"]


def test_what_a_log_lacks(client: PeerClient, log: LogServer) -> None:
    """A missing file is a refusal with its status, not a lie."""
    with pytest.raises(PeerRefused) as caught:
        LogClient(client, log.url).tile(TileName(0, 9))
    assert caught.value.status == 404


def test_truncated_files_are_refused(client: PeerClient, log: LogServer) -> None:
    """A tile or bundle with bytes missing or added does not parse; an empty answer is none."""
    reader = LogClient(client, log.url)
    for path, read in (("tile/0/000", lambda: reader.tile(TileName(0, 0))), ("tile/entries/000", lambda: reader.bundle(0, 256))):
        for fault in (lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[: len(data) // 2]):
            log.faults[path] = fault
            with pytest.raises((BadFormat, PeerError)):
                read()
        log.faults[path] = lambda _: b""
        with pytest.raises(PeerError):
            read()


def test_the_answers_of_a_witness(client: PeerClient) -> None:
    """Lines, none yet, another size, a refusal with its words, and nonsense are told apart."""
    log = MemoryLog()
    log.grow(1)
    line = log.note().splitlines(keepends=True)[-1]
    answers = [
        ok(line),
        ok(b""),
        ok(b"7\n", status="409 Conflict"),
        ok(b"who are you?", status="403 Forbidden"),
        ok(b"<html>"),
        ok(b"seven", status="409 Conflict"),
    ]
    request = UnverifiedRequest(0, (), log.note())
    with scripted(*answers) as (url, requests):
        witness = WitnessClient(client, url)
        assert [one.text for one in witness.add_checkpoint(request)] == [line.decode().rstrip("\n")]
        assert witness.add_checkpoint(request) == ()
        with pytest.raises(SizeConflict) as conflict:
            witness.add_checkpoint(request)
        assert conflict.value.size == 7
        with pytest.raises(PeerRefused, match="who are you"):
            witness.add_checkpoint(request)
        for _ in range(2):
            with pytest.raises(PeerMisbehaved):
                witness.add_checkpoint(request)
        assert requests[0].startswith(b"POST /add-checkpoint HTTP/1.1\r\n")
        assert requests[0].endswith(request.encode())
