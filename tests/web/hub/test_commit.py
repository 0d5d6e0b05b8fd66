"""Commits with the newest Hub client: every operation, Xet on and off, parents, pull requests."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError
from tests.web.hub.conftest import People

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # between client and its HTTP library

BIG = random.Random(7).randbytes(1_500_000)


def _add(path: str, data: bytes) -> CommitOperationAdd:
    return CommitOperationAdd(path, data)


def test_every_operation(xet: str, api: HfApi, repo: str) -> None:
    """Add, copy and delete files and folders in one commit after another, with Xet and without."""
    api.create_commit(repo, [_add("a.txt", b"text"), _add("d/m.bin", BIG), _add("d/e/n.txt", b"n")], commit_message="one")
    copies = [CommitOperationCopy("d/m.bin", "copy.bin"), CommitOperationCopy("a.txt", "b.txt")]
    info = api.create_commit(repo, [*copies, CommitOperationDelete("a.txt")], commit_message="two", commit_description="why")
    assert info.commit_url.endswith(f"/{repo}/commit/{info.oid}")
    api.create_commit(repo, [CommitOperationDelete("d/", is_folder=True)], commit_message="three")
    assert api.list_repo_files(repo) == [".gitattributes", "b.txt", "copy.bin"]
    assert Path(api.hf_hub_download(repo, "copy.bin")).read_bytes() == BIG
    assert Path(api.hf_hub_download(repo, "b.txt")).read_bytes() == b"text"
    assert [one.title for one in api.list_repo_commits(repo)] == ["three", "two", "one", "initial commit"]


def test_copies_from_another_repository(plain: None, api: HfApi, bob: HfApi, repo: str) -> None:
    """A large file of another repository is copied without being sent; not from one that the caller cannot read."""
    api.create_commit(repo, [_add("m.bin", BIG), _add("t.txt", b"t")], commit_message="one")
    bob.create_repo("bob/copies", exist_ok=True)
    copies = [CommitOperationCopy(path, path, src_repo_id=repo, src_repo_type="model") for path in ("m.bin", "t.txt")]
    bob.create_commit("bob/copies", copies, commit_message="copy")
    assert bob.list_repo_files("bob/copies") == [".gitattributes", "m.bin", "t.txt"]
    api.update_repo_settings(repo, private=True)
    again = [CommitOperationCopy("m.bin", "x", src_repo_id=repo, src_repo_type="model")]
    with pytest.raises(HfHubHTTPError, match=r"404|Not Found"):
        bob.create_commit("bob/copies", again, commit_message="c")


def test_what_is_there_is_not_sent_again(plain: None, api: HfApi, repo: str) -> None:
    """A commit that changes nothing makes none, for regular and for large files."""
    files = [("a.txt", b"text"), ("m.bin", BIG), ("empty", b"")]
    first = api.create_commit(repo, [_add(*file) for file in files], commit_message="one")
    again = api.create_commit(repo, [_add(*file) for file in files], commit_message="two")
    assert again.oid == first.oid
    assert len(api.list_repo_commits(repo)) == 2


def test_a_stale_parent_is_412(api: HfApi, repo: str) -> None:
    """A commit made against a head that is gone is refused, one against the present head is not."""
    head = api.list_repo_commits(repo)[0].commit_id
    info = api.create_commit(repo, [_add("a", b"1")], commit_message="one", parent_commit=head)
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(repo, [_add("a", b"2")], commit_message="two", parent_commit=head)
    api.create_commit(repo, [_add("a", b"2")], commit_message="two", parent_commit=info.oid)


def test_ignored_files_are_left_out(api: HfApi, repo: str, tmp_path: Path) -> None:
    """A .gitignore in the folder or in the repository keeps files out of the upload."""
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "a.log").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert api.list_repo_files(repo) == [".gitattributes", ".gitignore", "a.txt"]
    api.upload_file(path_or_fileobj=b"y", path_in_repo="b.log", repo_id=repo)
    assert "b.log" not in api.list_repo_files(repo)


def test_a_reader_uploads_a_pull_request(people: People, plain: None, api: HfApi, bob: HfApi, repo: str) -> None:
    """Whoever reads a repository may propose regular and large files with create_pr; a read token may not."""
    info = bob.create_commit(repo, [_add("b.txt", b"b"), _add("m.bin", BIG)], commit_message="mine", create_pr=True)
    assert (info.pr_num, info.pr_revision) == (1, "refs/pr/1")
    assert info.pr_url == f"{people.node.url}/{repo}/discussions/1"
    bob.upload_file(path_or_fileobj=b"c", path_in_repo="c.txt", repo_id=repo, revision="refs/pr/1")
    assert bob.list_repo_files(repo, revision="refs/pr/1") == [".gitattributes", "b.txt", "c.txt", "m.bin"]
    assert api.list_repo_files(repo) == [".gitattributes"]
    api.merge_pull_request(repo, 1)
    assert Path(api.hf_hub_download(repo, "m.bin")).read_bytes() == BIG
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.upload_file(path_or_fileobj=b"d", path_in_repo="d.txt", repo_id=repo)
    with pytest.raises(HfHubHTTPError, match="403"):
        people.api(people.carol).upload_file(path_or_fileobj=b"d", path_in_repo="d.txt", repo_id=repo, create_pr=True)


def test_refusals_have_their_words(api: HfApi, repo: str) -> None:
    """A missing branch, a file to delete that is not there, and a file inside a file say what they are."""
    with pytest.raises(RevisionNotFoundError):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo, revision="nope")
    with pytest.raises(HfHubHTTPError, match="doesn't exist"):
        api.delete_file("missing", repo)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo)
    with pytest.raises(BadRequestError, match="file"):
        api.create_commit(repo, [_add("x/y", b"1")], commit_message="c")


def test_folders_in_several_commits(plain: None, api: HfApi, repo: str, tmp_path: Path) -> None:
    """A folder of 300 files arrives whole, however many requests it takes."""
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text(str(number))
    api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert len(api.list_repo_files(repo)) == 301
