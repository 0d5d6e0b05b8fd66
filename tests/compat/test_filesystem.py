"""HfFileSystem and snapshot_download against a live node."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.clients import Client, sample_folder
from tests.support.live import LiveNode


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "http"])
def test_file_system_reads_and_writes(node: LiveNode, xet: bool, repo: str, tmp_path: Path) -> None:
    """Files written in several chunks, listed, read by range, copied and removed through HfFileSystem are correct."""
    code = """
    import sys, json
    from huggingface_hub import HfApi, HfFileSystem
    repo = sys.argv[1]
    HfApi().create_repo(repo)
    fs = HfFileSystem()
    block = bytes(range(256)) * 4096
    with fs.open(f"{repo}/data/big.bin", "wb", block_size=1 << 20) as out:
        for _ in range(7):
            out.write(block)
    with fs.open(f"{repo}/note.txt", "w") as out:
        out.write("hello")
    with fs.open(f"{repo}/data/big.bin", "rb") as source:
        source.seek(3_000_001)
        part = source.read(1000)
    info = fs.info(f"{repo}/data/big.bin")
    names = sorted(fs.find(repo))
    modified = fs.modified(f"{repo}/note.txt").isoformat()
    text = fs.read_text(f"{repo}/note.txt")
    fs.rm(f"{repo}/note.txt")
    fs.invalidate_cache()
    left = sorted(fs.ls(repo, detail=False))
    print(json.dumps([part == (block * 7)[3_000_001:3_001_001], info["size"], names, bool(modified), text, left]))
    """
    got = Client("hub2", node, tmp_path / "home", xet=xet).python(code, repo)
    names = [f"{repo}/{name}" for name in (".gitattributes", "data/big.bin", "note.txt")]
    assert got == [True, 7 << 20, names, True, "hello", [f"{repo}/.gitattributes", f"{repo}/data"]]


@pytest.mark.parametrize("name", ["hub2", "hub1", "hub0"])
def test_snapshot_download_of_branches_and_patterns(node: LiveNode, name: str, repo: str, model: Path, tmp_path: Path) -> None:
    """`snapshot_download` follows branches with slashes, tags and commits, and honours patterns."""
    sample_folder(model, seed=21)
    code = """
    import sys, json, os
    from huggingface_hub import HfApi, snapshot_download
    repo, folder = sys.argv[1:]
    api = HfApi()
    api.create_repo(repo)
    first = api.upload_folder(repo_id=repo, folder_path=folder).oid
    api.create_branch(repo, branch="feature/x")
    api.upload_file(repo_id=repo, path_in_repo="only-here.txt", path_or_fileobj=b"x", revision="feature/x")
    api.create_tag(repo, tag="v1", revision=first)
    names = lambda path: sorted(os.path.relpath(os.path.join(d, f), path) for d, _, fs in os.walk(path) for f in fs)
    on_branch = "only-here.txt" in names(snapshot_download(repo, revision="feature/x"))
    on_tag = "only-here.txt" in names(snapshot_download(repo, revision="v1"))
    json_only = names(snapshot_download(repo, revision=first, allow_patterns="*.json", local_dir="picked"))
    picked = [n for n in json_only if not n.startswith(".cache")]
    print(json.dumps([on_branch, on_tag, picked]))
    """
    assert Client(name, node, tmp_path / "home").python(code, repo, model) == [True, False, ["config.json"]]


def test_errors_reach_the_client_as_their_classes(node: LiveNode, repo: str, tmp_path: Path) -> None:
    """Missing repositories, revisions and files raise the classes that programs catch, also over plain http."""
    code = """
    import sys, json
    from huggingface_hub import HfApi, hf_hub_download
    repo = sys.argv[1]
    HfApi().create_repo(repo, private=True)
    seen = []
    def note(call):
        try:
            call()
            seen.append("none")
        except Exception as error:
            seen.append(type(error).__name__)
    note(lambda: hf_hub_download("admin/nowhere", "a"))
    note(lambda: hf_hub_download(repo, "a", revision="nowhere"))
    note(lambda: hf_hub_download(repo, "nowhere"))
    note(lambda: hf_hub_download(repo, ".gitattributes", token=False))
    note(lambda: HfApi(token="hf_wrong").whoami())
    note(lambda: hf_hub_download(repo, ".gitattributes"))
    print(json.dumps(seen))
    """
    assert Client("hub2", node, tmp_path / "home").python(code, repo) == [
        "RepositoryNotFoundError",
        "RevisionNotFoundError",
        "RemoteEntryNotFoundError",
        "RepositoryNotFoundError",
        "HfHubHTTPError",
        "none",
    ]
