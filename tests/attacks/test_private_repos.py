"""Other people's private and gated repositories, by every route of the node: no content, and no hint that they exist."""

from __future__ import annotations

import re

import pytest
from tests.attacks.requests import address, fill, requests_for, routes
from tests.attacks.scene import ABSENT, GATED, MARK, SECRET, Scene
from tests.support.rawhttp import RawClient, Reply

_REPO_ROUTES = sorted({route.pattern for route in routes() if "{repo}" in route.pattern})
_BODY_ROUTES = [route for route in routes() if "{repo}" not in route.pattern and route.pattern.startswith("/api/repos/")]
_VOLATILE = {"x-request-id", "date"}
_STRANGERS = ("bob", "bob reading", "")


def _shape(reply: Reply, *names: str) -> tuple[int, dict[str, str], str]:
    """Return an answer without what differs from one to the next: request ids, dates, and the name that was asked for."""
    text = reply.body.decode("utf-8", "replace")
    headers = {name: value for name, value in reply.headers.items() if name not in _VOLATILE}
    for name in names:
        text = re.sub(re.escape(name), "NAME", text, flags=re.IGNORECASE)
        headers = {key: re.sub(re.escape(name), "NAME", value, flags=re.IGNORECASE) for key, value in headers.items()}
    return reply.status, headers, text


def _names(repo: str) -> tuple[str, ...]:
    return repo, repo.replace("/", "%2F"), repo.partition("/")[2]


@pytest.mark.parametrize("who", _STRANGERS, ids=["bob", "bob-reading", "anonymous"])
@pytest.mark.parametrize("pattern", _REPO_ROUTES)
def test_a_private_repository_looks_like_none(scene: Scene, pattern: str, who: str) -> None:
    """Whatever a stranger asks about a private repository is answered exactly as for a name that does not exist."""
    for route in (route for route in routes() if route.pattern == pattern):
        with scene.client(who) as client:
            asked = requests_for(route, fill(scene, SECRET), SECRET)
            compared = requests_for(route, fill(scene, ABSENT), ABSENT)
            for one, other in zip(asked, compared, strict=True):
                reply, nothing = one.send(client), other.send(client)
                assert _shape(reply, *_names(SECRET)) == _shape(nothing, *_names(ABSENT)), (one, who)
                assert reply.status >= 400, (one, who)


@pytest.mark.parametrize("who", _STRANGERS, ids=["bob", "bob-reading", "anonymous"])
@pytest.mark.parametrize("route", _BODY_ROUTES, ids=lambda route: str(route.pattern))
def test_a_private_repository_named_in_a_body_looks_like_none(scene: Scene, route: object, who: str) -> None:
    """Creating, deleting and moving tell a stranger nothing about a private repository either."""
    found = next(one for one in routes() if one is route or (one.pattern, one.method) == (route.pattern, route.method))  # type: ignore[attr-defined]
    with scene.client(who) as client:
        asked = requests_for(found, fill(scene), SECRET)
        compared = requests_for(found, fill(scene), ABSENT)
        for one, other in zip(asked, compared, strict=True):
            reply, nothing = one.send(client), other.send(client)
            assert _shape(reply, *_names(SECRET)) == _shape(nothing, *_names(ABSENT)), (one, who)
            assert reply.status >= 400, (one, who)


@pytest.mark.parametrize("suffix", ["/resolve/{rev}/README.md", "/raw/{rev}/README.md", "/tree/{rev}", ""])
def test_commit_ids_open_nothing(scene: Scene, suffix: str) -> None:
    """Who learned a private commit id gets no further with it than with one that does not exist."""
    for who in _STRANGERS:
        with scene.client(who) as client:
            for prefix in (f"/{SECRET}", f"/api/models/{SECRET}", "/alice/public", "/api/models/alice/public"):
                reply = client("GET", prefix + suffix.format(rev=scene.commit))
                nothing = client("GET", prefix + suffix.format(rev="12" * 20))
                assert (reply.status, MARK in reply.body) == (nothing.status, False)


