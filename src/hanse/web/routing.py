"""Routes over raw path segments, and `Call`: what a handler is given.

Clients quote slashes inside branch names and paths as %2F, so the raw path is split first and each segment decoded by itself
(hub-api.md rule 19). Patterns: literal segments; `{name}` one segment; `{name*}` the rest, joined by `/`; `{kind}` models or
datasets; `{repo}` a repository id: two segments, or one that is a configured alias.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.errors import BadFormat, BadToken, HanseError, NotAuthenticated, TooLarge
from hanse.flows import access
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Origin, RepoType, parse_repo_id, parse_repo_type
from hanse.web.rawpath import split_raw_path

P = ParamSpec("P")
T = TypeVar("T")
CALLER = "hanse.caller"
"""Where the server notes the caller's network address in the ASGI scope."""
MAX_JSON_VALUES = 250_000
"""Bounds what a body is in memory: `[],[],…` takes 22 times its bytes."""


@dataclass
class Call:
    """One request on its way through a handler.

    base: absolute address of this node as the client sees it, including `/o/ORIGIN` when that form was used; origin: the
    origin that plain names mean in this request; params: decoded path parameters.
    """

    request: Request
    node: Node
    params: Mapping[str, str]
    base: str
    origin: Origin
    actor: Actor = ANONYMOUS
    bad_token: bool = False
    warnings: list[str] = field(default_factory=list)
    _found: tuple[str, Repo | HanseError] | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking flow in a worker thread and return its result."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs))

    @property
    def kind(self) -> RepoType:
        """Repository type named by the route (`{kind}`), model if the route has none."""
        return parse_repo_type(self.params.get("kind", "model"))

    @property
    def caller(self) -> str:
        """The caller's network address; behind a trusted proxy the one that this names."""
        return str(self.request.scope.get(CALLER, ""))

    async def repo(self) -> Repo:
        """Return the repository named by the route as far as the caller may see it; raises RepoNotFound."""
        if self._found is None or self._found[0] != self.params["repo"]:
            await self.run(self.look_up_repo)
        assert self._found is not None
        found = self._found[1]
        if isinstance(found, HanseError):
            raise found
        return found

    @property
    def mirror(self) -> Repo | None:
        """The repository named by the route if it was looked up and is a mirror."""
        found = None if self._found is None else self._found[1]
        return found if isinstance(found, Repo) and found.mirrored else None

    def look_up_repo(self) -> None:
        """Look for the repository named by the route, for `repo` to return or raise; blocking.

        The thread that authenticates does this on the way: one change of threads less for nearly every request.
        """
        name = self.params["repo"]
        try:
            self._found = (name, access.find_named(self.node, self.actor, parse_repo_id(self.origin, self.kind, name)))
        except HanseError as error:
            self._found = (name, error)

    def warn(self, text: str) -> None:
        """Let the answer carry a warning, unless `text` is empty."""
        if text:
            self.warnings.append(text)

    def require_account(self) -> Actor:
        """Return the caller if he is authenticated; raises NotAuthenticated or BadToken."""
        if self.bad_token:
            raise BadToken("the token is unknown, expired or revoked", hint="log in again with a token of this node")
        if self.actor.anonymous:
            raise NotAuthenticated("this call needs a token", hint="run `hf auth login` or set HF_TOKEN to a token of this node")
        return self.actor

    async def body(self, limit: int) -> bytes:
        """Return the whole request body; raises TooLarge beyond `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        async for part in self.request.stream():
            size += len(part)
            if size > limit:
                raise TooLarge(f"the request body may have at most {limit} bytes")
            parts.append(part)
        return b"".join(parts)

    async def json(self, limit: int | None = None) -> dict[str, Any]:
        """Return the JSON object in the request body (an empty body is an empty object); raises BadFormat or TooLarge."""
        raw = await self.body(limit or self.node.limits.max_json_bytes)
        if sum(map(raw.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
            raise TooLarge(f"the request body may have at most {MAX_JSON_VALUES} values")
        try:
            value = msgspec.json.decode(raw) if raw.strip() else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadFormat(f"the request body is not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadFormat("the request body must be a JSON object")
        if b"\\u0000" in raw:
            _refuse_nul(value)
        return cast("dict[str, Any]", value)


def _refuse_nul(value: Any) -> None:
    """Raise BadFormat if a text in a JSON value holds a NUL: PostgreSQL stores none, and no name or message needs one."""
    row = [value]
    while row:
        if any(isinstance(one, str) and "\0" in one for one in row):
            raise BadFormat("the request body holds a NUL character")
        nested = [one for one in row if isinstance(one, dict | list)]
        row = [child for one in nested for child in ([*one, *one.values()] if isinstance(one, dict) else one)]


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: HTTP method, pattern, handler; `auth` False where a signature in the address or a CAS token authorises.

    files: it gives out files, thousands for one revision: counted apart from other requests (`hanse.web.ratelimit`);
    basic: a token may come as the password of `Basic`, which browsers send unasked: nowhere but where clients know no other way.
    """

    method: str
    pattern: str
    handler: Handler
    auth: bool = True
    basic: bool = False
    files: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        """The pattern's segments."""
        return tuple(self.pattern.strip("/").split("/"))


