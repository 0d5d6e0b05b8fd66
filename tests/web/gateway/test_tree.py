"""Lists of files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.gateways import REV, Edge

TREE = "/api/models/org/m/tree/main"


def test_recursive(gateway: Edge) -> None:
    """All files and folders come in the order of git, folders right before what is in them, never with a Xet hash."""
    reply = gateway.get(f"{TREE}?recursive=true&expand=false")
    found = reply.json()
    names = [
        "config.json",
        "empty.txt",
        "model.safetensors",
        "sub",
        "sub/deep",
        "sub/deep/notes.txt",
        "sub/with space & 100%.txt",
    ]
    assert [one["path"] for one in found] == names
    assert reply.headers["x-repo-commit"] == REV
    assert not any("xetHash" in one for one in found)
    assert found[2]["lfs"]["oid"] == gateway.source.files["model.safetensors"].content.sha256


def test_folders(gateway: Edge) -> None:
    """One level of the root or of a folder is listed; a folder that is not there is the 404 that clients remember."""
    assert [one["path"] for one in gateway.get(TREE).json()] == ["config.json", "empty.txt", "model.safetensors", "sub"]
    assert [one["path"] for one in gateway.get(f"{TREE}/{quote('sub/deep', safe='')}").json()] == ["sub/deep/notes.txt"]
    reply = gateway.get(f"{TREE}/additional_chat_templates?recursive=false")
    assert (reply.status, reply.headers["x-error-code"], reply.headers["x-repo-commit"]) == (404, "EntryNotFound", REV)


def test_pages(gateway: Edge) -> None:
    """Pages of any size make up the whole list, by links that hold commit and secret."""
    seen: list[str] = []
    path = f"{TREE}?recursive=true&limit=2"
    for _ in range(4):
        reply = gateway.get(path)
        seen += [one["path"] for one in reply.json()]
        if "link" not in reply.headers:
            break
        url = reply.headers["link"].partition(">")[0].lstrip("<")
        assert f"/tree/{REV}?" in url
        path = url.partition(gateway.secret)[2]
    assert seen == [one["path"] for one in gateway.get(f"{TREE}?recursive=true").json()]


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "cursor=%C3%BC", "cursor=%2F%2F8"])
def test_bad_pages(gateway: Edge, query: str) -> None:
    """Numbers and cursors that are none are 400."""
    assert gateway.get(f"{TREE}?{query}").status == 400


def test_paths_info(gateway: Edge) -> None:
    """Both forms of the body are read; paths that do not exist are left out, folders are found."""
    url = "/api/models/org/m/paths-info/main"
    form = b"paths=config.json&paths=nope&paths=sub&expand=true"
    found = gateway.ask("POST", url, form, content_type="application/x-www-form-urlencoded").json()
    assert [(one["type"], one["path"]) for one in found] == [("file", "config.json"), ("directory", "sub")]
    assert found[0]["securityFileStatus"]["status"] == "unscanned"
    assert [one["lastCommit"]["id"] for one in found] == [REV, REV]
    body = json.dumps({"paths": ["empty.txt"]}).encode()
    (one,) = gateway.ask("POST", url, body, content_type="application/json").json()
    assert one["size"] == 0
    for bad in (b"[", b'{"paths": 1}', b'{"paths": [1]}'):
        assert gateway.ask("POST", url, bad, content_type="application/json").status == 400
    many = json.dumps({"paths": ["x"] * 10_001}).encode()
    assert gateway.ask("POST", url, many, content_type="application/json").status == 413


def test_folder_ids_are_those_of_git(gateway: Edge, folder: Path, tmp_path: Path) -> None:
    """The id of a folder is the git tree id of what is in it."""
    copy = tmp_path / "deep"
    copy.mkdir()
    (copy / "notes.txt").write_bytes((folder / "sub/deep/notes.txt").read_bytes())
    git = ["git", "-C", str(copy)]
    for command in (["init", "-q"], ["add", "notes.txt"]):
        subprocess.run([*git, *command], check=True)
    oid = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    found = {one["path"]: one for one in gateway.get(f"{TREE}?recursive=true").json()}
    assert found["sub/deep"]["oid"] == oid
