"""Slow, aborted and lying clients: others do not notice, nothing is left behind, and the next try passes."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.attacks.scene import Scene, lfs_batch
from tests.faults.whole import check_world, staged
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient
from tests.support.rawxet import RawFile, commit_body, put_bytes, put_file, raw_file
from tests.support.relay import Relay

from hanse.db.engine import Database, sqlite_url

REPO = "admin/rude"
MIB = 1024 * 1024


@pytest.fixture(name="scene", scope="module")
def _scene(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a node with one repository; afterwards everything it keeps is checked."""
    node = ForkedNode(mother, tmp_path_factory.mktemp("rude"), environ={"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0"})
    node.start()
    with closing(Database(sqlite_url(node.data / "hanse.db"))) as database:
        made = Scene(node, database, {"admin": ADMIN_TOKEN})
        with made.client("admin") as client:
            assert client.json("POST", "/api/repos/create", {"name": "rude", "organization": "admin"}).status == 200
        yield made
    assert node.stop() == 0
    check_world(node.data)


def _threads(scene: Scene) -> int:
    pid = getattr(scene.node, "pid", 0)
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _sockets(scene: Scene) -> int:
    found = 0
    for path in Path(f"/proc/{getattr(scene.node, 'pid', 0)}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += path.readlink().name.startswith("socket:")
    return found


def _memory(scene: Scene) -> int:
    return int(Path(f"/proc/{getattr(scene.node, 'pid', 0)}/statm").read_text().split()[1]) * 4096


def _until(check: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


@pytest.fixture(autouse=True)
def _no_leak(scene: Scene) -> Iterator[None]:
    """After each test: no staged bytes, no more sockets, a bounded number of threads and memory, and quick answers."""
    before = _memory(scene)
    yield
    assert _until(lambda: staged(scene.node.data) == []), staged(scene.node.data)
    assert _until(lambda: _sockets(scene) < 12), _sockets(scene)
    assert _threads(scene) < 100
    assert _memory(scene) - before < 200 * MIB
    with RawClient(scene.node.port, timeout=120) as client:
        assert client("GET", "/readyz").status == 200


def _xorb_head(scene: Scene, file: RawFile, length: int) -> bytes:
    session = scene.session("admin", REPO)
    head = f"POST {session.cas}/v1/xorbs/default/{file.xorb} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {session.token}\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("size", [100_000, 6 * MIB], ids=["small", "large"])
def test_uploads_cut_in_the_middle(scene: Scene, size: int) -> None:
    """A xorb, an LFS file and a commit whose connections are cut anywhere leave nothing behind, and pass when sent again."""
    data = random.Random(size).randbytes(size)
    file, digest = raw_file(data), hashlib.sha256(data).hexdigest()
    for cut in (1, 200, 5_000, size // 2, size - 600):
        with Relay(scene.node.port) as relay:
            relay.cut_after = cut + 300
            port = int(relay.url.rpartition(":")[2])
            session = scene.session("admin", REPO)
            with pytest.raises((OSError, ValueError, AssertionError)), RawClient(port, session.token, timeout=120) as client:
                assert client("POST", f"{session.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 200
            relay.sent, relay.cut_after = 0, cut + 300
            with pytest.raises((OSError, ValueError, AssertionError)), RawClient(port, ADMIN_TOKEN, timeout=120) as client:
                assert client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes("cut.bin", data))).status == 200
            _cut_lfs(scene, port, relay, cut, data)
    assert scene.do_commit("admin", REPO, put_file("no.bin", digest)).status == 400
    scene.upload("admin", REPO, file)
    assert scene.do_commit("admin", REPO, put_file(f"{size}.bin", digest)).status == 200


def _cut_lfs(scene: Scene, port: int, relay: Relay, cut: int, data: bytes) -> None:
    with scene.client("admin") as client:
        found = lfs_batch(client, REPO, [(hashlib.sha256(data).hexdigest(), len(data))])
    href = str(found.json()["objects"][0]["actions"]["upload"]["href"])
    relay.sent, relay.cut_after = 0, cut + 300
    with pytest.raises((OSError, ValueError, AssertionError)), RawClient(port, timeout=120) as client:
        assert client("PUT", href[href.index("/api/") :], data).status == 200


def test_slow_uploads_pass_and_hold_nobody_up(scene: Scene) -> None:
    """Ten uploads that trickle in are taken in the end; while all of them are on their way, others are answered and commit."""
    files = [raw_file(random.Random(seed).randbytes(150_000)) for seed in range(10)]
    statuses: list[bytes] = []
    begun, go_on = threading.Semaphore(0), threading.Event()

    def trickle(file: RawFile) -> None:
        data = _xorb_head(scene, file, len(file.xorb_bytes)) + file.xorb_bytes
        with socket.create_connection(("127.0.0.1", scene.node.port), timeout=120) as sender:
            for at in range(0, len(data), 4096):
                if at == 20 * 4096:
                    begun.release()
                    go_on.wait(120)
                sender.sendall(data[at : at + 4096])
                time.sleep(0.02)
            statuses.append(sender.recv(12))

    slow = [threading.Thread(target=trickle, args=(file,)) for file in files]
    for thread in slow:
        thread.start()
    assert all(begun.acquire(timeout=120) for _ in slow)
    with scene.client("admin") as client:
        for number in range(6):
            assert client("GET", f"/api/models/{REPO}").status == 200
            assert scene.do_commit("admin", REPO, put_bytes("meanwhile.txt", b"%d" % number)).status == 200
    assert statuses == []
    go_on.set()
    for thread in slow:
        thread.join()
    assert statuses == [b"HTTP/1.1 200"] * 10


def test_stalled_uploads_are_given_up_one_by_one(scene: Scene) -> None:
    """Sixty uploads that stop in the middle take no thread each: sixty-one others pass, and hanging up frees everything."""
    file = raw_file(random.Random(5).randbytes(8 * MIB))
    hanging = []
    for _ in range(60):
        sender = socket.create_connection(("127.0.0.1", scene.node.port), timeout=120)
        sender.sendall(_xorb_head(scene, file, len(file.xorb_bytes)) + file.xorb_bytes[:50_000])
        hanging.append(sender)
    for number in range(5):
        assert scene.do_commit("admin", REPO, put_bytes(f"among/{number}", b"x")).status == 200
    scene.upload("admin", REPO, file)
    for sender in hanging:
        sender.close()


@pytest.mark.parametrize("length", [10, 5 * MIB])
def test_wrong_lengths(scene: Scene, length: int) -> None:
    """A body that is shorter or longer than declared is refused or waited for, never stored as something else."""
    file = raw_file(random.Random(length).randbytes(3 * MIB))
    with socket.create_connection(("127.0.0.1", scene.node.port), timeout=120) as sender:
        with contextlib.suppress(OSError):  # the node may have hung up by then
            sender.sendall(_xorb_head(scene, file, length) + file.xorb_bytes)
            sender.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert not sender.recv(100).startswith(b"HTTP/1.1 200")
    session = scene.session("admin", REPO)
    with scene.cas(session) as client:
        assert client("HEAD", f"{session.cas}/v1/xorbs/default/{file.xorb}").status == 404


def test_aborted_downloads(scene: Scene) -> None:
    """Clients that hang up in the middle of a download, or never read it, free what they used; others read on."""
    data = random.Random(9).randbytes(12 * MIB)
    digest = scene.upload_lfs("admin", REPO, data)
    assert scene.do_commit("admin", REPO, put_file("big.bin", digest)).status == 200
    request = f"GET /{REPO}/resolve/main/big.bin HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    hanging = []
    for number in range(40):
        sender = socket.create_connection(("127.0.0.1", scene.node.port), timeout=120)
        sender.sendall(request)
        if number % 2:
            sender.recv(100_000)
            sender.close()
        else:
            hanging.append(sender)
    with RawClient(scene.node.port, timeout=120) as client:
        assert client("GET", f"/{REPO}/resolve/main/big.bin").body == data
        assert client("GET", "/api/models").status == 200
    for sender in hanging:
        sender.close()


def test_kept_connections_answer_at_once(scene: Scene) -> None:
    """Answers on one connection do not wait for the client's delayed acknowledgements (TCP_NODELAY): 40 ms each otherwise."""
    times = []
    with RawClient(scene.node.port) as client:
        for _ in range(90):
            start = time.monotonic()
            assert client("GET", "/healthz").status == 200
            times.append(time.monotonic() - start)
    assert min(times[30:]) < 0.03  # a busy machine takes its time, too, but not each time


def test_requests_after_a_large_body_are_not_mixed_up(scene: Scene) -> None:
    """What a client sends behind a large body on the same connection is no part of it, nor is a part of it taken as a request."""
    file = raw_file(random.Random(12).randbytes(7 * MIB))
    behind = b"GET /api/whoami-v2 HTTP/1.1\r\nhost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", scene.node.port), timeout=120) as sender:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sender.sendall(_xorb_head(scene, file, len(file.xorb_bytes)) + file.xorb_bytes + behind)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := sender.recv(65536):
                answer += piece
                if answer.count(b"HTTP/1.1 ") > 1:
                    break
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    rest = answer.split(b"HTTP/1.1 ")[2:]
    assert all(one.startswith(b"401") for one in rest), rest
