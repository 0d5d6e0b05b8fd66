"""A real node asked as the Hub-shaped origin that it is, and pages of one that misbehaves."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import RawFile, commit_body, put_bytes, put_file, raw_file
from tests.support.served import scripted

from hanse.conform.origin import HubOrigin
from hanse.content.hashing import file_hash_of_chunk_list
from hanse.errors import NotFoundError, PeerMisbehaved, PeerRefused, PeerTooSlow, RepoNotFound, RevisionNotFound
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers import hub as module
from hanse.peers.bulk import BulkClient
from hanse.peers.hub import Hub
from hanse.peers.nodefiles import NodePlace

BIG = raw_file(b"\0" + random.Random(5).randbytes(900_000))
SMALL = b"# Hello\n"
REPO, SECRET = "admin/open", "admin/secret"
MODEL = RepoType.MODEL


@dataclass
class _Scene:
    node: LiveNode
    hub: Hub
    pins: dict[str, FilePin]
    rev: str


def _upload(client: RawClient, node: LiveNode, repo: str, file: RawFile) -> None:
    opened = client("GET", f"/api/models/{repo}/xet-write-token/main").json()
    path = opened["casUrl"].removeprefix(node.url)
    with RawClient(node.port, opened["accessToken"]) as cas:
        assert cas("POST", f"{path}/v1/xorbs/default/{file.xorb}", file.xorb_bytes).status == 200
        assert cas("POST", f"{path}/v1/shards", file.shard).status == 200
    body = commit_body(put_bytes("a b/ü?.md", SMALL), put_file("model.bin", file.sha256, len(file.data)))
    assert client("POST", f"/api/models/{repo}/commit/main", body, {"content-type": "application/x-ndjson"}).status == 200


@pytest.fixture(name="scene", scope="module")
def _scene(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Scene]:
    """Return a node with the same files in a public and a private repository, and a hub that asks as nobody."""
    with forked_node(mother, tmp_path_factory.mktemp("hub"), environ={"HANSE_RATE_API": "0"}) as node:
        with RawClient(node.port, ADMIN_TOKEN) as client:
            for repo, visibility in ((REPO, "public"), (SECRET, "private")):
                made = {"name": repo.partition("/")[2], "type": "model", "visibility": visibility}
                assert client.json("POST", "/api/repos/create", made).status == 200
            _upload(client, node, REPO, BIG)
        hub = Hub(node.url)
        rev = hub.info(MODEL, REPO, "main").rev
        yield _Scene(node, hub, {pin.path: pin for pin in hub.tree(MODEL, REPO, rev)}, rev)
        hub.close()


def test_what_it_says(scene: _Scene) -> None:
    """Revision, files with all digests, refs and commits come as the node has them."""
    assert scene.hub.origin == f"127.0.0.1-{scene.node.port}"
    assert scene.hub.info(MODEL, REPO, scene.rev).id == REPO
    assert [(one.ref, one.rev) for one in scene.hub.refs(MODEL, REPO)] == [("refs/heads/main", scene.rev)]
    assert next(iter(scene.hub.commits(MODEL, REPO, "main"))).id == scene.rev
    big = scene.pins["model.bin"]
    assert (big.sha256, big.xet, big.size, big.lfs) == (BIG.sha256, BIG.file, len(BIG.data), True)
    assert (scene.pins["a b/ü?.md"].size, scene.pins["a b/ü?.md"].sha256) == (len(SMALL), None)


@pytest.mark.parametrize("prefer_xet", [False, True], ids=["plain", "xet"])
def test_bytes(scene: _Scene, *, prefer_xet: bool) -> None:
    """Whole files and ranges come by plain GET and by Xet reconstruction, with a chunk list that recomputes."""
    place = scene.hub.place(MODEL, REPO, scene.rev, prefer_xet=prefer_xet)
    big, small = scene.pins["model.bin"], scene.pins["a b/ü?.md"]
    for start, end in ((0, big.size), (0, 1), (123_456, 654_321), (big.size - 1, big.size)):
        assert b"".join(place.read(big, start, end)) == BIG.data[start:end]
    assert b"".join(place.read(small, 0, small.size)) == SMALL
    listed = place.chunk_list(big)
    assert listed is not None
    assert file_hash_of_chunk_list(listed) == (BIG.file, big.size)


def test_xet_is_loaded_only_where_it_is_used() -> None:
    """A file with a Xet hash that plain GET gives does not make the place load what unpacks Xet."""
    data = bytes(range(256)) * 4096
    with HubOrigin({"org/m": {"model.bin": data}}, xet=True) as origin, closing(BulkClient(named=(origin.url,))) as client:
        pin = origin.pins("org/m")["model.bin"]
        assert pin.xet is not None
        place = Hub(origin.url, client=client).place(RepoType.MODEL, "org/m", origin.repo("org/m").newest.rev)
        assert b"".join(place.read(pin, 5, 70_000)) == data[5:70_000]
    assert "_store" not in vars(place)


def test_bytes_by_hash(scene: _Scene) -> None:
    """The node gives a file by its Xet hash alone, and its chunk list; what it lacks is missing, not a lie."""
    big = scene.pins["model.bin"]
    place = NodePlace(scene.hub.client, scene.node.url)
    assert b"".join(place.read(big, 0, big.size)) == BIG.data
    assert b"".join(place.read(big, 5, 77_777)) == BIG.data[5:77_777]
    listed = place.chunk_list(big)
    assert listed is not None
    assert file_hash_of_chunk_list(listed) == (BIG.file, big.size)
    other = FilePin("x", 5, big.git_oid, lfs=True, xet=raw_file(b"other").file)
    assert place.chunk_list(other) is None
    with pytest.raises(NotFoundError):
        list(place.read(other, 0, 5))


def test_headers_of_files(scene: _Scene) -> None:
    """A file by its hash never changes, is only saved, and is known by its hash."""
    with RawClient(scene.node.port) as client:
        for method in ("GET", "HEAD"):
            reply = client(method, f"/files/{BIG.file}")
            assert (reply.status, reply.headers["etag"]) == (200, f'"{BIG.file}"')
            assert "immutable" in reply.headers["cache-control"]
            assert "sandbox" in reply.headers["content-security-policy"]
            assert reply.headers["content-length"] == str(len(BIG.data))
        assert client("GET", f"/files/{BIG.file}", headers={"range": "bytes=999999999-"}).status == 416
        assert client("GET", "/files/nonsense").status == 400


def test_what_is_missing_or_private(scene: _Scene) -> None:
    """Missing repositories and revisions are told apart; a private one is there for its people's token only."""
    with pytest.raises(RepoNotFound):
        scene.hub.info(MODEL, "admin/absent", "main")
    with pytest.raises(RevisionNotFound):
        scene.hub.info(MODEL, REPO, "absent")
    with pytest.raises(RepoNotFound):
        scene.hub.info(MODEL, SECRET, "main")
    with pytest.raises(PeerRefused):
        scene.hub.whoami()
    owner = Hub(scene.node.url, ADMIN_TOKEN)
    assert owner.info(MODEL, SECRET, "main").info["private"] is True
    assert owner.whoami() == "admin"
    owner.close()


