"""Xet tokens from the Hub API."""

from __future__ import annotations

import time

import pytest
from tests.support.live import LiveNode
from tests.support.rawhttp import RawClient
from tests.web.cas.conftest import Cas


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("rev", ["/main", "/None", "/refs%2Fheads%2Fmain", ""])
def test_tokens_come_in_headers_and_json(cas: Cas, kind: str, rev: str) -> None:
    """Downloads read the headers, uploads the JSON; both say the same, and the token lives longer than clients need."""
    reply = cas.hub("GET", f"/api/models/{cas.repo}/xet-{kind}-token{rev}")
    assert reply.status == 200
    found = reply.json()
    assert reply.headers["x-xet-cas-url"] == found["casUrl"]
    assert reply.headers["x-xet-access-token"] == found["accessToken"]
    assert reply.headers["x-xet-token-expiration"] == str(found["exp"])
    assert found["exp"] > time.time() + 60
    assert found["casUrl"].startswith(f"{cas.node.url}/cas/")


def test_branches_with_slashes_may_not_exist_yet_for_writers_only(cas: Cas) -> None:
    """A writer's branch may be about to be made; a reader's revision has to be there."""
    assert cas.hub("GET", f"/api/models/{cas.repo}/xet-write-token/a/b").status == 200
    assert cas.hub("GET", f"/api/models/{cas.repo}/xet-write-token/a%2Fb?create_pr=1").status == 200
    missing = cas.hub("GET", f"/api/models/{cas.repo}/xet-read-token/a%2Fb")
    assert (missing.status, missing.headers["x-error-code"]) == (404, "RevisionNotFound")


def test_strangers_get_no_token_to_write_with(cas: Cas) -> None:
    """An anonymous caller may read what is public and upload nothing."""
    with RawClient(cas.node.port) as nobody:
        assert nobody("GET", f"/api/models/{cas.repo}/xet-read-token/main").status == 200
        assert nobody("GET", f"/api/models/{cas.repo}/xet-write-token/main").status == 401
        assert nobody("GET", "/api/models/admin/absent/xet-read-token/main").headers["x-error-code"] == "RepoNotFound"


def test_a_client_in_a_hot_loop_is_slowed_down(live: LiveNode) -> None:
    """Beyond the bound the answer is 429 with the time to wait, whatever else would be said."""
    with RawClient(live.port, "hf_unknown_token_of_nobody") as client:
        replies = [client("GET", "/api/models/admin/absent/xet-write-token/main") for _ in range(400)]
    statuses = {reply.status for reply in replies}
    assert statuses == {401, 429}
    assert int(next(reply for reply in replies if reply.status == 429).headers["retry-after"]) >= 1
