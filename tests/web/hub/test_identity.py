"""Who one is and may do, as the newest Hub client asks it."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from tests.web.hub.conftest import People


def test_whoami(people: People, api: HfApi, bob: HfApi) -> None:
    """It names the account, its organisations with roles, and the token."""
    found = bob.whoami()
    assert (found["name"], found["email"]) == ("bob", "bob@example.org")
    assert [(org["name"], org["roleInOrg"]) for org in found["orgs"]] == [("uni", "write")]
    assert found["auth"]["accessToken"]["role"] == "write"
    assert people.api(people.carol).whoami()["auth"]["accessToken"]["role"] == "read"
    assert people.raw("").json("GET", "/api/whoami-v2").status == 401
    foreign = people.raw("hf_someothernodestoken").json("GET", "/api/whoami-v2")
    assert (foreign.status, foreign.headers["x-error-message"]) == (401, "Invalid credentials in Authorization header")


def test_auth_check_answers_what_a_read_would_meet(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Public, private and gated repositories answer by who asks; the writing form asks for write rights."""
    bob.auth_check(repo)
    people.api(False).auth_check(repo)
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.auth_check(repo, write=True)
    api.auth_check(repo, write=True)
    api.update_repo_settings(repo, gated="manual")
    for stranger in (bob, people.api(False)):
        with pytest.raises(GatedRepoError):
            stranger.auth_check(repo)
    api.update_repo_settings(repo, gated=False, visibility="private")
    for stranger in (bob, people.api(False)):
        with pytest.raises(RepositoryNotFoundError):
            stranger.auth_check(repo)


def test_overviews(people: People, api: HfApi, bob: HfApi) -> None:
    """Users and organisations have overviews; members are listed for members."""
    api.create_repo("uni/shown", exist_ok=True)
    assert bob.get_user_overview("bob").orgs[0].name == "uni"
    assert bob.get_organization_overview("uni").num_users == 2
    assert [user.username for user in bob.list_organization_members("uni")] == ["admin", "bob"]
    with pytest.raises(HfHubHTTPError, match="404"):
        list(people.api(people.carol).list_organization_members("uni"))
    with pytest.raises(HfHubHTTPError, match="404"):
        api.get_user_overview("nobody")


def test_no_harness_list(people: People) -> None:
    """What the client asks for at its start and can do without is a 404."""
    assert people.raw().json("GET", "/api/agent-harnesses").status == 404
