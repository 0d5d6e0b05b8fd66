"""The full disk, run in a mount namespace of its own: `unshare -m python -m tests.faults.full_disk FOLDER`.

The data folder is a small tmpfs. Uploads by every way go on until there is no space; then it is made larger.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.attacks.scene import Scene
from tests.faults.whole import check_world, staged
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawxet import RawFile, put_bytes, put_file, raw_file

from hanse.db.engine import Database, sqlite_url

REPO = "admin/brimful"
SMALL, LARGE = "24m", "256m"
_RNG = random.Random(11)


class Uploads:
    """Sends files by three ways and remembers which commits were acknowledged."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.kept: dict[str, str] = {}
        self.statuses: set[int] = set()
        self._number = 0

    def _commit(self, data: bytes, *operations: dict[str, object], path: str) -> int:
        reply = self.scene.do_commit("admin", REPO, *operations)
        if reply.status == 200:
            self.kept[path] = hashlib.sha256(data).hexdigest()
        return reply.status

    def small(self, size: int = 600_000) -> int:
        """Commit a regular file; return the status."""
        self._number += 1
        path, data = f"small/{self._number}", _RNG.randbytes(size)
        return self._commit(data, put_bytes(path, data), path=path)

    def lfs(self) -> int:
        """Upload by LFS and commit; return the first status that is not 200, else 200."""
        self._number += 1
        path, data = f"lfs/{self._number}", _RNG.randbytes(900_000)
        digest = hashlib.sha256(data).hexdigest()
        with self.scene.client("admin") as client:
            body = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": digest, "size": len(data)}]}
            found = client.json("POST", f"/{REPO}.git/info/lfs/objects/batch", body)
            if found.status != 200:
                return found.status
            href = str(found.json()["objects"][0]["actions"]["upload"]["href"])
            status = client("PUT", href[href.index("/api/") :], data).status
        return status if status != 200 else self._commit(data, put_file(path, digest), path=path)

    def xet(self) -> int:
        """Upload by Xet and commit; return the first status that is not 200, else 200."""
        self._number += 1
        path, file = f"xet/{self._number}", raw_file(_RNG.randbytes(900_000))
        status = self._send(file)
        return status if status != 200 else self._commit(file.data, put_file(path, file.sha256), path=path)

    def _send(self, file: RawFile) -> int:
        session = self.scene.session("admin", REPO)
        with self.scene.cas(session) as client:
            status = client("POST", f"{session.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status
            return status if status != 200 else client("POST", f"{session.cas}/v1/shards", file.shard).status

    def check(self) -> None:
        """Fail unless every acknowledged file is served with its bytes."""
        with self.scene.client("admin") as client:
            for path, digest in self.kept.items():
                reply = client("GET", f"/{REPO}/resolve/main/{path}")
                assert (reply.status, hashlib.sha256(reply.body).hexdigest()) == (200, digest), path


def _fill(ways: list[Callable[[], int]], what: str) -> None:
    """Use each way in turn until every one of them was refused for lack of space."""
    full: set[int] = set()
    for attempt in range(200):
        way = attempt % len(ways)
        status = ways[way]()
        assert status in (200, 507), f"{what}: expected 200 or 507, got {status} from {ways[way]}"
        full |= {way} if status == 507 else set()
        if len(full) == len(ways):
            return
    raise AssertionError("the disk never became full")


def main(folder: Path) -> None:
    """Fill, check, enlarge, retry, check."""
    data = folder / "node"
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "-n", "-t", "tmpfs", "-o", f"size={SMALL},mode=700", "tmpfs", str(data)], check=True)
    with Mother() as mother:
        node = ForkedNode(mother, folder, environ={"HANSE_RATE_API": "0"})
        node.start()
        scene = Scene(node, Database(sqlite_url(data / "hanse.db")), {"admin": ADMIN_TOKEN})
        with scene.client("admin") as client:
            assert client.json("POST", "/api/repos/create", {"name": "brimful", "organization": "admin"}).status == 200
        uploads = Uploads(scene)
        _fill([uploads.xet, uploads.lfs, uploads.small], "filling")
        _fill([lambda: uploads.small(9_000)], "filling with small files")
        assert len(uploads.kept) > 6
        uploads.check()
        assert staged(data) == [], "staged bytes stayed behind"
        node.kill()  # a full disk must not keep a node from starting
        node.start()
        uploads.check()
        subprocess.run(["mount", "-n", "-o", f"remount,size={LARGE}", str(data)], check=True)
        for way in (uploads.xet, uploads.lfs, uploads.small):
            assert way() == 200, "after space was made, the retry must pass"
        uploads.check()
        assert node.stop() == 0
        scene.database.close()
    check_world(data)
    print(f"{len(uploads.kept)} files acknowledged")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
