"""Behind a trusted proxy: whose address counts; and what a caller can put into logs and limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import ForkedNode, Mother
from tests.support.rawhttp import RawClient


@pytest.fixture(name="proxied")
def _proxied(mother: Mother, tmp_path: Path) -> Iterator[ForkedNode]:
    """Return a node that trusts 127.0.0.1 as a proxy and takes five requests per caller."""
    environ = {"HANSE_TRUSTED_PROXY": "127.0.0.1/32", "HANSE_RATE_API": "5"}
    node = ForkedNode(mother, tmp_path, environ=environ)
    node.start()
    yield node
    node.stop()


def test_limits_are_per_caller_not_per_proxy(proxied: ForkedNode) -> None:
    """One caller behind the proxy who uses up his requests takes none from another; inventing addresses in front helps nobody."""
    with RawClient(proxied.port) as client:
        for number in range(8):
            reply = client("GET", "/api/models", None, {"x-forwarded-for": f"198.51.100.{number}, 203.0.113.7"})
            assert reply.status == (200 if number < 5 else 429), number
        assert int(reply.headers["retry-after"]) > 0
        assert client("GET", "/api/models", None, {"x-forwarded-for": "203.0.113.8"}).status == 200


def test_a_trusted_proxy_names_the_host(proxied: ForkedNode) -> None:
    """X-Forwarded-Proto and -Host of a trusted proxy are taken, but only as what they have to be."""
    with RawClient(proxied.port) as client:
        headers = {"x-forwarded-proto": "https", "x-forwarded-host": "models.example.org"}
        reply = client("GET", "/api/models?limit=1", None, headers)
        assert reply.status == 200
        for bad in ({"x-forwarded-host": "evil.example/x"}, {"x-forwarded-proto": "javascript"}, {"x-forwarded-host": "["}):
            reply = client("GET", "/api/models/none/none", None, headers | bad)
            assert reply.status in (401, 404)
            assert "evil.example/" not in str(reply)


def test_log_lines_cannot_be_forged(proxied: ForkedNode) -> None:
    """Line breaks and control characters in an address or header do not start a line in the log."""
    with RawClient(proxied.port) as client:
        client("GET", "/api/models/x%0a2026-01-01T00:00:00Z%20[error]%20FORGED%1b[31m", None, {"x-amzn-trace-id": b"a\tFORGED"})
        client("GET", "/nothing%0d%0aFORGED", None, {"user-agent": "x"})
    lines = proxied.log().splitlines()
    assert any("FORGED" in line for line in lines)
    assert not any(line.lstrip().startswith(("FORGED", "2026-01-01")) for line in lines)
    assert "\x1b[31m" not in proxied.log()
