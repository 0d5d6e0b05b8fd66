"""Branches, tags, commits and squashing with the newest Hub client."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError
from tests.web.hub.conftest import People


def test_branches(api: HfApi, bob: HfApi, repo: str) -> None:
    """Branches start where asked, names may have slashes, a second one is 409, and main stays."""
    first = api.list_repo_commits(repo)[0].commit_id
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=repo)
    api.create_branch(repo, branch="dev/deep", revision=first)
    refs = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo).branches}
    assert refs["dev/deep"] == first != refs["main"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_branch(repo, branch="dev/deep")
    api.create_branch(repo, branch="dev/deep", exist_ok=True)
    api.upload_file(path_or_fileobj=b"2", path_in_repo="b", repo_id=repo, revision="dev/deep")
    assert api.list_repo_files(repo, revision="dev/deep") == [".gitattributes", "b"]
    api.delete_branch(repo, branch="dev/deep")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.delete_branch(repo, branch="main")
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.create_branch(repo, branch="x")
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(repo, branch="y", revision="nope")


@pytest.mark.parametrize("name", ["a..b", "-x", "a b", "x.lock", "refs/pr/1", "ab" * 20, "@", "a\\b", "a:b", ".."])
def test_names_that_are_none(people: People, repo: str, name: str) -> None:
    """Names that git refuses, or that read like a commit id or a full ref, become neither branch nor tag."""
    raw = people.raw()
    assert raw.json("POST", f"/api/models/{repo}/branch/{quote(name, safe='')}", {}).status == 400
    assert raw.json("POST", f"/api/models/{repo}/tag/main", {"tag": name}).status == 400


def test_tags(api: HfApi, repo: str) -> None:
    """Tags point at any revision, are unique, and go again; a bad name is 400."""
    api.create_tag(repo, tag="v1", tag_message="first")
    api.create_tag(repo, tag="sub/v2", revision="v1")
    assert [ref.name for ref in api.list_repo_refs(repo).tags] == ["sub/v2", "v1"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(repo, tag="v1")
    api.create_tag(repo, tag="v1", exist_ok=True)
    with pytest.raises(BadRequestError):
        api.create_tag(repo, tag="bad..name")
    api.delete_tag(repo, tag="v1")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(repo, tag="v1")


def test_commits_come_in_pages(people: People, api: HfApi, repo: str) -> None:
    """The Link header leads through the whole history, with titles, messages and authors."""
    for number in range(4):
        title = f"<b>{number}</b>"
        operation = CommitOperationAdd("a", bytes([number]))
        api.create_commit(repo, [operation], commit_message=title, commit_description="text")
    listed = api.list_repo_commits(repo, formatted=True)
    assert [one.title for one in listed][:2] == ["<b>3</b>", "<b>2</b>"]
    assert (listed[0].message, listed[0].authors, listed[0].formatted_title) == ("text", ["admin"], "&lt;b&gt;3&lt;/b&gt;")
    raw, seen, path = people.raw(), [], f"/api/models/{repo}/commits/main?limit=2"
    while path:
        reply = raw.json("GET", path)
        seen += [one["id"] for one in reply.json()]
        link = reply.headers.get("link", "")
        path = link.partition(people.node.url)[2].partition(">")[0]
    assert seen == [one.commit_id for one in listed]
    for bad in ("limit=-1", "limit=x", "limit=99999999999999999999"):
        assert raw.json("GET", f"/api/models/{repo}/commits/main?{bad}").status == 400
    with pytest.raises(RevisionNotFoundError):
        api.list_repo_commits(repo, revision="nope")


def test_super_squash(api: HfApi, bob: HfApi, repo: str) -> None:
    """One commit with the same files replaces the branch's history; the old commits stay readable by id."""
    for number in range(3):
        api.upload_file(path_or_fileobj=bytes([number]), path_in_repo=f"f{number}", repo_id=repo)
    old = api.list_repo_commits(repo)[0].commit_id
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.super_squash_history(repo)
    api.super_squash_history(repo, commit_message="all of it")
    assert [one.title for one in api.list_repo_commits(repo)] == ["all of it"]
    assert api.list_repo_files(repo) == api.list_repo_files(repo, revision=old)
