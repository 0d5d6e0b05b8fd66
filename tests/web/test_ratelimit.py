"""Rate limits: files are counted apart, callers are, and windows are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL
from starlette.requests import Request
from tests.support.nodes import ORIGIN, make_node

from hanse.db.engine import Database
from hanse.errors import RateLimited
from hanse.model.limits import Limits
from hanse.web.ratelimit import WINDOW, RateLimiter
from hanse.web.routing import CALLER, Call, Route, Table
from hanse.web.table import all_routes


def _route(path: str) -> Route:
    found = Table(all_routes(), {}).find("HEAD", path.strip("/").split("/"))
    assert isinstance(found, tuple)
    return found[0]


def test_files_are_counted_apart(sqlite_url: URL, tmp_path: Path) -> None:
    """Who asked for as many files as he may can still ask for everything else, and others for files; a new window begins at 0."""
    database, now = Database(sqlite_url), [0.0]
    node, limiter = make_node(database, tmp_path / "data", limits=Limits(rate_api=1, rate_files=4)), RateLimiter(lambda: now[0])

    def ask(path: str, caller: str) -> None:
        call = Call(Request({"type": "http", "headers": [], CALLER: caller}), node, {}, "http://node", ORIGIN)
        limiter.check(call, _route(path))

    files = ("/org/m/resolve/main/a", "/datasets/org/m/raw/main/a", f"/files/{'0' * 64}", f"/files/{'0' * 64}/chunks")
    for path in files:
        ask(path, "10.0.0.1")
    for path in files:
        with pytest.raises(RateLimited, match="more than 4 requests for files") as refused:
            ask(path, "10.0.0.1")
        assert (refused.value.kind, refused.value.retry_after) == ("resolvers", WINDOW)
    ask("/api/models/org/m", "10.0.0.1")
    with pytest.raises(RateLimited, match="more than 1 requests in") as refused:
        ask("/api/models/org/m", "10.0.0.1")
    assert refused.value.kind == "api"
    ask(files[0], "10.0.0.2")
    now[0] = WINDOW
    ask(files[0], "10.0.0.1")
    database.close()
