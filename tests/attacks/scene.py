"""What the attacks act on: accounts, repositories, content with marks that must never come out."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any

from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, commit_body, put_bytes, put_file, raw_file

from hanse.clock import SystemClock
from hanse.db.engine import Database
from hanse.flows.accounts import create_token, create_user

MARK = b"CONFIDENTIAL-CONTENT-OF-ALICE"
OUTSIDE = "OUTSIDE-OF-THE-NODE"
SECRET, ABSENT, GATED, PUBLIC, OWN = "alice/secret", "alice/absent", "alice/gatedd", "alice/public", "bob/own"
"""`ABSENT` does not exist; its name is as long as that of `SECRET`, so that answers can be compared byte by byte."""


@dataclass(frozen=True)
class Session:
    """A Xet token and the path of the CAS."""

    token: str
    cas: str


@dataclass
class Scene:
    """A running node; tokens by user; the files of the private repository."""

    node: LiveNode
    database: Database
    tokens: dict[str, str] = field(default_factory=dict)
    xet: RawFile = field(default_factory=lambda: raw_file(MARK + random.Random(41).randbytes(400_000)))
    lfs: bytes = MARK + b" by LFS " + random.Random(42).randbytes(120_000)
    gated: bytes = MARK + b" gated " + random.Random(43).randbytes(120_000)
    commit: str = ""

    def client(self, who: str = "") -> RawClient:
        """Return a client with the token of `who`; an anonymous one if empty."""
        return RawClient(self.node.port, self.tokens.get(who, ""))

    def session(self, who: str, repo: str, scope: str = "write") -> Session:
        """Return a Xet session; fails unless it is granted."""
        with self.client(who) as client:
            reply = client("GET", f"/api/models/{repo}/xet-{scope}-token/main")
        assert reply.status == 200, reply
        url = str(reply.json()["casUrl"])
        return Session(reply.json()["accessToken"], url[url.index("/cas/") :])

    def cas(self, session: Session) -> RawClient:
        """Return a client that sends the session's token."""
        return RawClient(self.node.port, session.token)

    def upload(self, who: str, repo: str, file: RawFile) -> None:
        """Upload a file by Xet; fails unless it is taken."""
        opened = self.session(who, repo)
        with self.cas(opened) as client:
            assert client("POST", f"{opened.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 200
            assert client("POST", f"{opened.cas}/v1/shards", file.shard).status == 200

    def upload_lfs(self, who: str, repo: str, data: bytes) -> str:
        """Upload bytes by LFS and return their digest."""
        digest = hashlib.sha256(data).hexdigest()
        with self.client(who) as client:
            found = lfs_batch(client, repo, [(digest, len(data))])
            actions = found.json()["objects"][0].get("actions")
            if actions is not None:
                href = str(actions["upload"]["href"])
                with self.client() as nobody:
                    assert nobody("PUT", href[href.index("/api/") :], data).status == 200
        return digest

    def do_commit(self, who: str, repo: str, *operations: dict[str, Any], rev: str = "main") -> Reply:
        """Commit and return the answer."""
        with self.client(who) as client:
            return client(
                "POST", f"/api/models/{repo}/commit/{rev}", commit_body(*operations), {"content-type": "application/x-ndjson"}
            )


def lfs_batch(client: RawClient, repo: str, objects: list[tuple[str, int]], operation: str = "upload") -> Reply:
    """Ask where to upload or download objects."""
    wanted = [{"oid": oid, "size": size} for oid, size in objects]
    return client.json(
        "POST",
        f"/{repo}.git/info/lfs/objects/batch",
        {"operation": operation, "transfers": ["basic"], "objects": wanted, "hash_algo": "sha256"},
    )


def build(node: LiveNode, database: Database) -> Scene:
    """Make the people and the repositories."""
    scene = Scene(node, database)
    (node.folder / "outside.txt").write_text(OUTSIDE)
    (node.data / "outside.txt").write_text(OUTSIDE)
    scene.tokens["admin"] = ADMIN_TOKEN
    clock = SystemClock()
    for name in ("alice", "bob"):
        create_user(database, clock, name)
        scene.tokens[name] = create_token(database, clock, name, "t")[1]
        scene.tokens[f"{name} reading"] = create_token(database, clock, name, "r", role="read")[1]
    for who, repo, visibility in (
        ("alice", SECRET, "private"),
        ("alice", GATED, "public"),
        ("alice", PUBLIC, "public"),
        ("bob", OWN, "public"),
    ):
        namespace, _, name = repo.partition("/")
        with scene.client(who) as client:
            body = {"name": name, "organization": namespace, "type": "model", "visibility": visibility}
            assert client.json("POST", "/api/repos/create", body).status == 200
    _fill_secret(scene)
    _fill_others(scene)
    return scene


def _fill_secret(scene: Scene) -> None:
    scene.upload("alice", SECRET, scene.xet)
    digest = scene.upload_lfs("alice", SECRET, scene.lfs)
    readme = put_bytes("README.md", b"---\ntags: [hidden-tag]\n---\n" + MARK)
    reply = scene.do_commit(
        "alice", SECRET, readme, put_file("m.bin", scene.xet.sha256, len(scene.xet.data)), put_file("l.bin", digest)
    )
    assert reply.status == 200, reply
    scene.commit = reply.json()["commitOid"]
    with scene.client("alice") as client:
        base = f"/api/models/{SECRET}"
        assert client.json("POST", f"{base}/branch/dev", {}).status == 201
        assert client.json("POST", f"{base}/tag/main", {"tag": "v1"}).status == 201
        assert client.json("POST", f"{base}/discussions", {"title": "t", "description": "d"}).status == 200


def _fill_others(scene: Scene) -> None:
    text = put_bytes("README.md", b"# Public\n")
    for who, repo in (("alice", PUBLIC), ("bob", OWN)):
        assert scene.do_commit(who, repo, text, put_bytes("a/b.txt", b"hello")).status == 200
    with scene.client("alice") as client:
        for title in ("one", "two"):
            body = {"title": title, "description": "d", "pullRequest": title == "two"}
            assert client.json("POST", f"/api/models/{PUBLIC}/discussions", body).status == 200
    digest = scene.upload_lfs("alice", GATED, scene.gated)
    reply = scene.do_commit("alice", GATED, put_bytes("notes.txt", MARK), put_file("g.bin", digest))
    assert reply.status == 200, reply
    with scene.client("alice") as client:
        assert client.json("PUT", f"/api/models/{GATED}/settings", {"gated": "manual"}).status == 200
