"""Who may talk to a gateway."""

from __future__ import annotations

import json

import pytest
from tests.support.gateways import Edge
from tests.support.rawhttp import RawClient

INFO = "/api/models/org/m"


def test_the_secret_opens(gateway: Edge) -> None:
    """Whoever knows the address is answered."""
    assert gateway.get(INFO).json()["id"] == "org/m"


@pytest.mark.parametrize("first", ["", "x", "%FF", "é".encode().hex(), "a" * 32])
def test_without_the_secret_nothing_is_said(gateway: Edge, first: str) -> None:
    """Another user of the machine, who knows the port only, gets neither bytes nor names."""
    with RawClient(gateway.port) as client:
        for path in (INFO, "/org/m/resolve/main/config.json", "/api/whoami-v2", "/-/status", ""):
            reply = client("GET", f"/{first}{path}")
            assert reply.status in (400, 403)
            assert b"hub.example" not in reply.body
            assert gateway.secret.encode() not in reply.body
    assert gateway.source.tokens == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.evil.example"]
)
def test_a_rebound_name_is_refused(gateway: Edge, host: str) -> None:
    """A page whose name was made to point at loopback is refused by its Host, even with the secret."""
    reply = gateway.get(INFO, host=host.replace("{port}", str(gateway.port)))
    assert reply.status == 403
    assert "another host" in reply.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}],
)
def test_web_pages_are_refused(gateway: Edge, headers: dict[str, str]) -> None:
    """A request that a browser marks as a page's is refused, even with the secret."""
    assert gateway.get(INFO, **headers).status == 403


def test_localhost_is_the_same(gateway: Edge) -> None:
    """Both names of loopback are the gateway's own."""
    assert gateway.get(INFO, host=f"LocalHost:{gateway.port}").status == 200


def test_two_hosts_are_refused(gateway: Edge) -> None:
    """A request that names two hosts is refused by the server or by the guard."""
    with RawClient(gateway.port) as client:
        line = f"127.0.0.1:{gateway.port}\r\nhost: evil.example"
        assert client("GET", f"/{gateway.secret}{INFO}", headers={"host": line}).status in (400, 403)


def test_nothing_can_be_changed(gateway: Edge) -> None:
    """Uploads, commits and new repositories are refused with the way to do it."""
    for method, path in (("POST", "/api/repos/create"), ("POST", f"{INFO}/commit/main"), ("DELETE", "/api/repos/delete")):
        reply = gateway.ask(method, path, json.dumps({"name": "m"}).encode())
        assert reply.status == 403
        assert "only reads" in reply.headers["x-error-message"]


def test_what_is_not_there(gateway: Edge) -> None:
    """Lists of programs, telemetry, content stores, searches and unknown addresses are 404 with a JSON object."""
    paths = (
        "/api/agent-harnesses",
        "/api/telemetry/x",
        "/api/models",
        "/cas/v1/reconstructions/ab",
        "/api/models/org/m/xet-read-token/main",
    )
    for path in (*paths, "/org/m", "/-/x", "/v1/telemetry"):
        reply = gateway.get(path)
        assert reply.status == 404
        assert reply.json()["error"]
    assert gateway.ask("POST", "/api/telemetry/x", b"{}").status == 404
    for path in ("/api/spaces/org/m", "/spaces/org/m/resolve/main/app.py"):
        reply = gateway.get(path)
        assert reply.status == 404
        assert "no Spaces" in reply.json()["error"]


def test_the_session_is_asked_and_ended(gateway: Edge) -> None:
    """The session's own addresses tell what happened and end it."""
    gateway.get(INFO)
    assert gateway.get("/-/status").json()["used"][0]["repo"] == "org/m"
    assert not gateway.stopped.is_set()
    assert gateway.ask("POST", "/-/stop", b"").json() == {"stopping": True}
    assert gateway.stopped.is_set()
