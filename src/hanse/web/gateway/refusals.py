"""How a gateway refuses, in the forms that stock clients show or obey (hub-api.md, box on refusals).

What is refused is 403 with `GatedRepo` and the reason, which clients without a copy show. Clients that have a copy in their
cache answer a 403 from that; only 404 `RevisionNotFound` stops them, so that is what they get, with the same reason. What a
source answers that nobody can use is told in the first form alone: a copy that a client has was verified when it came.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from hanse.errors import HanseError, IntegrityError, PeerMalformed, PolicyError
from hanse.web.errors import error_response, header_text

MAX_FAILED = 5


def reason(error: HanseError) -> str:
    """Return everything that is to be said about a refusal in one line: message, rules that failed, remedy."""
    failed = [one for one in getattr(error, "failed", ()) if one not in error.message][:MAX_FAILED]
    parts = [error.message, *failed, error.hint]
    return "; ".join(" ".join(part.split()) for part in parts if part)


def is_refusal(error: HanseError) -> bool:
    """Tell whether an error says that what was asked for must not be used."""
    return isinstance(error, PolicyError | IntegrityError)


def is_final(error: HanseError) -> bool:
    """Tell whether asking again soon would bring the same: stock clients ask again for 23 seconds where they are told 502."""
    return is_refusal(error) or isinstance(error, PeerMalformed)


def refusal(error: HanseError, *, cached: bool) -> Response:
    """Return the answer to a request that ended in `error`; cached: the client has a copy of its own that it must not use."""
    if not is_final(error):
        return error_response(error, anonymous=False)
    text = reason(error)
    code = "RevisionNotFound" if cached else "GatedRepo"
    shown = header_text(text)
    headers = {"X-Error-Code": code, "X-Error-Message": shown, "X-HF-Warning": header_text(f"refused; {text}")}
    return JSONResponse({"error": text, "code": error.code}, status_code=404 if cached else 403, headers=headers)
