"""Requests that no client sends: paths that leave the repository, bodies built to exhaust, files of other people."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from huggingface_hub import HfApi
from tests.web.hub.conftest import People

LONG = ["x" * 5000, "/".join("a" * 70)]
BAD_PATHS = ["../x", "/etc/passwd", "a/../../x", "a//b", ".git/config", "a\\b", "a\0b", "./a", "a/.", "", *LONG]


def _commit(people: People, repo: str, body: bytes, rev: str = "main", token: str | None = None) -> int:
    raw = people.raw() if token is None else people.raw(token)
    return raw("POST", f"/api/models/{repo}/commit/{rev}", body, {"content-type": "application/x-ndjson"}).status


def _lines(*operations: dict[str, Any]) -> bytes:
    lines = [{"key": "header", "value": {"summary": "s"}}, *operations]
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.mark.parametrize("path", BAD_PATHS)
def test_traversal(people: People, repo: str, path: str) -> None:
    """A path that could leave the repository is refused in every operation and in preupload."""
    for key, more in (
        ("file", {"content": "", "encoding": "base64"}),
        ("lfsFile", {"oid": "ab" * 32, "algo": "sha256"}),
        ("deletedFile", {}),
        ("deletedFolder", {}),
    ):
        assert _commit(people, repo, _lines({"key": key, "value": {"path": path, **more}})) == 400
    files = [{"path": path, "size": 1, "sample": ""}]
    assert people.raw().json("POST", f"/api/models/{repo}/preupload/main", {"files": files}).status == 400


def test_bodies_that_exhaust(people: People, repo: str) -> None:
    """Deep, endless, huge and malformed bodies end in an error of the caller, and the node goes on."""
    deep = b"[" * 100_000 + b"]" * 100_000
    header = b'{"key":"header","value":{"summary":"s"}}\n'
    for body in (
        deep,
        header + b'{"key":"file","value":' + deep + b"}",
        header + b'{"key":"file","value":{"path":"a","content":"' + b"A" * (30 << 20) + b'","encoding":"base64"}}',
        header + b"x" * (30 << 20),
        header + b"\n" * 1_000_000,
        header + header,
        header + b'{"key":"copyFile","value":{}}',
        b"",
        b"\xff\xfe\x00",
        header + b'{"key":"lfsFile","value":{"path":"a","oid":"' + b"ab" * 32 + b'","size":-1}}',
    ):
        assert _commit(people, repo, body) in (400, 413)
    raw = people.raw()
    for path in ("preupload/main", "discussions", "tag/main", "lfs-files/batch", "user-access-request/handle"):
        assert raw("POST", f"/api/models/{repo}/{path}", deep).status in (400, 413)
        assert raw("POST", f"/api/models/{repo}/{path}", b'{"a":"' + b"x" * (5 << 20) + b'"}').status in (400, 413)
        assert raw("POST", f"/api/models/{repo}/{path}", b"[1]").status == 400
    files = [{"path": f"f{number}", "size": 1, "sample": ""} for number in range(1001)]
    assert raw.json("POST", f"/api/models/{repo}/preupload/main", {"files": files}).status == 400
    assert raw("GET", "/healthz").status == 200


def test_hostile_patterns(people: People, api: HfApi, repo: str) -> None:
    """Patterns made to be slow, in the repository or sent along, do not hold the node up."""
    patterns = "\n".join(["*a" * 300 + "b", "**/" * 60 + "x", *[f"{'a*' * 50}{number}" for number in range(2000)]])
    api.upload_file(path_or_fileobj=patterns.encode(), path_in_repo=".gitattributes", repo_id=repo)
    files = [{"path": "/".join(["a" * 60] * 60) + str(number), "size": 1, "sample": ""} for number in range(50)]
    body = {"files": files, "gitIgnore": patterns}
    assert people.raw().json("POST", f"/api/models/{repo}/preupload/main", body).status in (200, 413)


def test_other_peoples_private_files(people: People, api: HfApi, repo: str) -> None:
    """Knowing the sha256 of a private file gives it neither to a commit, nor to LFS, nor to a pull request."""
    secret = b"a secret text" * 1000
    digest = sha256(secret).hexdigest()
    api.update_repo_settings(repo, private=True)
    content = {"path": "s", "content": base64.b64encode(secret).decode(), "encoding": "base64"}
    assert _commit(people, repo, _lines({"key": "file", "value": content})) == 200
    bob = people.raw(people.bob)
    bob.json("POST", "/api/repos/create", {"name": "thief", "organization": "bob"})
    claim = _lines({"key": "lfsFile", "value": {"path": "s", "oid": digest, "algo": "sha256", "size": len(secret)}})
    assert _commit(people, "bob/thief", claim, token=people.bob) == 400
    assert _commit(people, "bob/thief", claim, rev="main?create_pr=1", token=people.bob) == 400
    assert _commit(people, repo, claim, rev="main?create_pr=1", token=people.bob) == 404
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": digest, "size": len(secret)}]}
    answer = bob.json("POST", "/bob/thief.git/info/lfs/objects/batch", batch).json()
    assert "actions" in answer["objects"][0]
    batch["operation"] = "download"
    assert "error" in bob.json("POST", "/bob/thief.git/info/lfs/objects/batch", batch).json()["objects"][0]


def test_private_repositories_do_not_exist_for_others(people: People, api: HfApi, repo: str) -> None:
    """Every writing call on a private repository answers a stranger exactly as for one that is not there."""
    api.update_repo_settings(repo, private=True)
    calls: list[tuple[str, str, bytes]] = [
        ("GET", "refs", b""),
        ("GET", "commits/main", b""),
        ("GET", "auth-check", b""),
        ("GET", "auth-check/write", b""),
        ("GET", "discussions", b""),
        ("GET", "lfs-files", b""),
        ("GET", "user-access-request/pending", b""),
        ("POST", "preupload/main", b'{"files":[]}'),
        ("POST", "commit/main", _lines()),
        ("POST", "branch/x", b"{}"),
        ("DELETE", "branch/x", b""),
        ("POST", "tag/main", b'{"tag":"x"}'),
        ("POST", "super-squash/main", b"{}"),
        ("POST", "duplicate", b'{"repository":"bob/x"}'),
        ("PUT", "settings", b'{"private":false}'),
        ("POST", "lfs-files/batch", b'{"deletions":{"sha":[]}}'),
        ("POST", "ask-access", b"{}"),
    ]
    bob = people.raw(people.bob)
    for method, path, body in calls:
        there = bob(method, f"/api/models/{repo}/{path}", body)
        missing = bob(method, f"/api/models/{repo}.none/{path}", body)
        assert (there.status, there.headers["x-error-code"]) == (404, "RepoNotFound"), path
        assert there.body.replace(b".none", b"") == missing.body.replace(b".none", b""), path


def test_encoded_slashes_and_dots_in_addresses(people: People, repo: str) -> None:
    """Segments are decoded once and by themselves: nothing encoded becomes another route or repository."""
    raw = people.raw()
    owner, name = repo.split("/")
    for path in (
        f"/api/models/{owner}%2F{name}/refs",
        f"/api/models/{owner}/..%2F{name}/refs",
        f"/api/models/{owner}/{name}%00/refs",
        f"/api/models/{owner}/{name}/../{name}/refs",
        f"/api//models/{repo}/refs",
    ):
        assert raw("GET", path).status in (400, 404, 405), path
    assert raw("GET", f"/api/models/{repo}/commits/{quote('../main', safe='')}").status == 404
    assert raw("GET", f"/api/models/{repo}/commits/{quote('refs/heads/main', safe='')}").status == 200
