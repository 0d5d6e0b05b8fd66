"""Files that the scanner holds back, by every route of the node: their writers get them, nobody else gets a byte.

Every route is declared here as one that gives bytes of files, or as one that does not; a new one that is not declared fails.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from tests.attacks.conftest import QUIET
from tests.attacks.requests import address, fill, requests_for, routes
from tests.attacks.scene import Scene, Session, lfs_batch
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, commit_body, put_bytes, put_file, raw_file
from tests.support.scanning import write_rules

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows.accounts import create_org, create_token, create_user, set_member
from hanse.web.routing import Route

MARK = b"BYTES-THAT-ARE-HELD-BACK"
REPO = "uni/held"
XET = raw_file(b"\x00" + MARK + random.Random(71).randbytes(200_000))
LFS = b"\x00" + MARK + b" by LFS " + random.Random(72).randbytes(150_000)
SMALL = b"\x00" + MARK + b" in a commit"
SHARD = (80).to_bytes(8, "little") + json.dumps({"__metadata__": {"m": MARK.decode()}}).encode().ljust(80)
README = b"---\ntags: [" + MARK + b"]\n---\n" + MARK
INDEX = json.dumps({"metadata": {"m": MARK.decode()}, "weight_map": {"t": "s.safetensors"}}).encode()
OUTSIDERS = ("bob", "carol", "")
"""A stranger, a member of the organisation who may only read, nobody."""


@pytest.fixture(name="held", scope="module")
def _held(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a node with held files of every way in, in a model and a data set of an organisation."""
    folder = tmp_path_factory.mktemp("held")
    ruleset = write_rules(folder / "rules.json", "suspicious", held=(".json", ".md"))
    node = ForkedNode(mother, folder, environ={**QUIET, "HANSE_SCAN_RULESET": str(ruleset)})
    node.start()
    with closing(Database(sqlite_url(node.data / "hanse.db"))) as database:
        scene = Scene(node, database)
        _people(scene, database)
    with scene.client("alice") as client:
        for kind in ("model", "dataset"):
            body = {"name": "held", "organization": "uni", "type": kind}
            assert client.json("POST", "/api/repos/create", body).status == 200
    with scene.client("bob") as client:
        assert client.json("POST", "/api/repos/create", {"name": "own", "organization": "bob", "type": "model"}).status == 200
    scene.upload("alice", REPO, XET)
    digest = scene.upload_lfs("alice", REPO, LFS)
    files = [put_bytes("README.md", README), put_bytes("a.gguf", SMALL), put_bytes("model.safetensors.index.json", INDEX)]
    files += [put_bytes("s.safetensors", SHARD), put_bytes("tokenizer_config.json", b'{"chat_template": "%s"}' % MARK)]
    assert scene.do_commit("alice", REPO, *files, put_file("x.gguf", XET.sha256), put_file("l.gguf", digest)).status == 200
    with scene.client("alice") as client:
        reply = client("POST", f"/api/datasets/{REPO}/commit/main", commit_body(*files), {"content-type": "application/x-ndjson"})
        assert reply.status == 200, reply
    yield scene
    node.stop()


def _people(scene: Scene, database: Database) -> None:
    clock = SystemClock()
    scene.tokens["admin"] = ADMIN_TOKEN
    for name in ("alice", "bob", "carol"):
        create_user(database, clock, name)
        scene.tokens[name] = create_token(database, clock, name, "t")[1]
    scene.tokens["alice reading"] = create_token(database, clock, "alice", "r", role="read")[1]
    create_org(database, clock, "uni", owner="alice")
    set_member(database, "uni", "carol", "read")


@dataclass(frozen=True)
class _As:
    """One caller of one scene."""

    scene: Scene
    who: str

    def get(self, target: str) -> Reply:
        """Ask by a plain GET."""
        with self.scene.client(self.who) as client:
            return client("GET", target)

    def session(self) -> Session:
        """Return a Xet session for reading."""
        return self.scene.session(self.who, REPO, "read")

    def cas(self, method: str, path: str) -> Reply:
        """Ask the content store."""
        opened = self.session()
        with self.scene.cas(opened) as client:
            return client(method, f"{opened.cas}{path}")


_Ask = Callable[[_As], Reply]


def _path(pattern: str, **values: str) -> _Ask:
    return lambda caller: caller.get(address(pattern, fill(caller.scene, REPO, **values)))


def _reconstructed(version: str = "/v2/reconstructions") -> _Ask:
    """Return the way by a reconstruction to the bytes themselves."""

    def ask(caller: _As) -> Reply:
        reply = caller.cas("GET", f"{version}/{XET.file}")
        if reply.status != 200:
            return reply
        return _fetch(caller, reply.json())

    return ask


