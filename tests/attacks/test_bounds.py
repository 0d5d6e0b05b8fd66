"""Too much of everything, and lies: sizes, counts, depths, lengths, methods; refused early, and the node lives on."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import lz4.frame
import pytest
from tests.attacks.scene import OWN, Scene
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes, raw_file, xorb_of
from tests.support.served import until

from hanse.content.compression import Scheme
from hanse.content.hashing import chunk_hash, xorb_hash
from hanse.content.shard import TAG
from hanse.content.xorb import ChunkHeader

MIB = 1024 * 1024


def _memory(scene: Scene) -> int:
    """Return the node's resident memory in bytes."""
    pid = getattr(scene.node, "pid", 0)
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def _spent(scene: Scene) -> float:
    """Return the processor time that the node's process has taken, in seconds: what others do meanwhile is none of it."""
    words = Path(f"/proc/{getattr(scene.node, 'pid', 0)}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(autouse=True)
def _alive_and_slim(scene: Scene) -> Iterator[None]:
    """Whatever a test does: afterwards the node answers at once, has not grown by much, and nothing is left staged."""
    before = _memory(scene)
    yield
    with RawClient(scene.node.port, timeout=120) as client:
        assert client("GET", "/readyz").status == 200
    assert _memory(scene) - before < 120 * MIB
    until(lambda: not [path.name for path in (scene.node.data / "staging").iterdir() if path.is_file()])


@pytest.mark.parametrize(
    "path", ["/api/validate-yaml", f"/api/models/{OWN}/paths-info/main", "/api/repos/create", f"/{OWN}/ask-access"]
)
def test_oversize_bodies(scene: Scene, path: str) -> None:
    """A body above the bound is refused, declared or not, and without being read to its end where it is declared."""
    with scene.client("bob") as client:
        big = b'{"content":"' + b"x" * 5 * MIB + b'"}'
        assert client("POST", path, big, {"content-type": "application/json"}).status in (400, 413)
    data = (b"100000\r\n" + b"x" * MIB + b"\r\n") * 6 + b"0\r\n\r\n"
    assert _send(scene, f"POST {path} HTTP/1.1", "transfer-encoding: chunked", body=data) in (400, 413)


def _send(scene: Scene, line: str, *headers: str, body: bytes = b"", who: str = "bob") -> int:
    """Send a request as it is and return the status; 0 if the server hung up without one."""
    head = [line, f"host: 127.0.0.1:{scene.node.port}", f"authorization: Bearer {scene.tokens[who]}", *headers]
    with socket.create_connection(("127.0.0.1", scene.node.port), timeout=120) as sender:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sender.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        try:
            answer = sender.recv(65536)
        except ConnectionResetError:
            return 0
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def test_values_that_grow_in_memory(scene: Scene) -> None:
    """JSON whose values take many times its bytes is refused."""
    with scene.client("bob") as client:
        for body in (
            b'{"a":[' + b"[]," * MIB + b"[]]}",
            b'{"a":[' + b"{}," * MIB + b"{}]}",
            b'{"a":[' + b"1," * (3 * MIB // 2) + b"1]}",
        ):
            assert client("POST", f"/api/models/{OWN}/paths-info/main", body, {"content-type": "application/json"}).status == 413


@pytest.mark.parametrize("depth", [1000, 100_000, 1_000_000])
def test_deep_json(scene: Scene, depth: int) -> None:
    """Nesting is refused wherever JSON is taken, commits included."""
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    with scene.client("bob") as client:
        for path in ("/api/validate-yaml", f"/api/models/{OWN}/commit/main", f"/api/models/{OWN}/preupload/main"):
            assert client("POST", path, deep).status in (400, 413)
        line = b'{"key":"file","value":' + deep + b"}"
        body = commit_body() + b"\n" + line
        assert client("POST", f"/api/models/{OWN}/commit/main", body).status in (400, 413)


def test_compressed_bodies_are_not_unpacked(scene: Scene) -> None:
    """A gzip bomb is so many bytes that are no JSON."""
    bomb = gzip.compress(b'{"content":"' + bytes(50 * MIB) + b'"}')
    with scene.client("bob") as client:
        for path in ("/api/validate-yaml", f"/api/models/{OWN}/commit/main"):
            assert client("POST", path, bomb, {"content-encoding": "gzip", "content-type": "application/json"}).status == 400


def test_commits_beyond_their_bounds(scene: Scene) -> None:
    """Lines, empty lines, operations and files beyond the bounds end a commit before it takes memory or time."""
    with scene.client("bob") as client:
        path, start = f"/api/models/{OWN}/commit/main", _spent(scene)
        header = commit_body()
        delete = b'\n{"key":"deletedFile","value":{"path":"a"}}'
        assert client("POST", path, header + delete * 25_001).status == 413
        assert client("POST", path, header + b"\n" * 20 * MIB).status == 413
        assert client("POST", path, b"x" * 24 * MIB).status == 413
        assert (
            client("POST", path, header + b'\n{"key":"file","value":{"path":"a","content":"' + b"A" * 24 * MIB + b'"}}').status
            == 413
        )
        assert client("POST", path, b"", {"content-length": "999999999999"}).status == 413
    assert _spent(scene) - start < 20


def test_thousands_of_operations_in_one_commit(scene: Scene) -> None:
    """A big commit is no attack: it passes within seconds."""
    start = _spent(scene)
    operations = [put_bytes(f"many/{number % 50}/{number}.txt", b"%d" % (number % 100)) for number in range(4_000)]
    assert scene.do_commit("bob", OWN, *operations).status == 200
    assert scene.do_commit("bob", OWN, {"key": "deletedFolder", "value": {"path": "many/"}}).status == 200
    assert _spent(scene) - start < 30


def test_huge_heads(scene: Scene) -> None:
    """Header lines, their number and the address are bounded: no client fills the node's memory before its request began."""
    before = _memory(scene)
    get, post = (
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n",
        b"POST /v1/telemetry HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    for start, line in (
        (get, b"x-a: " + b"a" * MIB + b"\r\n"),
        (get + b"x-a: ", b"a" * MIB),
        (get, b"x: y\r\n" * 200_000),
        (b"GET /", b"a" * MIB),
        (post + b"0\r\n", b"x: y\r\n" * 200_000),
        (post + b"0\r\nx: ", b"a" * MIB),
        (post + b"5;", b"a" * MIB),
    ):
        with socket.create_connection(("127.0.0.1", scene.node.port), timeout=120) as sender:
            sent = 0
            try:
                sender.sendall(start)
                while sent < 60 * MIB:
                    sender.sendall(line)
                    sent += len(line)
            except (ConnectionError, TimeoutError):
                pass
            assert sent < 60 * MIB, f"the node went on reading after {start[-40:]!r}"
            assert _memory(scene) - before < 60 * MIB
    with RawClient(scene.node.port) as client:
        assert client("GET", "/api/models/" + "a" * 20_000).status in (400, 414, 431)
        assert client("GET", "/healthz", None, {"cookie": "c" * 60_000}).status in (200, 400, 431)


def _xorb_attempt(scene: Scene, data: bytes, name: str = "ab" * 32) -> int:
    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        return client("POST", f"{session.cas}/v1/xorbs/default/{name}", data).status


def _chunk(scheme: int, payload: bytes, length: int) -> bytes:
    return b"\0" + len(payload).to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little") + payload


def _lz4_bomb(size: int) -> bytes:
    return bytes(lz4.frame.compress(bytes(size), block_size=lz4.frame.BLOCKSIZE_MAX4MB))


@pytest.mark.parametrize(
    "data",
    [
        _chunk(1, _lz4_bomb(32 * MIB)[:130_000], 131_072),
        _chunk(1, _lz4_bomb(20 * MIB), 131_072),
        _chunk(2, _lz4_bomb(20 * MIB), 131_072),
        _chunk(1, _lz4_bomb(100), 131_072),
        _chunk(1, lz4.frame.compress(b"ab") * 20, 2),
        _chunk(1, b"\x50\x2a\x4d\x18\xff\xff\xff\x7f", 5),
        _chunk(0, b"hello", 131_072),
        _chunk(3, b"hello", 5),
        _chunk(0, b"", 0),
        b"\0\xff\xff\xff\0\xff\xff\xff",
        b"\1" * 64,
        b"",
        b"XETBLOB" + bytes(100),
        _chunk(0, b"a", 1) * 8193,
        _chunk(0, b"hello", 5)[:-1],
        ChunkHeader(Scheme.NONE, 5, 5).encode() + b"hello" + b"XETBLOB\0" + bytes(2 * MIB),
    ],
    ids=lambda data: f"{len(data)}-{data[:5].hex()}",
)
def test_xorb_bombs_and_lies(scene: Scene, data: bytes) -> None:
    """Xorbs that unpack to more than they say, or lie about anything, are refused."""
    assert _xorb_attempt(scene, data) in (400, 413, 422)


def test_hash_mismatches(scene: Scene) -> None:
    """Honest bytes under another name, and honest names over other bytes, are refused."""
    file = raw_file(b"honest content " * 9000)
    flipped = bytearray(file.xorb_bytes)
    flipped[len(flipped) // 2] ^= 1
    assert _xorb_attempt(scene, file.xorb_bytes, "ab" * 32) == 422
    assert _xorb_attempt(scene, bytes(flipped), file.xorb) in (400, 422)
    other = xorb_of([b"other"])
    assert _xorb_attempt(scene, other, file.xorb) == 422
    assert _xorb_attempt(scene, other, xorb_hash([(chunk_hash(b"other"), 5)])) == 200


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_shards_that_lie(scene: Scene, version: str) -> None:
    """Counts up to 2^32, wrong digests, ranges and lengths in a shard are refused, and no file comes of them."""
    good = raw_file(f"true content of a {version} shard ".encode() * 9000)
    session = scene.session("bob", OWN)
    lies = {name: good.shard.replace(old, new) for name, (old, new) in _replacements(good.shard).items()}
    lies["false sha256"] = raw_file(good.data, sha256=hashlib.sha256(b"other").hexdigest()).shard
    lies["counts"] = TAG + struct.pack("<QQ", 2, 0) + bytes(32) + struct.pack("<II8x", 0xC0000000, 0xFFFFFFFF) + bytes(480)
    lies["cut"] = good.shard[:-50]
    lies["empty"] = b""
    with scene.cas(session) as client:
        assert client("POST", f"{session.cas}/v1/xorbs/default/{good.xorb}", good.xorb_bytes).status == 200
        for name, lie in lies.items():
            reply = client("POST", f"{session.cas}/{version}/shards", lie)
            refused = reply.status in (400, 404, 413, 422) or b'"type":"error"' in reply.body
            assert refused, (name, reply)
            assert b'"result":1' not in reply.body, name
        for claim in (good.sha256, hashlib.sha256(b"other").hexdigest()):
            body = commit_body({"key": "lfsFile", "value": {"path": "x.bin", "algo": "sha256", "oid": claim}})
            with scene.client("bob") as hub:
                assert hub("POST", f"/api/models/{OWN}/commit/main", body).status == 400
        assert client("POST", f"{session.cas}/v1/shards", good.shard).json() == {"result": 1}


def _replacements(shard: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Return byte strings of an honest one-file shard and what to put in their place."""
    term = shard[96:144]
    length, start, end = struct.unpack("<III", term[36:48])
    numbers = term[36:48]
    return {
        "term length": (numbers, struct.pack("<III", length + 1, start, end)),
        "term end": (numbers, struct.pack("<III", length, start, end + 1)),
        "term huge": (numbers, struct.pack("<III", 0xFFFFFFFF, 0, 0xFFFFFFFF)),
        "file name": (shard[48:80], b"\x11" * 32),
        "range hash": (shard[144:176], b"\x22" * 32),
        "xorb name": (term[:32], b"\x33" * 32),
    }


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "LOCK"]
)
def test_cas_answers_404_to_what_it_does_not_know(scene: Scene, method: str) -> None:
    """Under the CAS no address and no method ever gives 405: clients would end an upload over it (hub-api.md rule 9)."""
    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        for path in (
            "/v1/unknown",
            "/v9/xorbs/default/x",
            "",
            "/",
            "/v1/shards/x/y",
            "/v1/telemetry/x",
            "/../../etc/passwd",
            "/v2/xorb-grants/a",
        ):
            assert client(method, session.cas + path, b"").status == 404, path
        for path in (
            "/v1/shards",
            f"/v1/xorbs/default/{'ab' * 32}",
            f"/v1/reconstructions/{'ab' * 32}",
            f"/v1/xorb-grants/default/{'ab' * 32}",
        ):
            assert client(method, session.cas + path, b"").status not in (405, 500), path


def test_ambiguous_lengths(scene: Scene) -> None:
    """Requests whose end two readers could see in two places are refused or taken as one, never as two."""
    smuggled = b"GET /api/whoami-v2 HTTP/1.1\r\nhost: x\r\n\r\n"
    line = "POST /api/validate-yaml HTTP/1.1"
    assert _send(scene, line, "content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n" + smuggled) == 400
    assert _send(scene, line, "content-length: 2", "content-length: 40", body=b"{}" + smuggled) == 400
    assert _send(scene, line, "content-length: -1", body=b"{}") in (0, 400)
    assert _send(scene, line, "content-length: 2, 40", body=b"{}") in (0, 400)
    assert _send(scene, line, "transfer-encoding: xchunked", body=b"{}") in (0, 400, 501)
    assert _send(scene, line, "content-length : 2", body=b"{}") in (0, 400)


def test_unfinished_requests_hold_nobody_up(scene: Scene) -> None:
    """Two hundred connections that never finish their request leave the node answering others at once."""
    heads = (b"GET / HTTP/1.1\r\nhost: x\r\n", b"POST /api/validate-yaml HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{", b"")
    hanging = []
    for number in range(200):
        sender = socket.create_connection(("127.0.0.1", scene.node.port))
        sender.sendall(heads[number % 3])
        hanging.append(sender)
    times = []
    with RawClient(scene.node.port, timeout=120) as client:
        for _ in range(20):
            start = time.monotonic()
            assert client("GET", "/api/models").status == 200
            times.append(time.monotonic() - start)
    for sender in hanging:
        sender.close()
    assert min(times) < 1  # whoever waited for the hanging ones would wait until they are hung up on, a minute


def test_many_checks_at_once(scene: Scene) -> None:
    """Shards checked at once do not keep short calls waiting."""
    session = scene.session("bob", OWN)
    files = [raw_file(b"%d " % number * 60_000) for number in range(12)]

    def send(number: int) -> None:
        with scene.cas(session) as client:
            client("POST", f"{session.cas}/v1/xorbs/default/{files[number].xorb}", files[number].xorb_bytes)
            client("POST", f"{session.cas}/v2/shards", files[number].shard)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(files))]
    for thread in threads:
        thread.start()
    times: list[float] = []
    with RawClient(scene.node.port) as client:
        while len(times) < 5 or any(thread.is_alive() for thread in threads):
            start = time.monotonic()
            assert client("GET", "/api/models").status == 200
            times.append(time.monotonic() - start)
    assert min(times) < 5
    for thread in threads:
        thread.join()
