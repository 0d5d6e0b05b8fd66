"""The node's own absolute address, as the client at hand sees it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from hanse.settings import Settings


def _trusted(host: str | None, settings: Settings) -> bool:
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    return any(address in network for network in settings.trusted_proxy)


def client_address(request: Request, settings: Settings) -> str:
    """Return the caller's network address; the last X-Forwarded-For entry counts behind a trusted proxy only."""
    host = request.client.host if request.client else ""
    if _trusted(host, settings):
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return forwarded[:64] or host
    return host


def public_base(request: Request, settings: Settings) -> str:
    """Return `scheme://host[:port]` without trailing slash.

    Order: the `public_url` setting; X-Forwarded-Proto and -Host of a trusted proxy; the Host header with the connection's
    own scheme; the listening address.
    """
    if settings.public_url:
        return settings.public_url.rstrip("/")
    headers = request.headers
    scheme = str(request.scope.get("scheme", "http"))
    host = headers.get("host", "")
    if _trusted(request.client.host if request.client else None, settings):
        scheme = headers.get("x-forwarded-proto", scheme).partition(",")[0].strip()
        host = headers.get("x-forwarded-host", host).partition(",")[0].strip()
    if scheme not in ("http", "https") or not _plain_host(host):
        server = request.scope.get("server") or (settings.host, settings.port)
        return f"http://{server[0]}:{server[1]}"
    return f"{scheme}://{host}"


def _plain_host(host: str) -> bool:
    """Tell whether a Host header is a host with or without port, safe to be repeated in addresses."""
    if not 0 < len(host) <= 255 or not host.isascii() or not all(char.isalnum() or char in ".-:[]_" for char in host):
        return False
    try:
        parts = urlsplit(f"//{host}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # unbalanced brackets, no such port
        return False
