"""Large files over HTTP: listing, permanent deletion, copies."""

from __future__ import annotations

import random

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, EntryNotFoundError, HfHubHTTPError
from tests.web.hub.conftest import People

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # between client and its HTTP library

BIG = random.Random(11).randbytes(1_200_000)


def test_permanent_deletion(xet: str, api: HfApi, bob: HfApi, repo: str) -> None:
    """Listed files can be taken out of the whole history; the rest of it stays."""
    for path in ("a.bin", "b.bin"):
        api.upload_file(path_or_fileobj=BIG + path.encode(), path_in_repo=path, repo_id=repo)
    api.delete_file("a.bin", repo)
    listed = {one.filename: one for one in api.list_lfs_files(repo)}
    assert {name: one.size for name, one in listed.items()} == {"a.bin": len(BIG) + 5, "b.bin": len(BIG) + 5}
    assert (listed["b.bin"].ref, listed["a.bin"].ref) == ("refs/heads/main", None)
    with pytest.raises(HfHubHTTPError, match="403"):
        list(bob.list_lfs_files(repo))
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.permanently_delete_lfs_files(repo, [listed["b.bin"]])
    with pytest.raises(BadRequestError, match="rewrite_history"):
        api.permanently_delete_lfs_files(repo, [listed["b.bin"]], rewrite_history=False)
    api.permanently_delete_lfs_files(repo, [listed["b.bin"]])
    assert api.list_repo_files(repo) == [".gitattributes"]
    commits = api.list_repo_commits(repo)
    assert len(commits) == 4
    for one in commits:
        assert "b.bin" not in api.list_repo_files(repo, revision=one.commit_id)
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(repo, "b.bin")


def test_bodies_are_checked(people: People, repo: str) -> None:
    """Digests and targets that are none are refused, and a file that is not there is reported by itself."""
    raw = people.raw()
    base = f"/api/models/{repo}/lfs-files"
    assert raw.json("POST", f"{base}/batch", {"deletions": {"sha": ["../x"]}}).status == 400
    assert raw.json("POST", f"{base}/batch", {"deletions": {"sha": ["ab" * 32]}}).status == 404
    assert raw.json("POST", f"{base}/batch", {"deletions": {"sha": ["ab" * 32] * 1001}}).status == 400
    file = {"xetHash": "ab" * 32, "sha256": "cd" * 32, "filename": "x"}
    copied = raw.json("POST", f"{base}/duplicate", {"target": {"type": "model", "name": repo}, "files": [file]})
    assert copied.json() == {"failed": [{"sha256": "cd" * 32, "error": "no such file in the source repository"}]}
    for name in ("../x", "admin/none"):
        target = {"type": "model", "name": name}
        assert raw.json("POST", f"{base}/duplicate", {"target": target, "files": []}).status in (400, 404)
