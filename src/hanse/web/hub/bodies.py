"""Request bodies as typed values, page numbers, and Link headers: what the writing half of the Hub API shares."""

from __future__ import annotations

from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from starlette.datastructures import QueryParams

from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.model.repo import RepoType
from hanse.web.routing import Call

T = TypeVar("T")
MAX_PAGE = 10_000_000
Name = Annotated[str, msgspec.Meta(max_length=200)]
"""A name of something: a user, a repository, a ref."""
Text = Annotated[str, msgspec.Meta(max_length=65_536)]
"""What a person writes."""


async def parse(call: Call, kind: type[T]) -> T:
    """Return the JSON body as a `kind` (a msgspec Struct; fields that it does not have are ignored); raises BadFormat."""
    body = await call.json()
    try:
        return msgspec.convert(body, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadFormat(f"the request body is not what this call takes: {error}") from error


def query_number(query: QueryParams, name: str, default: int, top: int) -> int:
    """Return a whole number from the query, cut to `top`; raises BadFormat for anything else."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadFormat(f"{name} must be a whole number, got {text[:40]!r}")
    return min(int(text), top)


def query_flag(query: QueryParams, name: str) -> bool:
    """Tell whether a flag is set in the query: `1` or `true`."""
    return query.get(name, "").lower() in ("1", "true")


def next_page(call: Call, **values: int) -> dict[str, str]:
    """Return the Link header to the next page: this address with some query values replaced."""
    kept = [(key, value) for key, value in call.request.query_params.multi_items() if key not in values]
    kept += [(key, str(value)) for key, value in values.items()]
    segments: list[str] = call.request.scope["hanse.segments"]
    if segments[0] == "o":
        segments = segments[2:]  # call.base has it
    path = "/".join(quote(segment, safe="") for segment in segments)
    return {"Link": f'<{call.base}/{path}?{urlencode(kept)}>; rel="next"'}


def repo_url(call: Call, repo: Repo) -> str:
    """Return the absolute address of a repository's page."""
    return f"{call.base}/{repo.repo.type.prefix}{repo.repo.path}"


def repo_type(text: str | None) -> RepoType:
    """Return the type named in a body, model by default; raises BadFormat for what this node does not serve."""
    try:
        return RepoType(text or "model")
    except ValueError as error:
        raise BadFormat(
            f"repository type {text or ''!r:.60} is not served by this node", hint="this node serves models and datasets"
        ) from error
