"""The application of a member's endpoint: one model, answers in the OpenAI form, attestations to whoever sends a challenge."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hanse.errors import BadFormat, BadToken, EngineFailed, HanseError, NotFoundError, TooLarge
from hanse.evals.endpoint import CHALLENGE_HEADER, KEY_HEADER, SIGNATURE_HEADER
from hanse.flows.evaluate.serving import CHAT, COMPLETION, MAX_REQUEST_BYTES, ServedModel, refusal
from hanse.web.errors import status_of

_MAX_PATH = 400
_PREFIX = "/v1/"
_JSON = "application/json"
_log = logging.getLogger(__name__)


class EndpointApp:
    """The ASGI application of an endpoint. key: what callers must show, "" if anybody may; ended: called when the engine is."""

    def __init__(self, model: ServedModel, key: str, ended: Callable[[], None]) -> None:
        self._model = model
        self._key = key
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        _log.info("%s %s %d", scope["method"], scope["path"][:_MAX_PATH], response.status_code)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except HanseError as error:
            if isinstance(error, EngineFailed):
                _log.error("%s", error.message)
                self._ended()
            status = status_of(error, anonymous=False)
            headers = {"Retry-After": "5"} if status == 503 else {}
            return Response(refusal(error), status, headers, _JSON)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:  # noqa: BLE001 logged, and answered as 500
            _log.exception("unexpected")
            return JSONResponse({"error": {"message": "internal error of the endpoint"}}, status_code=500)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"][:_MAX_PATH].removeprefix(_PREFIX)
        self._require_key(request)
        if request.method == "GET" and path == "models":
            rows = [{"id": name, "object": "model", "created": 0, "owned_by": "hanse"} for name in self._model.names]
            return JSONResponse({"object": "list", "data": rows})
        if request.method == "GET" and path.startswith("attestation/"):
            bundle, key = await anyio.to_thread.run_sync(self._model.attest, path.partition("/")[2])
            return Response(bundle, 200, {KEY_HEADER: key, "Cache-Control": "no-store"}, _JSON)
        if request.method == "POST" and path in {CHAT, COMPLETION}:
            return await self._completed(request, path)
        raise NotFoundError("no such address here", hint="/v1/chat/completions, /v1/completions, /v1/models")

    async def _completed(self, request: Request, path: str) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON:  # a page in a browser cannot send this elsewhere unasked
            raise BadFormat(f"a request is {_JSON}")
        data = await _body(request)
        status, body = await anyio.to_thread.run_sync(self._model.answer, path, data)
        challenge = request.headers.get(CHALLENGE_HEADER)
        signed = {} if challenge is None else {SIGNATURE_HEADER: self._model.sign(challenge, path, data, (status, body))}
        return Response(body, status, signed, _JSON)

    def _require_key(self, request: Request) -> None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        given = shown.strip().encode("utf-8", "replace") if scheme.lower() == "bearer" else b""
        if self._key and not hmac.compare_digest(given, self._key.encode()):
            raise BadToken("this endpoint wants a key that its operator gives out")


async def _body(request: Request) -> bytes:
    """Return the whole body; raises TooLarge beyond what a request may have."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_REQUEST_BYTES:
            raise TooLarge(f"a request has at most {MAX_REQUEST_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)
