"""The body of a request to a gateway, never more than is allowed."""

from __future__ import annotations

from starlette.requests import Request

from hanse.errors import TooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request; raises TooLarge above `limit` bytes, as soon as there are more."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(f"the request body may have at most {limit} bytes", hint="ask for less at once")
    return bytes(body)