def _fetch(caller: _As, plan: dict[str, object]) -> Reply:
    text = json.dumps(plan)
    start = text.index("/cas/")
    target = text[start : text.index('"', start)]
    first = min(int(part.split("-")[0]) for part in target.partition("r=")[2].partition("&")[0].split(","))
    last = max(int(part.split("-")[1]) for part in target.partition("r=")[2].partition("&")[0].split(","))
    with RawClient(caller.scene.node.port) as nobody:
        return nobody("GET", target, headers={"range": f"bytes={first}-{last}"})


def _by_lfs(caller: _As) -> Reply:
    """Return the way by an LFS batch to the bytes themselves."""
    digest = hashlib.sha256(LFS).hexdigest()
    with caller.scene.client(caller.who) as client:
        reply = lfs_batch(client, REPO, [(digest, len(LFS))], "download")
        found = reply.json()["objects"][0]
        if "error" in found:
            return Reply(found["error"]["code"], {"x-error-message": found["error"]["message"]}, b"")
        href = found["actions"]["download"]["href"]
        return client("GET", href[href.index("/api/") :])


def _report(caller: _As) -> Reply:
    return caller.get(f"/api/scan/{hashlib.sha256(SMALL).hexdigest()}?path=a.gguf&facts=1")


_FILE = {"path*": "a.gguf"}
GIVE: dict[tuple[str, str], _Ask] = {
    **{("GET", f"{prefix}/{{repo}}/{verb}/{{rev}}/{{path*}}"): _path(f"{prefix}/{{repo}}/{verb}/{{rev}}/{{path*}}", **_FILE)
       for prefix in ("", "/datasets") for verb in ("resolve", "raw", "blob")},
    **{("GET", f"/cas/{{epoch}}{version}/{{hash}}"): _reconstructed(version)
       for version in ("/v2/reconstructions", "/v1/reconstructions", "/reconstructions", "/reconstruction")},
    **{("HEAD", f"/cas/{{epoch}}{version}/files/{{hash}}"): lambda caller: caller.cas("HEAD", f"/v1/files/{XET.file}")
       for version in ("/v1", "")},
    **{("GET", f"/cas/{{epoch}}{version}/file-chunk-hashes/{{hash}}"):
       lambda caller: caller.cas("GET", f"/v2/file-chunk-hashes/{XET.file}") for version in ("/v2", "/v1")},
    ("GET", "/cas/{epoch}/data/{hash}"): _reconstructed(),
    ("GET", "/files/{xet}"): _path("/files/{xet}", xet=XET.file),
    ("GET", "/files/{xet}/chunks"): _path("/files/{xet}/chunks", xet=XET.file),
    ("POST", "/{kind}/{repo}/info/lfs/objects/batch"): _by_lfs,
    ("POST", "/{repo}/info/lfs/objects/batch"): _by_lfs,
    ("GET", "/api/lfs/objects/{id}/{holder}/{oid}/{size}"): _by_lfs,
    ("GET", "/api/models/{repo}/safetensors-metadata"): _path("/api/models/{repo}/safetensors-metadata"),
    ("GET", "/api/models/{repo}/safetensors-metadata/{path*}"):
        _path("/api/models/{repo}/safetensors-metadata/{path*}", **{"path*": "model.safetensors.index.json"}),
    ("GET", "/api/{kind}/{repo}/scan/{rev}/{path*}"): _path("/api/{kind}/{repo}/scan/{rev}/{path*}", **_FILE),
    ("GET", "/api/{kind}/{repo}/scan/{rev}"): _path("/api/{kind}/{repo}/scan/{rev}"),
    ("GET", "/api/scan/{sha256}"): _report,
}  # fmt: skip
"""Routes that give bytes of files, or what can only be known from them, and how each is asked for a held file."""
SAYS_NOTHING = {
    "/healthz", "/readyz", "/metrics", "/v1/telemetry", "/cas/{epoch}/v1/telemetry", "/", "/favicon.ico",
    "/static/{digest}/{name}", "/api/agent-harnesses", "/api/validate-yaml",
    "/{repo}/info/refs", "/datasets/{repo}/info/refs",
}  # fmt: skip
"""Routes that know nothing of repositories."""
LISTS = {
    "/log/checkpoint", "/log/checkpoint/cosigned", "/log/checkpoint/after/{index}", "/log/tile/{path*}",
    "/witness/add-checkpoint", "/witness/{log}/checkpoint", "/mirror/add-checkpoint",
    "/mirror/{log}/checkpoint", "/mirror/{log}/tile/{path*}", "/api/{kind}/{repo}/evidence/{rev}", "/v1/evidence/tree/{tree}",
    "/api/{kind}/{repo}/cite/{rev}", "/api/{kind}/{repo}/notices", "/v1/find/{digest}", "/api/{kind}/{repo}/manifest/{rev}",
    "/api/{kind}/{repo}/attestations/{rev}", "/v1/namespaces/{namespace}/keys", "/federation", "/federation/{name}/{what}/{file}",
    "/v1/advisories", "/v1/advisories/{payload}", "/api/{kind}/{repo}/advisories/{rev}",
    "/v1/status", "/api/{kind}/{repo}/status/{rev}", "/status", "/api/{kind}/{repo}/evaluations/{rev}",
    "/v1/evaluation-jobs", "/v1/evaluation-jobs/{number}", "/api/{kind}/{repo}/evaluations/{rev}/{record}",
    "/api/{kind}/{repo}/evaluations/{rev}/{record}/{file}",
}  # fmt: skip
"""Routes of the log, of witnesses, statements and evaluations: they name files and digests, as a tree does, not content."""
NAMES = {
    "/api/{kind}/{repo}", "/api/{kind}/{repo}/revision/{rev}", "/api/models", "/api/datasets", "/api/{kind}/{repo}/tree/{rev}",
    "/api/{kind}/{repo}/tree/{rev}/{path*}", "/api/{kind}/{repo}/paths-info/{rev}", "/api/{kind}/{repo}/refs",
    "/api/{kind}/{repo}/commits/{rev}", "/api/{kind}/{repo}/lfs-files", "/api/{kind}/{repo}/discussions",
    "/api/{kind}/{repo}/discussions/{num}", "/api/{kind}/{repo}/auth-check", "/api/{kind}/{repo}/auth-check/write",
    "/api/whoami-v2", "/api/users/{name}/overview", "/api/organizations/{name}/overview", "/api/organizations/{name}/members",
    "/api/{kind}/{repo}/xet-read-token/{rev*}", "/api/{kind}/{repo}/xet-read-token", "/api/{kind}/{repo}/waivers",
    "/api/{kind}/{repo}/user-access-request/{status}", "/api/{kind}/{repo}/lfs-verify", "/api/{kind}/{repo}/preupload/{rev}",
    *(f"{prefix}/{{repo}}{rest}" for prefix in ("", "/datasets")
      for rest in ("", "/tree/{rev}", "/tree/{rev}/{path*}", "/commits/{rev}", "/commit/{rev}")),
}  # fmt: skip
"""Routes that tell names, sizes, digests and people."""
CHANGES = {
    "/api/{kind}/{repo}/xet-write-token/{rev*}", "/api/{kind}/{repo}/xet-write-token",
    "/cas/{epoch}/v1/xorbs/{prefix}/{hash}", "/cas/{epoch}/xorbs/{prefix}/{hash}", "/cas/{epoch}/v1/xorb-grants/{prefix}/{hash}",
    "/cas/{epoch}/v1/xorb-commits/{prefix}/{hash}/grant/{id}",
    "/cas/{epoch}/put/{repo_id}/{account}/{rights}/{length}/{hash}", "/cas/{epoch}/v2/shards", "/cas/{epoch}/v1/shards",
    "/cas/{epoch}/xorb/{prefix}/{hash}", "/cas/{epoch}/shard/{prefix}/{hash}", "/cas/{epoch}/chunk/{prefix}/{hash}",
    "/cas/{epoch}/shards", "/cas/{epoch}/v1/chunks/{prefix}/{hash}", "/cas/{epoch}/chunks/{prefix}/{hash}",
    "/api/repos/create", "/api/repos/delete", "/api/repos/move", "/api/{kind}/{repo}/settings", "/api/{kind}/{repo}/duplicate",
    "/api/{kind}/{repo}/branch/{name}", "/api/{kind}/{repo}/tag/{name}", "/api/{kind}/{repo}/super-squash/{name}",
    "/api/{kind}/{repo}/commit/{rev}", "/api/lfs/objects/{id}/{holder}/{oid}/{size}", "/api/lfs/parts/{id}/{holder}/{number}",
    "/api/lfs/complete/{id}/{holder}", "/api/{kind}/{repo}/lfs-files/batch", "/api/{kind}/{repo}/lfs-files/duplicate",
    "/api/{kind}/{repo}/discussions", "/api/{kind}/{repo}/discussions/{num}/comment",
    "/api/{kind}/{repo}/discussions/{num}/title",
    "/api/{kind}/{repo}/discussions/{num}/status", "/api/{kind}/{repo}/discussions/{num}/merge",
    "/api/{kind}/{repo}/discussions/{num}/comment/{event}/edit", "/api/{kind}/{repo}/discussions/{num}/comment/{event}/hide",
    "/api/{kind}/{repo}/user-access-request/handle", "/api/{kind}/{repo}/user-access-request/grant",
    "/api/{kind}/{repo}/ask-access", "/{kind}/{repo}/ask-access", "/{repo}/ask-access", "/api/{kind}/{repo}/waivers",
    "/api/{kind}/{repo}/waivers/{number}",
}  # fmt: skip
"""Routes by which content and settings come in; those that could carry held content elsewhere are tried below."""


