"""One literal table from error classes to HTTP status and Hub error codes (hub-api.md A.1)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from hanse import errors
from hanse.errors import HanseError

STATUS: Mapping[type[HanseError], int] = {
    errors.BadRange: 416,
    errors.TooLarge: 413,
    errors.Conflict: 409,
    errors.StaleParent: 412,
    errors.RateLimited: 429,
    errors.InputError: 400,
    errors.NotFoundError: 404,
    errors.NotAuthenticated: 401,
    errors.BadToken: 401,
    errors.QuotaExceeded: 403,
    errors.AccessError: 403,
    errors.IntegrityError: 422,
    errors.PolicyError: 403,
    errors.PeerError: 502,
    errors.StorageFull: 507,
    errors.StorageError: 503,
    HanseError: 500,
}

HUB_CODES: Mapping[type[HanseError], str] = {
    errors.RepoNotFound: "RepoNotFound",
    errors.RevisionNotFound: "RevisionNotFound",
    errors.Recalled: "RevisionNotFound",
    errors.EntryNotFound: "EntryNotFound",
    errors.GatedRepo: "GatedRepo",
    errors.Held: "GatedRepo",  # the one code whose reason clients show
}

DISABLED_MESSAGE = "Access to this resource is disabled."
BAD_TOKEN_MESSAGE = "Invalid credentials in Authorization header"  # noqa: S105 the exact text clients look for


def status_of(error: HanseError, *, anonymous: bool) -> int:
    """Return the HTTP status for `error`; a missing or private repository is 401 to an anonymous caller."""
    if isinstance(error, errors.RepoNotFound) and anonymous:
        return 401
    if isinstance(error, errors.GatedRepo):
        return 401 if error.anonymous else 403
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def header_text(text: str) -> str:
    """Return `text` as a header value: printable latin-1 on one line, at most 1,000 characters."""
    flat = " ".join(text.split())[:1000].encode("latin-1", "replace").decode("latin-1")
    return "".join(char if char.isprintable() else "?" for char in flat)


def error_response(error: HanseError, *, anonymous: bool) -> Response:
    """Return the response that carries `error`: a JSON object, `X-Error-Code` and `X-Error-Message`."""
    message = error.message
    if isinstance(error, errors.Disabled):
        message = DISABLED_MESSAGE
    elif isinstance(error, errors.BadToken):
        message = BAD_TOKEN_MESSAGE
    full = f"{message} ({error.hint})" if error.hint and not isinstance(error, errors.Disabled | errors.BadToken) else message
    headers = {"X-Error-Message": header_text(full)}
    if not isinstance(error, errors.Disabled | errors.BadToken):
        # Exactly these two carry no code: clients recognise them by their text.
        headers["X-Error-Code"] = HUB_CODES.get(type(error), error.code)
    if isinstance(error, errors.Held | errors.Recalled):
        headers["X-HF-Warning"] = header_text(f"withheld; {full}")  # printed also where the refusal itself is not
    if isinstance(error, errors.EntryNotFound | errors.Recalled) and error.rev:
        headers["X-Repo-Commit"] = error.rev
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(error.retry_after)
        headers["ratelimit"] = f'"{error.kind}";r=0;t={error.retry_after}'
        headers["ratelimit-policy"] = f'"fixed window";"{error.kind}";q={error.limit};w={error.window}'
    status = status_of(error, anonymous=anonymous)
    body = {"error": full, "code": error.code}
    if isinstance(error, errors.PolicyError):
        body["failed"] = "; ".join(error.failed)
    return JSONResponse(body, status_code=status, headers=headers)
