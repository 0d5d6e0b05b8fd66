"""What the node answers about itself, about what it does not serve, and to callers it does not know."""

from __future__ import annotations

import pytest
from tests.web.hub.conftest import People


def test_health_and_metrics(people: People, repo: str) -> None:
    """The node is alive and ready, and counts its requests, journal and repositories without naming anything."""
    assert people.raw("")("GET", "/healthz").status == 200
    assert people.raw("")("GET", "/readyz").json() == {"status": "ready"}
    reply = people.raw("")("GET", "/metrics")
    lines = reply.body.decode().splitlines()
    assert reply.headers["content-type"].startswith("text/plain")
    assert any(line.startswith('hanse_requests_total{method="GET",route="/healthz",status="200"}') for line in lines)
    for name in ("hanse_journal_size", "hanse_journal_pending", "hanse_repositories{", "hanse_request_seconds_count"):
        assert any(line.startswith(name) for line in lines), name
    assert repo.partition("/")[2] not in reply.body.decode()


@pytest.mark.parametrize("kind", ["spaces", "buckets", "kernels"])
def test_what_is_not_served_is_said_clearly(people: People, kind: str) -> None:
    """Spaces, buckets and kernels are a 404 that says so, for the API and for files."""
    for path in (f"/api/{kind}/admin/x", f"/api/{kind}", f"/{kind}/admin", f"/{kind}/admin/x/resolve/main/app.py"):
        reply = people.raw()("GET", path)
        assert (reply.status, reply.json()["error"]) == (404, "spaces, buckets and kernels are not served by this node")


def test_an_unknown_token_reads_what_is_public(people: People, repo: str) -> None:
    """A token of elsewhere counts as none where anybody may read, with a warning; private repositories stay away."""
    stranger = people.raw("hf_someothernodestoken")
    reply = stranger("GET", f"/api/models/{repo}")
    assert reply.status == 200
    assert reply.headers["x-hf-warning"].startswith("token; the token sent is not known here")
    assert "x-hf-warning" not in people.raw("")("GET", f"/api/models/{repo}").headers
    people.api().update_repo_settings(repo, visibility="private")
    assert stranger("GET", f"/api/models/{repo}").status == 401