def _page(names: list[str], *headers: str) -> bytes:
    body = json.dumps([{"type": "file", "path": name, "oid": "a" * 40, "size": 1} for name in names]).encode()
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_pages() -> None:
    """Pages follow one another on the same server; what a proxy passes on of another one's addresses is asked for here."""
    link = 'link: <{}>; rel="next"'.format
    path = "/api/models/o/n/tree/main"
    pages = [_page(["b"], link(f"{path}?cursor=1")), _page(["a"], link(f"https://hub.example.org{path}?cursor=2")), _page(["c"])]
    with scripted(*pages) as (url, requests):
        assert [pin.path for pin in Hub(url).tree(MODEL, "o/n", "main")] == ["a", "b", "c"]
        assert requests[2].startswith(f"GET {path}?cursor=2 ".encode())


@pytest.mark.parametrize(
    "pages",
    [
        [_page(["a"], 'link: </api/models/o/n/tree/main?c=1>; rel="next"')] * 2,
        [_page(["a"], 'link: <https://evil.example/x>; rel="next"')],
        [_page(["a"], 'link: <http://[>; rel="next"')],
        [_page(["a", "a"])],
        [_page(["a"], 'link: </api/models/o/n/tree/main?c=1>; rel="next"'), _page(["a"])],
        [_page(["../a"])],
        [_page(["a/b", "a/b-c", "a/b/c/d"])],
    ],
    ids=["circle", "elsewhere", "no-address", "twice", "twice-in-two", "outside", "file-and-folder"],
)
def test_pages_that_are_none(pages: list[bytes]) -> None:
    """Pages that go in circles or elsewhere, and files that are named twice or are folders, too, are refused."""
    with scripted(*pages) as (url, _), pytest.raises(PeerMisbehaved):
        Hub(url).tree(MODEL, "o/n", "main")


def test_pages_that_trickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page has a time of its own; all together must come as quickly as a body must, or a listing would never end."""
    monkeypatch.setattr(module, "PAGES_SECONDS", 0.05)
    pages = [_page([name], f'link: </api/models/o/n/tree/main?c={name}>; rel="next"') for name in "abcdef"]
    with scripted(*pages, pause=0.001) as (url, requests):
        with pytest.raises(PeerTooSlow, match=f"{url.partition('//')[2]} sends its pages too slowly"):
            Hub(url).tree(MODEL, "o/n", "main")
        assert len(requests) == 1
