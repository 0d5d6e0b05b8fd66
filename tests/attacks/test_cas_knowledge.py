"""Knowing a hash gives nobody access: private content answers like content that was never here, on every way to ask for it."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable

import pytest
from tests.attacks.scene import GATED, OWN, PUBLIC, SECRET, Scene, Session, lfs_batch
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, put_file, raw_file

from hanse.clock import SystemClock
from hanse.content.hashing import file_hash, range_hash
from hanse.content.shard import FileBlock, Shard, encode_shard, xorb_block
from hanse.content.terms import Term
from hanse.flows.accounts import create_token, create_user, set_disabled
from hanse.model.digest import xet_from_bytes
from hanse.web.routing import Route
from hanse.web.table import all_routes

_HEX = re.compile(r"[0-9a-f]{64}")
_CAS_READS = [
    route for route in all_routes() if route.pattern.startswith("/cas/") and "{hash}" in route.pattern and route.method != "PUT"
]


def _shape(reply: Reply) -> tuple[int, dict[str, str], str]:
    """Return an answer without digests, request ids, dates, and signatures."""
    headers = {name: _HEX.sub("HASH", value) for name, value in reply.headers.items() if name not in ("x-request-id", "date")}
    text = _HEX.sub("HASH", reply.body.decode("utf-8", "replace"))
    text = re.sub(r"/put/[^\"]*", "/put/URL", re.sub(r'"id":"[0-9a-f]*"', '"id"', text))
    return reply.status, {name: value for name, value in headers.items() if name != "content-length"}, text


@pytest.fixture(name="unknown", scope="module")
def _unknown() -> RawFile:
    """Return a file of the size of the private one that no node ever saw."""
    return raw_file(random.Random(77).randbytes(400_029))


Ask = Callable[[RawClient, Session, RawFile], Reply]


def _both(scene: Scene, ask: Ask, unknown: RawFile) -> None:
    """Fail unless bob's `ask` gets the same answer about the private file and about the unknown one."""
    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        private, nothing = ask(client, session, scene.xet), ask(client, session, unknown)
    assert _shape(private) == _shape(nothing)


@pytest.mark.parametrize("route", _CAS_READS, ids=lambda route: f"{route.method} {route.pattern}")
@pytest.mark.parametrize("what", ["file", "xorb", "chunk", "last chunk"])
def test_hashes_of_private_content_are_unknown(scene: Scene, unknown: RawFile, route: Route, what: str) -> None:
    """Every CAS route that takes a hash answers alike for private content and for none."""

    def ask(client: RawClient, session: Session, file: RawFile) -> Reply:
        chunk = xet_from_bytes(file.chunks[-1 if what == "last chunk" else 0][0])
        value = {"file": file.file, "xorb": file.xorb}.get(what, chunk)
        path = route.pattern.replace("/cas/{epoch}", session.cas).replace("{prefix}", "default").replace("{hash}", value)
        body = None if route.method in ("GET", "HEAD") else json.dumps({"length": 1000}).encode()
        return client(route.method, path.replace("{id}", value[:32]), body)

    _both(scene, ask, unknown)


def test_the_owner_knows(scene: Scene) -> None:
    """The same questions are answered to the owner of the content."""
    session = scene.session("alice", SECRET)
    with scene.cas(session) as client:
        assert client("GET", f"{session.cas}/v2/reconstructions/{scene.xet.file}").status == 200
        assert client("HEAD", f"{session.cas}/v1/xorbs/default/{scene.xet.xorb}").status == 200
        chunk = xet_from_bytes(scene.xet.chunks[0][0])
        assert client("GET", f"{session.cas}/v1/chunks/default/{chunk}").status == 200


