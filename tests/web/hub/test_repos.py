"""Making, moving, settling, copying and deleting repositories with the newest Hub client."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from tests.web.hub.conftest import People


def test_create_names_the_repository_in_every_answer(people: People, api: HfApi, bob: HfApi) -> None:
    """Creating answers with the address; a second time it is 409 with the same address, which exist_ok needs."""
    url = api.create_repo("fresh", private=True)
    assert (url.repo_id, url.url) == ("admin/fresh", f"{people.node.url}/admin/fresh")
    assert api.create_repo("admin/FRESH", exist_ok=True).repo_id == "admin/fresh"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("admin/fresh")
    assert api.create_repo("admin/fresh", repo_type="dataset").url == f"{people.node.url}/datasets/admin/fresh"
    assert api.repo_info("admin/fresh").private
    with pytest.raises(RepositoryNotFoundError):
        bob.repo_info("admin/fresh")
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.create_repo("admin/other")
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.create_repo("nobody/other")
    assert bob.create_repo("uni/by.bob").repo_id == "uni/by.bob"
    for kind in ("space", "kernel"):
        with pytest.raises(HfHubHTTPError, match="not served by this node"):
            api.create_repo("admin/x", repo_type=kind, space_sdk="static" if kind == "space" else None)


@pytest.mark.parametrize("name", ["a--b", "../etc", "x.git", "a/b/c", "", "..", "x" * 97, "a b", "a%2Fb"])
def test_names_that_are_none(people: People, name: str) -> None:
    """Names outside the clients' rules are refused by every call that makes one."""
    raw = people.raw()
    assert raw.json("POST", "/api/repos/create", {"name": name, "organization": "admin"}).status == 400
    body = {"fromRepo": "admin/x", "toRepo": f"admin/{name}", "type": "model"}
    assert raw.json("POST", "/api/repos/move", body).status == 400


def test_move_leaves_a_redirect(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """After a move the old name leads to the new one, but does not delete it; a taken target is 409."""
    api.upload_file(path_or_fileobj=b"text", path_in_repo="a.txt", repo_id=repo)
    api.create_repo("admin/taken", exist_ok=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.move_repo(repo, "admin/taken")
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.move_repo(repo, "bob/mine")
    api.move_repo(repo, "uni/moved")
    assert api.repo_info(repo).id == "uni/moved"
    assert Path(api.hf_hub_download(repo, "a.txt")).read_bytes() == b"text"
    assert [ref.name for ref in api.list_repo_refs(repo).branches] == ["main"]
    assert len(api.list_repo_commits(repo)) == 2
    api.upload_file(path_or_fileobj=b"more", path_in_repo="b.txt", repo_id=repo)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo)
    api.delete_repo("uni/moved")
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info(repo)


def test_settings(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Visibility and gate change for those who administer the repository, and unknown values are refused."""
    api.update_repo_settings(repo, gated="auto")
    assert api.repo_info(repo).gated == "auto"
    api.update_repo_settings(repo, gated=False, private=True)
    found = api.repo_info(repo)
    assert (found.gated, found.private) == (False, True)
    api.update_repo_settings(repo, visibility="public")
    assert not bob.repo_info(repo).private
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.update_repo_settings(repo, private=True)
    raw = people.raw()
    assert raw.json("PUT", f"/api/models/{repo}/settings", {"copies": True}).json()["copies"] is True
    for body in (
        {"gated": True},
        {"copies": "x"},
        {"gated": "x"},
        {"visibility": "secret"},
        {"private": "yes"},
        {"gated": ["auto"]},
    ):
        assert raw.json("PUT", f"/api/models/{repo}/settings", body).status == 400


def test_duplicate(api: HfApi, bob: HfApi, repo: str) -> None:
    """A copy has the files and a history of its own; a private one is copied privately unless asked otherwise."""
    api.upload_file(path_or_fileobj=bytes(300_000), path_in_repo="m.bin", repo_id=repo)
    url = bob.duplicate_repo(repo, to_id="bob/copy")
    assert url.repo_id == "bob/copy"
    assert not url.files_copy_pending
    assert bob.list_repo_files("bob/copy") == [".gitattributes", "m.bin"]
    assert len(bob.list_repo_commits("bob/copy")) == 1
    with pytest.raises(HfHubHTTPError, match="409"):
        bob.duplicate_repo(repo, to_id="bob/copy")
    assert bob.duplicate_repo(repo, to_id="bob/copy", exist_ok=True).repo_id == "bob/copy"
    api.update_repo_settings(repo, private=True)
    with pytest.raises(RepositoryNotFoundError):
        bob.duplicate_repo(repo, to_id="bob/stolen")
    api.duplicate_repo(repo, to_id="admin/private.copy")
    assert api.repo_info("admin/private.copy").private


def test_delete(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Only those who administer it delete a repository; a missing one is RepoNotFound, which missing_ok needs."""
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.delete_repo(repo)
    api.delete_repo(repo)
    api.delete_repo(repo, missing_ok=True)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo)
    assert people.raw("").json("DELETE", "/api/repos/delete", {"name": "x", "organization": "admin"}).status == 401
