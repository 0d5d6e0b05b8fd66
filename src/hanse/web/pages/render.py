"""Templates, static files and the headers of pages."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from hanse.clock import rfc3339
from hanse.errors import HanseError, NotFoundError
from hanse.web.blob_response import IMMUTABLE
from hanse.web.errors import status_of
from hanse.web.routing import Call, Handler

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_TYPES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


@lru_cache(maxsize=16)
def static_file(name: str) -> tuple[bytes, str]:
    """Return the bytes of a static file and the start of their digest, which is part of its address."""
    data = (files("hanse.web.pages") / "static" / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:16]


def static_response(name: str, digest: str) -> Response:
    """Return a static file; raises NotFoundError if there is none of that name and digest."""
    if name not in _TYPES or static_file(name)[1] != digest:
        raise NotFoundError("no such file")
    headers = {"Cache-Control": IMMUTABLE, "X-Content-Type-Options": "nosniff"}
    return Response(static_file(name)[0], media_type=_TYPES[name], headers=headers)


def size_text(size: int) -> str:
    """Return a number of bytes for people, in powers of 1,000."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{size} B" if units[0] == "B" else f"{value:.1f} {units[0]}"


def count_text(number: int) -> str:
    """Return a number of parameters for people, such as 7.2 B."""
    for unit, scale in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return str(number)


def time_text(seconds: int) -> str:
    """Return a time for people, to the minute, in UTC."""
    return rfc3339(seconds)[:16].replace("T", " ") + " UTC"


def age_text(seconds: int) -> str:
    """Return how long ago something was, for people, such as `3 minutes ago`; what is yet to come is `just now`."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("hanse.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "size": size_text,
        "count": count_text,
        "time": time_text,
        "age": age_text,
        "rfc3339": rfc3339,
        "path": quote,
    }
    return made


_templates = _environment()


def page(call: Call, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page; every template knows `prefix` (before all addresses), `origin`, `base` and the static addresses."""
    prefix = urlsplit(call.base).path
    shared: Mapping[str, Any] = {
        "prefix": prefix,
        "origin": call.origin,
        "base": call.base,
        "style": f"{prefix}/static/{static_file('style.css')[1]}/style.css",
        "icon": f"{prefix}/static/{static_file('icon.svg')[1]}/icon.svg",
    }
    html = _templates.get_template(template).render({**shared, **values})
    return HTMLResponse(html, status_code=status, headers=HEADERS)


def shown(handler: Callable[[Call], Awaitable[Response]]) -> Handler:
    """Return a handler whose refusals are pages too."""

    async def wrapped(call: Call) -> Response:
        try:
            return await handler(call)
        except HanseError as error:
            status = 404 if isinstance(error, NotFoundError) else status_of(error, anonymous=call.actor.anonymous)
            return page(call, "error.html", status, message=error.message, hint=error.hint)

    wrapped.__doc__ = handler.__doc__  # docs/routes.md is made from it
    return wrapped
