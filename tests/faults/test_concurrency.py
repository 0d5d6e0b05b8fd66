"""Many at once: uploads and downloads of overlapping content, and commits that race for one branch."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.attacks.scene import Scene
from tests.faults.whole import check_world, staged
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import commit_body, put_bytes, put_file, raw_file

from hanse.db.engine import Database, sqlite_url

REPO = "admin/crowded"
WRITERS = 8


@pytest.fixture(name="crowded")
def _crowded(mother: Mother, tmp_path: Path) -> Iterator[Scene]:
    """Return a node with an empty repository; afterwards everything it keeps is checked."""
    node = ForkedNode(mother, tmp_path, environ={"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0", "HANSE_LOG_LEVEL": "warning"})
    node.start()
    with closing(Database(sqlite_url(node.data / "hanse.db"))) as database:
        scene = Scene(node, database, {"admin": ADMIN_TOKEN})
        with scene.client("admin") as client:
            assert client.json("POST", "/api/repos/create", {"name": "crowded", "organization": "admin"}).status == 200
        yield scene
    assert staged(node.data) == []
    assert node.stop() == 0
    check_world(node.data)


def _content(number: int) -> bytes:
    """Return content that shares most of its chunks with that of other numbers, in other order and length."""
    blocks = [random.Random(seed).randbytes(150_000) for seed in range(6)]
    rng = random.Random(number // 2)  # two and two are the same
    return b"".join(rng.choice(blocks) for _ in range(6)) + b"tail %d" % (number // 4)


def test_twenty_at_once(crowded: Scene) -> None:
    """Twenty clients upload overlapping content by Xet, LFS and commits, and read each other's meanwhile."""
    contents = {f"f{number}.bin": _content(number) for number in range(20)}
    present: list[str] = []
    together = threading.Barrier(20)

    def work(number: int) -> None:
        path = f"f{number}.bin"
        data, rng = contents[path], random.Random(number)
        together.wait()
        if number % 3 == 0:
            crowded.upload("admin", REPO, raw_file(data))
            operation = put_file(path, hashlib.sha256(data).hexdigest(), len(data))
        elif number % 3 == 1:
            operation = put_file(path, crowded.upload_lfs("admin", REPO, data))
        else:
            operation = put_bytes(path, data)
        reply = crowded.do_commit("admin", REPO, operation)
        assert reply.status == 200, reply
        present.append(path)
        with RawClient(crowded.node.port) as client:
            for other in rng.sample(present, min(4, len(present))):
                _read(client, other, contents[other], rng)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    with RawClient(crowded.node.port) as client:
        for path, data in contents.items():
            assert client("GET", f"/{REPO}/resolve/main/{path}").body == data


def _read(client: RawClient, path: str, data: bytes, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    end = rng.randrange(start, len(data))
    whole = client("GET", f"/{REPO}/resolve/main/{path}")
    part = client("GET", f"/{REPO}/resolve/main/{path}", None, {"range": f"bytes={start}-{end}"})
    assert whole.body == data, path
    assert (part.status, part.body) == (206, data[start : end + 1]), path


def _in_parallel(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))


def test_racing_commits_all_land(crowded: Scene) -> None:
    """Eight writers commit to one branch without naming a parent: every commit lands, none is lost or doubled."""
    each = 12

    def work(writer: int) -> None:
        for number in range(each):
            reply = crowded.do_commit("admin", REPO, put_bytes(f"w{writer}/{number}.txt", b"%d %d" % (writer, number)))
            assert reply.status == 200, reply

    _in_parallel(work)
    with crowded.client("admin") as client:
        tree = client("GET", f"/api/models/{REPO}/tree/main?recursive=true").json()
        commits = client("GET", f"/api/models/{REPO}/commits/main?limit=1000").json()
    files = {item["path"] for item in tree if item["type"] == "file"}
    assert files == {f"w{writer}/{number}.txt" for writer in range(WRITERS) for number in range(each)} | {".gitattributes"}
    assert len(commits) == len({commit["id"] for commit in commits}) == WRITERS * each + 1


def _race(crowded: Scene, turn: int, head: str) -> list[int]:
    """Return the statuses of eight commits that name the same parent, sent at the same moment."""
    together = threading.Barrier(WRITERS)
    statuses: list[int] = []

    def work(writer: int) -> None:
        body = commit_body(put_bytes(f"t{turn}.txt", b"%d" % writer), parentCommit=head)
        with crowded.client("admin") as mine:
            together.wait()
            statuses.append(mine("POST", f"/api/models/{REPO}/commit/main", body).status)

    _in_parallel(work)
    return sorted(statuses)


def test_of_racing_commits_with_one_parent_one_lands(crowded: Scene) -> None:
    """Eight writers name the same parent: one commit lands, seven get 412; who then names the new head gets through."""
    for turn in range(6):
        with crowded.client("admin") as client:
            head = client("GET", f"/api/models/{REPO}").json()["sha"]
        assert _race(crowded, turn, head) == [200] + [412] * (WRITERS - 1)


def _any_change(crowded: Scene, client: RawClient, rng: random.Random, name: str) -> Reply:
    """Send one change, chosen at random, to a repository that may have another name by now."""
    repo, other = rng.sample([REPO, "admin/moved"], 2)
    kind = rng.randrange(5)
    if kind == 0:
        return client.json("POST", f"/api/models/{repo}/branch/b{name}", {})
    if kind == 1:
        return client.json("POST", f"/api/models/{repo}/tag/main", {"tag": f"t{name}"})
    if kind == 2:
        return client.json("POST", "/api/repos/move", {"fromRepo": repo, "toRepo": other})
    if kind == 3:
        return client.json("PUT", f"/api/models/{repo}/settings", {"visibility": rng.choice(("public", "private"))})
    return crowded.do_commit("admin", repo, put_bytes("any.txt", name.encode()))


def test_racing_changes_of_one_repository(crowded: Scene) -> None:
    """Commits, branches, tags, renames and changes of visibility race without a 5xx and leave a whole journal."""
    odd: list[Reply] = []

    def work(writer: int) -> None:
        rng = random.Random(writer)
        with crowded.client("admin") as client:
            replies = [_any_change(crowded, client, rng, f"{writer}-{number}") for number in range(8)]
        odd.extend(reply for reply in replies if reply.status >= 500)

    _in_parallel(work)
    assert odd == []
