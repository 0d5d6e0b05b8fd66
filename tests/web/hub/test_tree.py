"""Trees and paths-info with the newest Hub client and by hand."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.hf_api import RepoFile, RepoFolder
from tests.web.hub.conftest import People

# The client's own LFS upload passes raw bytes in a way that its HTTP library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
PATHS = ["a.txt", "b/c d.txt", "b/é.txt", "b/deep/x.bin", "z.json"]


@pytest.fixture(name="full", scope="module")
def _full(people: People) -> str:
    """Return a repository with a few files, one of them large."""
    api, repo = people.api(), "admin/tree"
    api.create_repo(repo)
    operations = [CommitOperationAdd(path, f"{path}\n".encode()) for path in PATHS]
    api.create_commit(repo, operations=operations, commit_message="files")
    api.upload_file(path_or_fileobj=bytes(range(256)) * 100, path_in_repo="w.safetensors", repo_id=repo, commit_message="big")
    return repo


def test_folders_and_files(api: HfApi, full: str) -> None:
    """A tree lists one folder, or everything below; folders have ids, large files the names of their bytes."""
    top = {item.path: item for item in api.list_repo_tree(full)}
    assert set(top) == {".gitattributes", "a.txt", "b", "w.safetensors", "z.json"}
    folder, large = top["b"], top["w.safetensors"]
    assert isinstance(folder, RepoFolder)
    assert len(folder.tree_id) == 40
    assert isinstance(large, RepoFile)
    assert large.lfs is not None
    assert (large.size, large.lfs.size, large.lfs.pointer_size, len(large.xet_hash or "")) == (25_600, 25_600, 130, 64)
    everything = [item.path for item in api.list_repo_tree(full, recursive=True)]
    assert everything == sorted(everything, key=lambda path: path)
    assert set(PATHS) < set(everything)
    assert [item.path for item in api.list_repo_tree(full, "b")] == ["b/c d.txt", "b/deep", "b/é.txt"]


def test_expanded(api: HfApi, full: str) -> None:
    """With expand every item names the commit that last changed it, and files say what the scanner found."""
    items = {item.path: item for item in api.list_repo_tree(full, recursive=True, expand=True)}
    titles = {path: item.last_commit.title for path, item in items.items() if item.last_commit}
    assert (titles["w.safetensors"], titles["a.txt"], titles["b"], titles[".gitattributes"]) == (
        *("big", "files", "files", "initial commit"),
    )
    scanned = items["a.txt"]
    assert isinstance(scanned, RepoFile)
    assert scanned.security is not None
    assert (scanned.security.status, scanned.security.safe) == ("safe", True)


@pytest.mark.parametrize("path", ["additional_chat_templates", "a.txt", "b/nope", "a.txt/x", "../b", "b//deep"])
def test_missing_folders(people: People, api: HfApi, full: str, path: str) -> None:
    """A folder that is not there is EntryNotFound with the commit, which clients remember."""
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(full, path))
    reply = people.raw()("GET", f"/api/models/{full}/tree/main/{quote(path, safe='')}")
    assert (reply.status, reply.headers["x-error-code"], len(reply.headers["x-repo-commit"])) == (404, "EntryNotFound", 40)


@pytest.mark.parametrize("recursive", ["true", "false"])
def test_pages(people: People, api: HfApi, full: str, recursive: str) -> None:
    """Pages are of one commit: a push between them changes nothing."""
    raw, branch = people.raw(), f"pages-{recursive}"
    api.create_branch(full, branch=branch)
    whole = raw("GET", f"/api/models/{full}/tree/{branch}?recursive={recursive}").json()
    found: list[object] = []
    path = f"/api/models/{full}/tree/{branch}?recursive={recursive}&limit=1"
    while path:
        reply = raw("GET", path)
        found += reply.json()
        path = reply.headers.get("link", "")[1:].partition(">")[0].removeprefix(people.node.url)
        if len(found) == 1:
            api.upload_file(path_or_fileobj=b"x", path_in_repo="0.txt", repo_id=full, revision=branch)
    assert found == whole


def test_paths_info(people: People, api: HfApi, full: str) -> None:
    """Known paths are described, unknown ones left out, by form and by JSON."""
    found = api.get_paths_info(full, ["a.txt", "nope", "b", "b/é.txt"], expand=True)
    assert [item.path for item in found] == ["a.txt", "b", "b/é.txt"]
    assert all(item.last_commit is not None for item in found)
    raw = people.raw()
    body = json.dumps({"paths": ["z.json", "z.json"], "expand": False}).encode()
    reply = raw("POST", f"/api/models/{full}/paths-info/main", body, {"content-type": "application/json"})
    assert [item["path"] for item in reply.json()] == ["z.json"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"paths=" + b"a&paths=" * 11_000, "application/x-www-form-urlencoded", 400),
        (json.dumps({"paths": ["a"] * 10_001}).encode(), "application/json", 413),
        (json.dumps({"paths": ["a"] * 1_001, "expand": True}).encode(), "application/json", 413),
        (b'{"paths": [1]}', "application/json", 400),
        (b'{"paths": {"a": 1}}', "application/json", 400),
        (b"[", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"paths=%ff\xff", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 200),
    ],
    ids=range(9),
)
def test_hostile_paths_info(people: People, full: str, body: bytes, kind: str, status: int) -> None:
    """Lists are bounded, and anything else is 400."""
    assert people.raw()("POST", f"/api/models/{full}/paths-info/main", body, {"content-type": kind}).status == status


def test_file_system(people: People, full: str) -> None:
    """The file system view lists, reads, seeks and knows when a file changed."""
    files = HfFileSystem(endpoint=people.node.url, token=people.api().token)
    assert files.ls(f"{full}/b", detail=False) == [f"{full}/b/c d.txt", f"{full}/b/deep", f"{full}/b/é.txt"]
    assert files.read_text(f"{full}/b/é.txt") == "b/é.txt\n"
    assert files.modified(f"{full}/a.txt").year > 2020
    assert f"{full}/nope" not in files.find(full)
    with files.open(f"{full}/w.safetensors") as file:
        file.seek(1000)
        assert file.read(300) == (bytes(range(256)) * 100)[1000:1300]
