"""The ASGI application: finds the route, authenticates, renders errors, counts and logs."""

from __future__ import annotations

import time
import uuid

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hanse.db import repos
from hanse.errors import BadFormat, HanseError, NotFoundError, RepoNotFound, RevisionNotFound, StorageError
from hanse.flows.accounts import authenticate
from hanse.flows.node import Node
from hanse.model.repo import Origin, parse_origin
from hanse.settings import Settings
from hanse.web import metrics
from hanse.web.address import client_address, public_base
from hanse.web.authorization import token_in
from hanse.web.blob_response import ACCEL
from hanse.web.errors import error_response, header_text
from hanse.web.ratelimit import RateLimiter
from hanse.web.routing import CALLER, Call, Route, Table, split_raw_path
from hanse.web.table import all_routes
from hanse.web.through import PullThrough, short_name, warn_of_age

log = structlog.get_logger("hanse.web")
UNKNOWN_TOKEN = "token; the token sent is not known here and was ignored; log in with a token of this node"  # noqa: S105


class HanseApp:
    """The node's ASGI application."""

    def __init__(self, node: Node, settings: Settings, through: PullThrough | None = None) -> None:
        self.node = node
        self.through = through
        self.settings = settings
        self.table = Table(all_routes(), node.aliases)
        self.limiter = RateLimiter()
        self.accel = (settings.x_accel_prefix, settings.data / "objects") if settings.offload == "x-accel" else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        scope[ACCEL] = self.accel
        scope[CALLER] = client_address(request, self.settings)
        request_id = header_text(request.headers.get("x-amzn-trace-id", "")[:128]) or uuid.uuid4().hex
        started = time.perf_counter()
        response, pattern = await self._respond(request)
        response.headers["X-Request-Id"] = request_id
        try:
            await response(scope, receive, send)
        finally:
            self._record(request, response.status_code, pattern, time.perf_counter() - started, request_id)

    async def _respond(self, request: Request) -> tuple[Response, str]:
        actor_known = False
        pattern = "-"
        try:
            found = self._route(request)
            if isinstance(found, Response):
                return found, pattern
            route, call = found
            pattern = route.pattern
            if route.auth:
                await self._authenticate(call, basic=route.basic)
                if self.settings.require_auth_for_reads:
                    call.require_account()
            actor_known = not call.actor.anonymous
            self.limiter.check(call, route)
            await self._named(call)
            response = await self._handle(route, call)
        except HanseError as error:
            if isinstance(error, StorageError):
                log.exception("storage", path=pattern)
            return error_response(error, anonymous=not actor_known), pattern
        except ClientDisconnect:
            return Response(status_code=499), pattern
        except Exception:
            log.exception("unexpected", path=pattern)
            return JSONResponse({"error": "internal error: the log of this node has the details"}, status_code=500), pattern
        for warning in call.warnings:
            response.headers.append("X-HF-Warning", header_text(warning))
        return response, pattern

    def _route(self, request: Request) -> tuple[Route, Call] | Response:
        raw = request.scope.get("raw_path") or request.scope["path"].encode("utf-8")
        segments = split_raw_path(raw)
        origin, base = self.node.origin, public_base(request, self.settings)
        if segments[0] == "o" and len(segments) >= 2:
            origin = parse_origin(segments[1])
            base = f"{base}/o/{origin}"
            segments = segments[2:] or [""]
        if b"%00" in request.scope.get("query_string", b""):
            raise BadFormat("the query holds a NUL character")
        found = self.table.find(request.method, segments)
        short = "" if self.through is None else short_name(request.method, segments, routed=not isinstance(found, set))
        if short:
            found = self.table.find(request.method, segments, short)
        if isinstance(found, set):
            return _unrouted(found, segments)
        route, params = found
        return route, Call(request=request, node=self.node, params=params, base=base, origin=origin)

    async def _handle(self, route: Route, call: Call) -> Response:
        """Answer from what is here, else from the upstream if there is one."""
        try:
            response = await route.handler(call)
        except (RepoNotFound, RevisionNotFound) as error:
            found = None if self.through is None else await self.through.answer(call, error)
            if found is None:
                raise
            return found
        if call.mirror is not None:
            if self.through is not None:
                await self.through.mirrored(call, call.mirror)
            await warn_of_age(call, call.mirror)
        return response

    async def _named(self, call: Call) -> None:
        """Let the request's names be in full, of an origin that this node answers for; raises NotFoundError."""
        if call.origin != self.node.origin:
            await call.run(self._require_origin, call.origin)
        if self.through is not None and "/" not in call.params.get("repo", "/"):
            await self.through.name_in_full(call)

    def _require_origin(self, origin: Origin) -> None:
        if self.through is not None and origin == self.through.through.origin:
            return
        with self.node.db.read() as conn:
            mirrored = repos.has_mirrors_of(conn, origin)
        if not mirrored:
            raise NotFoundError(f"this node answers for origin {self.node.origin!r}, not for {origin!r}")

    async def _authenticate(self, call: Call, *, basic: bool) -> None:
        token = token_in(call.request.headers.get("authorization", ""), basic=basic)
        if token is not None:
            await call.run(self._enter, call, token)

    def _enter(self, call: Call, token: str) -> None:
        actor = authenticate(self.node.db, self.node.clock, token)
        if actor is None:
            # A foreign token must not break public reads; it is neither stored nor logged.
            call.bad_token = True
            call.warnings.append(UNKNOWN_TOKEN)
        else:
            call.actor = actor
        if "repo" in call.params:
            call.look_up_repo()

    def _record(self, request: Request, status: int, pattern: str, seconds: float, request_id: str) -> None:
        metrics.observe(request.method, pattern, status, seconds)
        log.info(
            "request",
            method=request.method,
            path=(request.scope.get("raw_path") or b"").decode("latin-1")[:2000],  # quoted, so it cannot forge lines
            status=status,
            ms=round(seconds * 1000, 1),
            id=request_id,
            client=request.scope[CALLER],
        )


def _unrouted(allowed: set[str], segments: list[str]) -> Response:
    # Under the CAS prefix a 405 would end an upload where a 404 makes clients fall back (hub-api.md rule 9).
    if not allowed or segments[0] == "cas":
        what = "spaces, buckets and kernels are not served by this node" if _foreign(segments) else "no such address on this node"
        return JSONResponse({"error": what}, status_code=404)
    return JSONResponse({"error": "method not allowed here"}, status_code=405, headers={"Allow": ", ".join(sorted(allowed))})


def _foreign(segments: list[str]) -> bool:
    foreign = ("spaces", "buckets", "kernels")
    return segments[0] in foreign or (segments[0] == "api" and len(segments) > 1 and segments[1] in foreign)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


def build_app(node: Node, settings: Settings, through: PullThrough | None = None) -> ASGIApp:
    """Return the node's ASGI application, zero-copy sending included."""
    from hanse.web.sendfile import with_sendfile  # noqa: PLC0415 uvicorn's internals are needed by the server only

    return with_sendfile(HanseApp(node, settings, through))


__all__ = ["HanseApp", "all_routes", "build_app"]