class Table:
    """All routes, looked up by method and segments; earlier routes win."""

    def __init__(self, routes: list[Route], aliases: Mapping[str, str]) -> None:
        self.routes = routes
        self._aliases = aliases
        self._by_first: dict[str, list[tuple[Route, tuple[str, ...]]]] = {}
        self._open: list[tuple[Route, tuple[str, ...]]] = []
        for route in routes:
            first = route.segments[0]
            bucket = self._open if first.startswith("{") else self._by_first.setdefault(first, [])
            bucket.append((route, route.segments))

    def find(self, method: str, segments: list[str], short: str = "") -> tuple[Route, dict[str, str]] | set[str]:
        """Return the route with its parameters, or the set of methods that the path would allow (empty: unknown path).

        HEAD is answered by GET routes where no HEAD route exists. short: a segment that is a repository's name without namespace.
        """
        allowed: set[str] = set()
        as_get: tuple[Route, dict[str, str]] | None = None
        for route, params in self._matches(segments, short):
            if route.method == method:
                return route, params
            if method == "HEAD" and route.method == "GET" and as_get is None:
                as_get = (route, params)
            allowed.add(route.method)
        return as_get or allowed

    def _matches(self, segments: list[str], short: str) -> Iterator[tuple[Route, dict[str, str]]]:
        for route, pattern in (*self._by_first.get(segments[0], ()), *self._open):
            params = self._match(pattern, segments, short)
            if params is not None:
                yield route, params

    def _match(self, pattern: tuple[str, ...], segments: list[str], short: str) -> dict[str, str] | None:
        # Web addresses of datasets carry their type as first segment, those of models none.
        params = {"kind": "datasets"} if pattern[0] == "datasets" else {}
        at = 0
        for part in pattern:
            if part.endswith("*}"):
                if at >= len(segments):
                    return None
                params[part[1:-2]] = "/".join(segments[at:])
                return params
            if at >= len(segments):
                return None
            if part == "{repo}":
                used = self._repo(segments, at, params, short)
                if not used:
                    return None
                at += used
                continue
            if part.startswith("{"):
                if not segments[at] or (part == "{kind}" and segments[at] not in ("models", "datasets")):
                    return None
                params[part[1:-1]] = segments[at]
            elif part != segments[at]:
                return None
            at += 1
        return params if at == len(segments) else None

    def _repo(self, segments: list[str], at: int, params: dict[str, str], short: str) -> int:
        alias = self._aliases.get(segments[at].lower()) or (short if short == segments[at] else None)
        if alias:
            params["repo"] = alias
            return 1
        # Reserved names: programs ask below them, and are answered in JSON rather than by a page about a missing repository.
        if at + 1 >= len(segments) or (at == 0 and segments[0] in ("api", "spaces", "buckets", "kernels")):
            return 0
        params["repo"] = f"{segments[at]}/{segments[at + 1]}"
        return 2


__all__ = ["Call", "ClientDisconnect", "Handler", "Route", "Table", "split_raw_path"]
