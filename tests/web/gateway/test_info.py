"""What a gateway says of repositories."""

from __future__ import annotations

import pytest
from tests.support.gateways import REV, Edge

from hanse.errors import PeerDown
from hanse.model.pulled import aged

INFO = "/api/models/org/m"


def test_info(gateway: Edge) -> None:
    """Name, commit and files are there, and what only Hanse says."""
    gateway.source.changes = {
        "claims": {"pipeline_tag": "fill-mask", "tags": ["x"], "evil": 1, "lastModified": "2026-01-02T03:04:05.000Z"}
    }
    found = gateway.get(f"{INFO}?blobs=true").json()
    assert (found["id"], found["modelId"], found["sha"], found["pipeline_tag"]) == ("org/m", "org/m", REV, "fill-mask")
    assert found["lastModified"] == found["createdAt"] == "2026-01-02T03:04:05.000Z"
    assert "evil" not in found
    files = {one["rfilename"]: one for one in found["siblings"]}
    assert files["model.safetensors"]["lfs"]["size"] == 3_000_000
    assert "lfs" not in files["config.json"]
    assert found["hanse"] == {"origin": "hub.example", "rung": "local", "tree": "ab" * 32}


def test_by_revision_and_expanded(gateway: Edge) -> None:
    """A commit id is a revision, and `expand` picks fields."""
    found = gateway.get(f"{INFO}/revision/{REV}?expand=sha&expand[]=siblings").json()
    assert set(found) == {"_id", "id", "sha", "siblings"}
    assert gateway.get(f"{INFO}/revision/main?securityStatus=true").json()["securityRepoStatus"]["scansDone"] is False


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/org/x", "RepoNotFound"),
        ("/api/datasets/org/m", "RepoNotFound"),
        (f"{INFO}/revision/dev", "RevisionNotFound"),
    ],
)
def test_missing(gateway: Edge, path: str, code: str) -> None:
    """What is not there is 404 with the code that clients look for."""
    reply = gateway.get(path)
    assert (reply.status, reply.headers["x-error-code"]) == (404, code)


def test_an_old_answer_says_how_old(gateway: Edge) -> None:
    """What could not be asked for again is answered all the same, marked once with the time it was last known to be current."""
    gateway.source.changes = {"as_of": 1_700_000_000, "notices": (aged("2023-11-14T22:13:20Z"),)}
    reply = gateway.get(INFO)
    assert reply.headers["x-hf-warning"].count("as of 2023-11-14T22:13:20Z") == 1
    assert reply.json()["hanse"]["asOf"] == "2023-11-14T22:13:20Z"
    assert "as of" in gateway.ask("HEAD", "/org/m/resolve/main/config.json").headers["x-hf-warning"]
    gateway.source.changes = {"notices": ("main was rewritten\non T",)}
    assert gateway.get(INFO).headers["x-hf-warning"] == "hanse; main was rewritten on T"


def test_a_warning_breaks_no_answer(gateway: Edge) -> None:
    """What others say reaches a header only as printable characters: no member's words keep a reader from an answer."""
    gateway.source.changes = {"notices": ("c.example says malicious: \x00 \x1b[31m \x7f \x85 \u202e\u4e00",)}
    said = gateway.get(INFO).headers["x-hf-warning"]
    assert said.startswith("hanse; c.example says malicious:")
    assert said.isprintable()


def test_nobody_answers(gateway: Edge) -> None:
    """Sources that cannot be reached are no refusal and no missing repository."""
    gateway.source.refuse = PeerDown("hub.example cannot be reached")
    reply = gateway.get(INFO)
    assert (reply.status, reply.headers["x-error-code"]) == (502, "PeerDown")
    assert gateway.session.summary().refused == ()


def test_refs_and_commits(gateway: Edge) -> None:
    """Branches have the three lists that clients index; the history is the one commit."""
    assert gateway.get(f"{INFO}/refs").json() == {
        "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": REV}],
        "converts": [],
        "tags": [],
    }
    assert gateway.get(f"{INFO}/refs?include_prs=1").json()["pullRequests"] == []
    assert [one["id"] for one in gateway.get(f"{INFO}/commits/main").json()] == [REV]
    assert gateway.get(f"{INFO}/auth-check").status == 200


def test_whoami(gateway: Edge) -> None:
    """Without a home nobody is known; the answer is the one that clients take for that."""
    assert gateway.get("/api/whoami-v2").status == 401
    assert gateway.get("/api/whoami-v2", authorization="Bearer hf_x").status == 401


def test_git_is_told_what_does_the_same(gateway: Edge) -> None:
    """Git prints a text in plain words, here too: the endpoint is set already where a gateway runs."""
    for path, command in (("org/m.git", "hf download org/m"), ("datasets/org/m", "hf download org/m --repo-type dataset")):
        reply = gateway.get(f"/{path}/info/refs?service=git-upload-pack")
        assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (400, "text/plain")
        assert reply.body.decode() == f"git cannot read or write repositories here; instead\nrun: {command}\n"
    assert gateway.source.tokens == []