def _leaks(scene: Scene, reply: Reply) -> list[str]:
    text = reply.body.decode("utf-8", "replace") + str(reply.headers)
    marks = ["secret", "hidden-tag", MARK.decode(), scene.xet.sha256, scene.xet.file, scene.xet.xorb, scene.commit]
    return [mark for mark in marks if mark in text]


@pytest.mark.parametrize("who", _STRANGERS, ids=["bob", "bob-reading", "anonymous"])
def test_listings_and_overviews_leave_private_repositories_out(scene: Scene, who: str) -> None:
    """No list, search, count, tag or page shows a stranger a private repository."""
    queries = ("", "?search=secret", "?author=alice", "?full=true&limit=1000", "?filter=hidden-tag", "?sort=createdAt&full=true")
    plain = [route.pattern for route in routes() if route.method == "GET" and "{repo}" not in route.pattern]
    with scene.client(who) as client:
        for pattern in plain:
            for query in queries:
                reply = client("GET", address(pattern, fill(scene, name="alice")) + query)
                found = [mark for mark in _leaks(scene, reply) if mark not in query]
                assert not found, (pattern, query, reply)
        overview = client("GET", "/api/users/alice/overview")
        assert overview.json()["numModels"] == 2, overview


@pytest.mark.parametrize("pattern", _REPO_ROUTES)
def test_gated_bytes_stay_inside(scene: Scene, pattern: str) -> None:
    """A gated repository shows that it is there; no route gives its bytes, or a token for them, to who was not let in."""
    for route in (route for route in routes() if route.pattern == pattern):
        for who in _STRANGERS:
            for path in ("notes.txt", "g.bin"):
                with scene.client(who) as client:
                    for one in requests_for(route, fill(scene, GATED, **{"path*": path}), GATED):
                        _assert_no_gated_bytes(one.send(client), f"{one} {who}")


def _assert_no_gated_bytes(reply: Reply, what: str) -> None:
    assert MARK not in reply.body, what
    assert "x-xet-access-token" not in reply.headers, what
    assert b"accessToken" not in reply.body, what
    assert b'"href"' not in reply.body, what


def test_withdrawn_rights_end_sessions(scene: Scene) -> None:
    """Xet tokens and addresses handed out before a repository became private end with the right to see it."""
    with scene.client("alice") as alice:
        made = {"name": "fickle", "organization": "alice", "type": "model", "visibility": "public"}
        assert alice.json("POST", "/api/repos/create", made).status == 200
        data = MARK + b" once public"
        digest = scene.upload_lfs("alice", "alice/fickle", data * 1000)
        assert (
            scene.do_commit(
                "alice", "alice/fickle", {"key": "lfsFile", "value": {"path": "f.bin", "algo": "sha256", "oid": digest}}
            ).status
            == 200
        )
        reading = scene.session("bob", "alice/fickle", "read")
        with scene.client("bob") as bob:
            head = bob("HEAD", "/alice/fickle/resolve/main/f.bin")
        plan = f"{reading.cas}/v1/reconstructions/{head.headers['x-xet-hash']}"
        with RawClient(scene.node.port, reading.token) as holder:
            assert holder("GET", plan).status == 200
            assert alice.json("PUT", "/api/models/alice/fickle/settings", {"visibility": "private"}).status == 200
            assert holder("GET", plan).status in (401, 403, 404)


def test_the_owner_gets_through(scene: Scene) -> None:
    """The same requests work for the owner, so that the refusals above mean something."""
    good = 0
    reading = [route for route in routes() if route.method == "GET" and "{repo}" in route.pattern]
    with scene.client("alice") as client:
        for route in reading:
            kind = "datasets" if "datasets" in route.pattern else "models"
            values = fill(scene, SECRET, kind=kind, rev=scene.commit if "{rev}" in route.pattern else "main")
            good += client("GET", address(route.pattern, values)).status == 200
        assert MARK in client("GET", f"/{SECRET}/resolve/main/README.md").body
    assert good > len(reading) // 2