def test_sending_private_bytes_again_tells_nothing(scene: Scene, unknown: RawFile) -> None:
    """Who has the bytes of a private xorb learns from sending them only that they were taken."""
    _both(scene, lambda client, at, file: client("POST", f"{at.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes), unknown)


def _stolen(file: RawFile) -> bytes:
    """Return a shard that builds a file out of another's xorb, as whoever learned all its hashes would."""
    half = max(1, len(file.chunks) // 2)
    chunks = file.chunks[:half]
    size = sum(length for _, length in chunks)
    block = FileBlock(file_hash(chunks), (Term(file.xorb, 0, half, size),), (range_hash(value for value, _ in chunks),), None)
    return encode_shard(Shard((block,), ()))


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["whole", "part", "described"])
def test_shards_cannot_refer_to_private_xorbs(scene: Scene, version: str, kind: str) -> None:
    """A shard over a private xorb is refused in the words for a xorb that does not exist."""
    fresh = raw_file(random.Random(kind + version).randbytes(400_029))
    private = raw_file(scene.lfs)  # content that is here, stored from LFS, in a repository that is not bob's

    def ask(client: RawClient, session: Session, file: RawFile) -> Reply:
        described = encode_shard(Shard((file.block,), (xorb_block(file.table),)))
        body = {"whole": file.shard, "part": _stolen(file), "described": described}[kind]
        return client("POST", f"{session.cas}/{version}/shards", body)

    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        one, other = ask(client, session, private), ask(client, session, fresh)
    assert _shape(one) == _shape(other)
    assert b'"result":1' not in one.body


@pytest.mark.parametrize("operation", ["upload", "download"])
def test_lfs_batches_tell_nothing(scene: Scene, operation: str) -> None:
    """The LFS batch asks for private content as for new content, and offers no download of it."""
    private = (hashlib.sha256(scene.lfs).hexdigest(), len(scene.lfs))
    nothing = (hashlib.sha256(b"never seen").hexdigest(), len(scene.lfs))
    with scene.client("bob") as client:
        one, other = (lfs_batch(client, OWN, [item], operation) for item in (private, nothing))
    texts = [re.sub(r"r=[^\"]*", "SIGNED", _shape(reply)[2]) for reply in (one, other)]
    assert texts[0] == texts[1]
    assert ("actions" in texts[0]) == (operation == "upload")


@pytest.mark.parametrize("size", [None, 5, "right"])
def test_commits_cannot_claim_private_content(scene: Scene, size: int | str | None) -> None:
    """A commit that names private content by its SHA-256 is refused in the words for content that does not exist."""
    replies = []
    for data in (scene.lfs, b"never seen either"):
        length = len(data) if size == "right" else size
        assert not isinstance(length, str)
        replies.append(scene.do_commit("bob", OWN, put_file("stolen.bin", hashlib.sha256(data).hexdigest(), length)))
    assert _shape(replies[0]) == _shape(replies[1])
    assert replies[0].status == 400


def test_pull_requests_cannot_claim_what_is_not_published(scene: Scene) -> None:
    """What the owner uploaded to a public repository and did not commit yet is out of reach for a pull request of bob's."""
    staged = b"not published yet " * 5000
    digest = scene.upload_lfs("alice", PUBLIC, staged)
    with scene.client("bob") as client:
        body = {"title": "give me", "description": "", "pullRequest": True}
        number = client.json("POST", f"/api/models/{PUBLIC}/discussions", body).json()["num"]
    reply = scene.do_commit("bob", PUBLIC, put_file("mine.bin", digest), rev=f"refs%2Fpr%2F{number}")
    assert reply.status == 400, reply
    reply = scene.do_commit("bob", OWN, put_file("mine.bin", digest))
    assert reply.status == 400, reply
    with scene.client("bob") as client:
        assert "actions" in lfs_batch(client, OWN, [(digest, len(staged))]).json()["objects"][0]


def test_gated_content_cannot_be_claimed(scene: Scene) -> None:
    """Who was not let into a gated repository cannot put its content into a file of his own, though he sees its digests."""
    file = raw_file(scene.gated)
    assert scene.do_commit("bob", OWN, put_file("gated.bin", file.sha256)).status == 400
    session = scene.session("bob", OWN)
    with scene.cas(session) as client:
        assert client("POST", f"{session.cas}/v1/shards", file.shard).status == 404
        chunk = xet_from_bytes(file.chunks[0][0])
        assert client("GET", f"{session.cas}/v1/chunks/default/{chunk}").status == 404
        assert client("GET", f"{session.cas}/v1/reconstructions/{file.file}").status == 404
    with scene.client("bob") as client:
        body = {"target": {"name": OWN}, "files": [{"sha256": file.sha256, "xetHash": file.file}]}
        assert client.json("POST", f"/api/models/{GATED}/lfs-files/duplicate", body).status == 403
        assert client.json("POST", f"/api/models/{GATED}/duplicate", {"repository": "bob/copy"}).status == 403


def test_a_disabled_account_ends_at_once(scene: Scene) -> None:
    """Hub tokens, Xet tokens and upload addresses of an account die with it, without waiting for their expiry."""
    create_user(scene.database, SystemClock(), "mallory")
    scene.tokens["mallory"] = create_token(scene.database, SystemClock(), "mallory", "t")[1]
    with scene.client("mallory") as client:
        assert client.json("POST", "/api/repos/create", {"name": "m", "organization": "mallory"}).status == 200
        session = scene.session("mallory", "mallory/m")
        data = b"too late " * 900
        found = lfs_batch(client, "mallory/m", [(hashlib.sha256(data).hexdigest(), len(data))]).json()
        href = str(found["objects"][0]["actions"]["upload"]["href"])
        set_disabled(scene.database, "mallory", disabled=True)
        assert client("GET", "/api/whoami-v2").status == 401
        assert client("GET", "/api/models/mallory/m").status == 200, "the repository stays, for everybody"
    file = raw_file(data)
    with scene.cas(session) as cas, scene.client() as nobody:
        assert cas("POST", f"{session.cas}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 401
        assert cas("GET", f"{session.cas}/v1/reconstructions/{file.file}").status == 401
        assert nobody("PUT", href[href.index("/api/") :], data).status == 403


def test_what_was_deleted_stays_deleted(scene: Scene) -> None:
    """Content taken out of a public repository's history cannot be brought back by who remembers its digest."""
    data = b"leaked by mistake " * 5000
    digest = scene.upload_lfs("alice", PUBLIC, data)
    assert scene.do_commit("alice", PUBLIC, put_file("oops.bin", digest)).status == 200
    with scene.client("alice") as alice:
        body = {"deletions": {"sha": [digest], "rewriteHistory": True}}
        assert alice.json("POST", f"/api/models/{PUBLIC}/lfs-files/batch", body).status == 200
    assert scene.do_commit("bob", OWN, put_file("again.bin", digest)).status == 400


def test_having_the_bytes_is_enough(scene: Scene) -> None:
    """Who sends the bytes himself may use them, whoever had them first."""
    scene.upload("bob", OWN, scene.xet)
    assert scene.do_commit("bob", OWN, put_file("mine.bin", scene.xet.sha256)).status == 200
    with scene.client("") as anyone:
        assert anyone("GET", f"/{OWN}/resolve/main/mine.bin").body == scene.xet.data
