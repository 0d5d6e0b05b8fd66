"""Lists of repositories: GET /api/models and /api/datasets with search, filters, orders and pages (hub-api.md A.3).

`inference`, `inference_provider` and `apps` ask for services outside this node: nothing matches them here.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from hanse.db import repos
from hanse.db.search import Listed, Query
from hanse.errors import InputError
from hanse.flows import browse
from hanse.flows.access import visible_repos_clause
from hanse.flows.node import Node
from hanse.model.repo import RepoType
from hanse.web.hub.fields import FIELDS, WITH_FILES, Subject, describe
from hanse.web.hub.query import decode_cursor, encode_cursor, expand_of, flag, next_url, values, whole
from hanse.web.hub.shapes import json_response, link_next, listed_json, raw
from hanse.web.routing import Call, Route

PAGE = 500
"""Repositories on a page unless `limit` asks for others; clients follow the Link anyway."""
MAX_PAGE = 1000
PAGE_WITH_FILES = 100
"""Repositories on a page whose files are looked into."""
SORTS = {
    "lastModified": "updated_at",
    "last_modified": "updated_at",
    "createdAt": "created_at",
    "created_at": "created_at",
    "downloads": "downloads",
    "likes": "likes",
    "trendingScore": "downloads",
    "trending_score": "downloads",
}
_ELSEWHERE = ("inference", "inference_provider", "apps")
_SCALE = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_MAX_TERMS = 10


def parse_count(text: str) -> int:
    """Return the number written as `6B`, `1.5M` or `120000`; raises InputError."""
    unit = _SCALE.get(text[-1:].upper(), 1)
    digits = text[:-1] if unit > 1 else text
    left, _, right = digits.partition(".")
    if not 0 < len(digits) <= 19 or not (left + right).isascii() or not (left + right).isdigit():
        raise InputError(f"num_parameters counts like 6B, 1.5M or 120000, got {text[:40]!r}")
    number: int = int(left + right) * unit // int(10 ** len(right))
    return min(number, 2**62)


def parse_range(text: str) -> tuple[int, int]:
    """Return (least, most) of `min:6B,max:128B`, either part optional; raises InputError."""
    bounds = {"min": 0, "max": 2**62}
    for part in text.split(","):
        name, colon, value = part.strip().partition(":")
        if name not in bounds or not colon:
            raise InputError(f"num_parameters is min:N,max:N, got {text[:80]!r}")
        bounds[name] = parse_count(value.strip())
    return bounds["min"], bounds["max"]


def _gated(text: str | None) -> bool | None:
    return None if text is None else text.lower() in ("true", "1", "auto", "manual")


def _order(call: Call) -> tuple[str, bool]:
    sort = call.request.query_params.get("sort", "lastModified")
    if sort not in SORTS:
        raise InputError(f'"sort" must be one of [{", ".join(sorted(SORTS))}], got {sort[:40]!r}')
    return SORTS[sort], call.request.query_params.get("direction", "-1") in ("-1", "desc")


def _terms(call: Call) -> tuple[str, ...]:
    terms = [term.lower() for text in call.request.query_params.getlist("search") for term in text[:1000].split()]
    return tuple(dict.fromkeys(terms[:_MAX_TERMS]))


def query_of(call: Call, kind: RepoType, limit: int) -> Query:
    """Return the query that the request's parameters ask for; raises InputError."""
    params = call.request.query_params
    order, descending = _order(call)
    after: tuple[int, int] | None = None
    if "cursor" in params:
        kept_order, kept_direction, value, last = decode_cursor(params["cursor"], str, bool, int, int)
        if (kept_order, kept_direction) != (order, descending):
            raise InputError("the cursor belongs to a list in another order", hint="start from the first page")
        after = (value, last)
    numbers = params.get("num_parameters")
    return Query(
        kind,
        visible_repos_clause(call.actor),
        terms=_terms(call),
        author=params.get("author") or None,
        tags=tuple(dict.fromkeys(values(call, "filter", "tags", "library"))),
        pipeline_tag=params.get("pipeline_tag") or None,
        gated=_gated(params.get("gated")),
        parameters=parse_range(numbers) if numbers else None,
        order=order,
        descending=descending,
        after=after,
        limit=limit,
        details=flag(call, "full") or flag(call, "cardData") or flag(call, "config"),
    )


def _render(node: Node, kind: RepoType, row: Listed, shown: frozenset[str]) -> dict[str, Any]:
    found = listed_json(node.secret, kind, row)
    if shown & {"full", "cardData"} and row.card is not None:
        found["cardData"] = raw(row.card)
    if shown & {"config"} and row.config is not None:
        found["config"] = raw(row.config)
    return found


def _expanded(node: Node, rows: list[Listed], expand: list[str]) -> list[dict[str, Any]]:
    """Return the rows with the fields in `expand`, or with their files if it is empty."""
    with node.db.read() as conn:
        found = repos.get_many(conn, [row.id for row in rows])
    made: list[dict[str, Any]] = []
    for row in rows:
        subject = Subject(node, found[row.id])
        if found[row.id].head is not None and WITH_FILES.intersection(expand):
            subject.revision, subject.listing = browse.read_revision(node, found[row.id], str(found[row.id].head))
        made.append(describe(subject, expand))
    return made


def _page(node: Node, query: Query, expand: list[str], shown: frozenset[str]) -> tuple[bytes, list[Listed]]:
    rows = browse.find_repos(node, query)
    if expand:
        found = _expanded(node, rows, expand)
    else:
        found = [_render(node, query.kind, row, shown) for row in rows]
        if "full" in shown:
            files = _expanded(node, rows, ["siblings"])
            found = [one | {"siblings": more["siblings"]} for one, more in zip(found, files, strict=True)]
    return bytes(json_response(found).body), rows


async def listing(call: Call) -> Response:
    """Answer a page of the repositories that the caller may see, with a Link to the next one."""
    kind = RepoType.DATASET if call.request.url.path.rstrip("/").endswith("datasets") else RepoType.MODEL
    expand = expand_of(call, FIELDS[kind])
    shown = frozenset(name for name in ("full", "cardData", "config") if flag(call, name))
    most = PAGE_WITH_FILES if "full" in shown or expand else MAX_PAGE
    limit = whole(call, "limit", min(PAGE, most), 1, most)
    query = query_of(call, kind, limit)
    if any(call.request.query_params.getlist(name) for name in _ELSEWHERE):
        return json_response([])
    body, rows = await call.run(_page, call.node, query, expand, shown)
    headers: dict[str, str] = {}
    if len(rows) == limit:
        cursor = encode_cursor(query.order, query.descending, getattr(rows[-1], query.order), rows[-1].id)
        headers["Link"] = link_next(next_url(call, f"/api/{kind.plural}", cursor))
    return Response(body, media_type="application/json", headers=headers)


ROUTES = [Route("GET", "/api/models", listing), Route("GET", "/api/datasets", listing)]
