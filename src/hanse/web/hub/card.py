"""Card checks before an upload: POST /api/validate-yaml (hub-api.md A.5, step 1)."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from hanse.content.cardcheck import Verdict, check_card
from hanse.errors import BadFormat
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route


def _text(verdict: Verdict) -> str:
    return "\n".join(f"- Error: {message}" for message in verdict.errors)


async def validate_yaml(call: Call) -> Response:
    """Answer what is wrong with a README.md; 400 if it must not be uploaded, in plain text for those who ask for text."""
    body = await call.json()
    content, kind = body.get("content"), body.get("repoType") or "model"
    if not isinstance(content, str) or not isinstance(kind, str):
        raise BadFormat("content and repoType must be texts")
    verdict = await call.run(check_card, content, kind)
    status = 400 if verdict.errors else 200
    if verdict.errors and call.request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(_text(verdict), status_code=status)
    found = {
        "errors": [{"message": message} for message in verdict.errors],
        "warnings": [{"message": message} for message in verdict.warnings],
    }
    return json_response(found, status=status)


ROUTES = [Route("POST", "/api/validate-yaml", validate_yaml)]