def test_every_route_is_declared() -> None:
    """A new route says here whether it gives bytes of files, and there is no declaration of one that is gone."""
    every = {(route.method, route.pattern) for route in routes()}
    unknown = {
        (method, pattern)
        for method, pattern in every
        if (method, pattern) not in GIVE and pattern not in SAYS_NOTHING | LISTS | NAMES | CHANGES
    }
    assert unknown == set()
    assert set(GIVE) <= every
    assert {pattern for _, pattern in every} >= SAYS_NOTHING | LISTS | NAMES | CHANGES


@pytest.mark.parametrize("route", GIVE, ids=" ".join)
def test_writers_get_what_is_held(held: Scene, route: tuple[str, str]) -> None:
    """Whoever may change the repository gets the bytes, also with a token that only reads, and so does an operator."""
    for who in ("alice", "alice reading", "admin"):
        reply = GIVE[route](_As(held, who))
        assert reply.status in (200, 206), (who, reply)
        if {"data", "resolve", "reconstructions"} & set(route[1].split("/")):
            assert MARK in reply.body


@pytest.mark.parametrize("who", OUTSIDERS, ids=["stranger", "reading-member", "anonymous"])
@pytest.mark.parametrize("route", GIVE, ids=" ".join)
def test_nobody_else_does(held: Scene, route: tuple[str, str], who: str) -> None:
    """Every other caller is refused in words, without a byte of the file."""
    reply = GIVE[route](_As(held, who))
    assert reply.status in (401, 403, 404), reply
    assert MARK not in reply.body
    if route[1] != "/api/scan/{sha256}":
        assert "withheld" in reply.headers.get("x-error-message", "") or b"withheld" in reply.body, reply


