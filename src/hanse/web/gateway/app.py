"""The ASGI application of a gateway: guards, finds the handler, renders refusals, keeps the session's count."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hanse.errors import GatedRepo, HanseError, NotAllowed, NotFoundError, PeerError
from hanse.flows.gateway.home import Home
from hanse.flows.gateway.session import Session, Summary
from hanse.model.repo import RepoType
from hanse.web.errors import header_text
from hanse.web.gateway import paths
from hanse.web.gateway.body import read_body
from hanse.web.gateway.guard import Guard
from hanse.web.gateway.info import json_response
from hanse.web.gateway.refusals import is_refusal, reason, refusal
from hanse.web.gateway.source import LARGE, Asked, Source
from hanse.web.gateway.unwatched import UNWATCHED, is_unwatched
from hanse.web.rawpath import split_raw_path

THREADS = 400
"""A held GET keeps a thread waiting; the others must not wait for that."""
MAX_TOKEN = 512
MAX_GIVEN = 64 << 20
"""Bytes in which a client says what it returned to its program."""
_log = logging.getLogger(__name__)


def bearer(request: Request) -> str:
    """Return the token of a request, empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= MAX_TOKEN and token.isascii() and token.isprintable() else ""


class GatewayApp:
    """Answers clients of one session.

    cached: tells whether the session's clients may have a copy of a repository; check: looks at what a client says it returned
    from a place of the program's own, with the caller's token, and returns what was altered and is to be asked for anew, None
    where no such client is served; summary: what happened so far; stop: ends the gateway, None where it ends by itself;
    large: as in `Asked`.
    """

    def __init__(
        self,
        source: Source,
        guard: Guard,
        session: Session,
        *,
        home: Home,
        cached: Callable[[RepoType, str], bool],
        check: Callable[[bytes, str], str] | None = None,
        summary: Callable[[], Summary] | None = None,
        stop: Callable[[], None] | None = None,
        large: int = LARGE,
    ) -> None:
        self._source = source
        self._guard = guard
        self._session = session
        self._home = home
        self._cached = cached
        self._check = check
        self._summary = summary or session.summary
        self._stop = stop
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        request = Request(scope, receive)
        found: list[paths.Found] = []
        response = await self._respond(request, found)
        response.headers["X-Request-Id"] = header_text(request.headers.get("x-amzn-trace-id", "")[:128]) or uuid.uuid4().hex
        try:
            await response(scope, receive, send)
        except Exception as error:  # noqa: BLE001 headers are out: ending the connection is the only honest answer
            # Whatever went out was checked; the server closes a connection whose answer is not complete.
            for one in _hanse_errors(error):
                self._note(one, found[0] if found else None)
            if not isinstance(error, ExceptionGroup | HanseError):
                _log.exception("unexpected")

    async def _respond(self, request: Request, found: list[paths.Found]) -> Response:
        try:
            raw = request.scope.get("raw_path") or request.scope["path"].encode("utf-8")
            first, *segments = split_raw_path(raw)
            self._guard.check(request, first)
            if segments[:1] == ["-"]:
                return await self._control(request, segments[1:])
            if segments == ["api", "whoami-v2"]:
                return json_response(await anyio.to_thread.run_sync(self._home.whoami, bearer(request)))
            one = paths.find(request.method, segments) if segments else None
            if one is None:
                return _unrouted(request, segments)
            found.append(one)
            if is_unwatched(request.headers.get("user-agent", "")):
                self._session.fails("a program in Python", UNWATCHED)
            return await one.handler(self._asked(request, one))
        except HanseError as error:
            return self._refuse(error, found[0] if found else None)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:  # noqa: BLE001 logged, and answered as 500
            _log.exception("unexpected")
            return JSONResponse({"error": "internal error of the gateway"}, status_code=500)

    def _asked(self, request: Request, found: paths.Found) -> Asked:
        return Asked(
            request,
            self._source,
            found.kind,
            found.repo,
            self._guard.base,
            found.rev,
            found.path,
            token=self._home.own(bearer(request)),
            seen=self._session.used,
            large=self._large,
        )

    def _refuse(self, error: HanseError, found: paths.Found | None) -> Response:
        if found is None:
            return refusal(error, cached=False)
        self._note(error, found)
        return refusal(error, cached=is_refusal(error) and self._cached(found.kind, found.repo))

    def _note(self, error: HanseError, found: paths.Found | None) -> None:
        recalled = isinstance(error, NotFoundError) and error.code == "Recalled"
        # Clients show a text of their own for what a source does not give to this user: a node's reasons are told here.
        if found is not None and (is_refusal(error) or recalled or isinstance(error, GatedRepo)):
            self._session.refused(found.repo, found.rev, reason(error))
        elif found is not None and isinstance(error, PeerError):  # they ask again and again, and tell their user at the end
            self._session.unanswered(found.repo, reason(error))

    async def _control(self, request: Request, segments: list[str]) -> Response:
        if segments == ["status"] and request.method == "GET":
            return json_response(self._summary().to_json())
        if segments == ["stop"] and request.method == "POST" and self._stop is not None:
            self._stop()
            return json_response({"stopping": True})
        if segments == ["given"] and request.method == "POST" and self._check is not None:
            body, token = await read_body(request, MAX_GIVEN), self._home.own(bearer(request))
            return json_response({"altered": await anyio.to_thread.run_sync(self._check, body, token)})
        raise NotFoundError("no such address on this gateway")


def _hanse_errors(error: BaseException) -> Iterator[HanseError]:
    if isinstance(error, HanseError):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _hanse_errors(one)


def _unrouted(request: Request, segments: list[str]) -> Response:
    """Answer 404 to what a gateway does not know, and 403 with the reason to what would change something."""
    if segments[-2:] == ["info", "refs"]:
        from hanse.web.git import git_response  # noqa: PLC0415 hardly a session sees git

        return git_response(request, segments[:-2])
    if segments[:2] in (["api", "telemetry"], ["api", "agent-harnesses"]) or request.method in ("GET", "HEAD"):
        if segments[:1] == ["api"] and segments[1:] in (["models"], ["datasets"]):
            raise NotFoundError("a gateway does not search", hint="ask the hub itself, without `hanse run`")
        if "spaces" in segments[:2]:
            raise NotFoundError("a gateway gives models and data sets, no Spaces", hint="ask the hub itself, without `hanse run`")
        raise NotFoundError("no such address on this gateway")
    raise NotAllowed(
        f"a gateway only reads, and {request.method} would change something",
        hint="upload without `hanse run`, with HF_ENDPOINT set to your node",
    )
