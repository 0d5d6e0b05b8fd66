"""Discussions and pull requests with the newest Hub client."""

from __future__ import annotations

import pytest
from huggingface_hub import DiscussionComment, DiscussionCommit, DiscussionStatusChange, DiscussionTitleChange, HfApi
from huggingface_hub.errors import HfHubHTTPError
from tests.web.hub.conftest import People


@pytest.mark.filterwarnings("ignore:Hidden comments:UserWarning")  # what the client tells its user
def test_a_discussion_from_start_to_end(api: HfApi, bob: HfApi, repo: str) -> None:
    """Opening, commenting, renaming, closing, editing and hiding show in the thread as the client reads it."""
    made = bob.create_discussion(repo, "A question", description="**why** <script>alert(1)</script>")
    assert (made.num, made.author, made.status, made.is_pull_request) == (1, "bob", "open", False)
    comment = api.comment_discussion(repo, 1, "because [x](javascript:alert(1))")
    assert "<script" not in made.events[0].rendered  # type: ignore[attr-defined]
    assert "<strong>why</strong>" in made.events[0].rendered  # type: ignore[attr-defined]
    assert 'href="javascript' not in comment.rendered
    assert api.rename_discussion(repo, 1, "An answer").new_title == "An answer"
    assert api.change_discussion_status(repo, 1, "closed", comment="done").new_status == "closed"
    edited = api.edit_discussion_comment(repo, 1, comment.id, "because of that")
    assert (edited.content, edited.edited, edited.number_of_edits) == ("because of that", True, 1)
    assert api.hide_discussion_comment(repo, 1, comment.id).hidden
    found = bob.get_discussion_details(repo, 1)
    kinds = [DiscussionComment, DiscussionComment, DiscussionTitleChange, DiscussionComment, DiscussionStatusChange]
    assert [type(event) for event in found.events] == kinds
    assert (found.title, found.status) == ("An answer", "closed")
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.edit_discussion_comment(repo, 1, found.events[3].id, "not mine")


def test_filters_and_pages(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Lists filter by type, status and author, and go on page after page."""
    for number in range(51):
        api.create_discussion(repo, f"number {number}")
    bob.create_pull_request(repo, "a change")
    assert len(list(api.get_repo_discussions(repo))) == 52
    assert [one.num for one in api.get_repo_discussions(repo, author="bob")] == [52]
    assert [one.status for one in api.get_repo_discussions(repo, discussion_type="pull_request")] == ["draft"]
    assert len(list(api.get_repo_discussions(repo, discussion_type="discussion", discussion_status="open"))) == 51
    assert list(api.get_repo_discussions(repo, discussion_status="closed")) == []
    assert people.raw().json("GET", f"/api/models/{repo}/discussions?p=99999999999999").status == 400


def test_a_pull_request_from_draft_to_merge(api: HfApi, bob: HfApi, repo: str) -> None:
    """A draft takes commits, is opened, shows what it changes, conflicts, and is merged."""
    draft = bob.create_pull_request(repo, "A change", description="please")
    assert (draft.status, draft.target_branch, draft.git_reference) == ("draft", "refs/heads/main", "refs/pr/1")
    bob.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id=repo, revision="refs/pr/1")
    bob.change_discussion_status(repo, 1, "open")
    found = api.get_discussion_details(repo, 1)
    assert found.conflicting_files == []
    assert "b/b.txt" in str(found.diff)
    assert isinstance(found.events[1], DiscussionCommit)
    api.upload_file(path_or_fileobj=b"other", path_in_repo="b.txt", repo_id=repo)
    assert api.get_discussion_details(repo, 1).conflicting_files == ["b.txt"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.merge_pull_request(repo, 1)
    api.delete_file("b.txt", repo)
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.merge_pull_request(repo, 1)
    api.merge_pull_request(repo, 1, comment="thanks")
    merged = api.get_discussion_details(repo, 1)
    assert merged.status == "merged"
    assert merged.merge_commit_oid == api.list_repo_commits(repo)[0].commit_id
    assert [ref.ref for ref in api.list_repo_refs(repo, include_pull_requests=True).pull_requests or []] == ["refs/pr/1"]


def test_strangers_and_oddities(people: People, api: HfApi, bob: HfApi, repo: str) -> None:
    """Read tokens, nobody, private repositories, and numbers and bodies that are none get errors."""
    base = f"/api/models/{repo}/discussions"
    new = {"title": "t", "description": "", "pullRequest": False}
    assert people.raw("").json("POST", base, new).status == 401
    assert people.raw(people.carol).json("POST", base, new).status == 403
    raw = people.raw()
    for num in ("0", "x", "-1", "99999999999999999999", "1%2F..", "%C2%B2"):
        assert raw("GET", f"{base}/{num}").status == 404
    for body in ({}, {"title": 5}, {"title": ""}, {"title": "x" * 1000}, {"title": "t", "description": "x" * 70_000}):
        assert raw.json("POST", base, body).status in (400, 413)
    api.create_discussion(repo, "secret")
    api.update_repo_settings(repo, private=True)
    assert people.raw(people.bob)("GET", base).status == 404
    assert people.raw(people.bob).json("POST", f"{base}/1/comment", {"comment": "x"}).status == 404