@pytest.mark.parametrize("kind", ["models", "datasets"])
@pytest.mark.parametrize("who", OUTSIDERS, ids=["stranger", "reading-member", "anonymous"])
def test_no_answer_of_any_route_quotes_it(held: Scene, who: str, kind: str) -> None:
    """Whatever is asked, with whatever body: no answer to an outsider holds a piece of a held file, in any spelling."""
    special = {
        "kind": kind,
        "path*": "a.gguf",
        "hash": XET.file,
        "xet": XET.file,
        "oid": hashlib.sha256(LFS).hexdigest(),
        "size": str(len(LFS)),
    }
    skipped = ("/api/repos/delete", "/api/{kind}/{repo}/settings", "/api/repos/move")
    with held.client(who) as client:
        for route in (route for route in routes() if route.pattern not in skipped):
            for one in requests_for(route, fill(held, REPO, **special), REPO):
                reply = one.send(client)
                assert MARK not in reply.body, one
                assert MARK.decode() not in str(reply.headers), one


def test_it_cannot_be_carried_elsewhere(held: Scene) -> None:
    """Duplicates, copies, LFS claims and commits by digest do not put held content into a repository of one's own."""
    digest = hashlib.sha256(LFS).hexdigest()
    with held.client("bob") as client:
        reply = client.json("POST", f"/api/models/{REPO}/duplicate", {"repository": "bob/copied"})
        assert (reply.status, "withheld" in reply.headers["x-error-message"]) == (403, True)
        body = {"target": {"type": "model", "name": "bob/own"}, "files": [{"sha256": XET.sha256, "xetHash": XET.file}]}
        copied = client.json("POST", f"/api/models/{REPO}/lfs-files/duplicate", body)
        assert len(copied.json()["failed"]) == 1
        offered = lfs_batch(client, "bob/own", [(digest, len(LFS)), (XET.sha256, len(XET.data))])
        assert all("actions" in one for one in offered.json()["objects"])
    for sha256 in (digest, XET.sha256):
        assert held.do_commit("bob", "bob/own", put_file("x.bin", sha256)).status == 400
    _register_again(held, XET)


def _register_again(held: Scene, file: RawFile) -> None:
    """Whoever brings the very bytes himself has them already, and they are judged anew where he names them."""
    held.upload("bob", "bob/own", file)
    assert held.do_commit("bob", "bob/own", put_file("mine.gguf", file.sha256)).status == 200
    with held.client("carol") as client:
        assert client("GET", "/bob/own/resolve/main/mine.gguf").status == 403


def test_routes_are_more_than_a_list() -> None:
    """The table of routes is the node's own."""
    assert all(isinstance(route, Route) for route in routes())
