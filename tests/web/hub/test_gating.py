"""Access requests with the newest Hub client."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, GatedRepoError, HfHubHTTPError
from tests.web.hub.conftest import People


def test_requests_from_asking_to_reading(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Asked for, listed, accepted, cancelled, rejected: each shows in the lists and decides about the bytes."""
    api.upload_file(path_or_fileobj=b"text", path_in_repo="a.txt", repo_id=repo)
    api.update_repo_settings(repo, gated="manual")
    url = f"{people.node.url}/{repo}/resolve/main/a.txt"
    with pytest.raises(GatedRepoError):
        bob.get_hf_file_metadata(url=url)
    asked = people.raw(people.bob).json("POST", f"/{repo}/ask-access", {"affiliation": "here"})
    assert asked.json()["status"] == "pending"
    found = next(iter(api.list_pending_access_requests(repo)))
    assert (found.username, found.status, found.email) == ("bob", "pending", "bob@example.org")
    assert found.fields == {"affiliation": "here"}
    api.accept_access_request(repo, "bob")
    bob.get_hf_file_metadata(url=url)
    assert [one.username for one in api.list_accepted_access_requests(repo)] == ["bob"]
    api.cancel_access_request(repo, "bob")
    with pytest.raises(GatedRepoError):
        bob.get_hf_file_metadata(url=url)
    api.reject_access_request(repo, request_id=found.request_id, rejection_reason="no")
    assert [one.username for one in api.list_rejected_access_requests(repo)] == ["bob"]
    form = people.raw(people.bob)("POST", f"/{repo}/ask-access", b"a=b", {"content-type": "application/x-www-form-urlencoded"})
    assert form.json()["status"] == "rejected"


def test_grants_and_errors(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Grants need a gate and a user; handling is for those who may write; addresses hide from other writers."""
    with pytest.raises(BadRequestError, match="is not gated"):
        api.grant_access(repo, "bob")
    api.update_repo_settings(repo, gated="manual")
    with pytest.raises(HfHubHTTPError, match="404"):
        api.grant_access(repo, "nobody")
    api.grant_access(repo, "bob")
    bob.auth_check(repo)
    with pytest.raises(BadRequestError, match="already has access"):
        api.grant_access(repo, "bob")
    with pytest.raises(HfHubHTTPError, match="403"):
        list(bob.list_accepted_access_requests(repo))
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.grant_access(repo, "bob")
    raw, base = people.raw(), f"/api/models/{repo}/user-access-request"
    for body in ({}, {"user": "bob"}, {"user": "a", "requestId": "b", "status": "accepted"}, {"user": "bob", "status": "x"}):
        assert raw.json("POST", f"{base}/handle", body).status == 400
    assert raw("GET", f"{base}/everything").status == 400
    assert people.raw("").json("POST", f"/{repo}/ask-access", {}).status == 401


def test_organisation_writers_see_no_addresses(people: People, api: HfApi, bob: HfApi) -> None:
    """A writer of an organisation who does not administer it lists requests without e-mail addresses."""
    api.create_repo("uni/gated", exist_ok=True)
    api.update_repo_settings("uni/gated", gated="auto")
    assert people.raw(people.carol).json("POST", "/uni/gated/ask-access", {}).json()["status"] == "accepted"
    assert [one.email for one in bob.list_accepted_access_requests("uni/gated")] == [None]
