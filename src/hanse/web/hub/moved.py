"""Former names of repositories: reads of an old name are sent to the new one, with the same rest of the address.

The redirect is relative and on the same origin: clients then keep their token and read all headers from the second answer
(hub-api.md rule 6). Other methods are served under the old name directly, as clients do not repeat bodies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.web.routing import Call, Handler

RepoHandler = Callable[[Call, Repo], Awaitable[Response]]


def with_repo(handler: RepoHandler) -> Handler:
    """Return a route handler that gives `handler` the repository named by the route, or redirects to its new name."""

    async def wrapped(call: Call) -> Response:
        repo = await call.repo()
        if call.request.method in ("GET", "HEAD") and call.params["repo"].lower() != repo.repo.folded:
            target = _target(call, repo)
            if target is not None:
                return Response(status_code=307, headers={"Location": target, "Cache-Control": "no-cache"})
        return await handler(call, repo)

    wrapped.__doc__ = handler.__doc__  # docs/routes.md is made from it
    return wrapped


def _target(call: Call, repo: Repo) -> str | None:
    """Return path and query of the same request under the repository's name, or None if the name stands nowhere in it."""
    raw: bytes = call.request.scope.get("raw_path") or call.request.scope["path"].encode()
    segments = raw.split(b"?")[0].strip(b"/").split(b"/")
    if segments[:1] == [b"o"]:
        segments = segments[2:]
    wanted = call.params["repo"].encode().split(b"/")
    decoded = [unquote_to_bytes(one) for one in segments]
    for at in range(len(segments) - 1):
        if decoded[at : at + 2] == wanted:
            segments[at : at + 2] = repo.repo.path.encode().split(b"/")
            query = call.request.scope.get("query_string", b"")
            path = f"{urlsplit(call.base).path}/{b'/'.join(segments).decode('latin-1')}"
            return f"{path}?{query.decode('latin-1')}" if query else path
    return None
