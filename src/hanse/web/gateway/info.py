"""One repository: GET /api/{kind}/{repo} and /api/{kind}/{repo}/revision/{rev}, refs and commits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from hanse.clock import hub_time, rfc3339
from hanse.errors import InputError
from hanse.model.pulled import aged
from hanse.model.repo import RepoType
from hanse.web.errors import header_text
from hanse.web.gateway.listing import sibling_json
from hanse.web.gateway.source import Asked, Pulled

_CLAIMED = (
    "cardData", "config", "createdAt", "downloads", "gated", "lastModified", "library_name", "likes", "mask_token",
    "model-index", "pipeline_tag", "private", "safetensors", "tags", "transformersInfo", "usedStorage", "widgetData",
    "citation", "description", "paperswithcode_id", "gguf",
)  # fmt: skip
"""What is passed on of an origin's claims, where it makes them."""
_DEFAULTS: Mapping[str, Any] = {"private": False, "gated": False, "downloads": 0, "likes": 0, "tags": []}
_UNSCANNED: Mapping[str, Any] = {"scansDone": False, "filesWithIssues": []}
_MAX_EXPAND = 100
_EPOCH = "1970-01-01T00:00:00.000Z"


def json_response(value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(value), status, dict(headers or {}), "application/json")


def warned(response: Response, revision: Pulled) -> Response:
    """Return the response with what the reader should be told: how old the answer is, and the source's own notices."""
    if revision.as_of is not None:
        text = f"stale; {revision.repo.path} is answered as of {rfc3339(revision.as_of)}: its sources could not be asked since"
        response.headers.append("X-HF-Warning", text)
    for notice in [one for one in revision.notices if revision.as_of is None or one != aged(rfc3339(revision.as_of))][:5]:
        response.headers.append("X-HF-Warning", header_text(f"hanse; {notice}"[:500]))
    return response


def _hanse(revision: Pulled) -> dict[str, Any]:
    found: dict[str, Any] = {"origin": revision.repo.origin, "rung": revision.rung.value}
    if revision.tree is not None:
        found["tree"] = revision.tree
    if revision.as_of is not None:
        found["asOf"] = rfc3339(revision.as_of)
    return found


def modified(revision: Pulled) -> str:
    """Return when a revision was made, as far as its origin says so; else the beginning of 1970."""
    return next((said for name in ("lastModified", "createdAt") if isinstance(said := revision.claims.get(name), str)), _EPOCH)


def describe(revision: Pulled, *, blobs: bool) -> dict[str, Any]:
    """Return everything that is said about a repository at a revision, by the names of the Hub API."""
    path = revision.repo.path
    found: dict[str, Any] = {
        "_id": hashlib.sha256(str(revision.repo).lower().encode()).hexdigest()[:24],
        "id": path,
        "author": revision.repo.namespace,
        "sha": revision.rev,
        "disabled": False,
        **_DEFAULTS,
    }
    if revision.repo.type is RepoType.MODEL:
        found["modelId"] = path
    found |= {name: revision.claims[name] for name in _CLAIMED if revision.claims.get(name) is not None}
    made = found.get("createdAt") or found.get("lastModified") or _EPOCH
    found.setdefault("createdAt", made)
    found.setdefault("lastModified", made)
    found["siblings"] = [sibling_json(pin, blobs=blobs) for _, pin in sorted(revision.files.items())]
    return found | {"hanse": _hanse(revision)}


def _expand(asked: Asked) -> list[str]:
    pairs = asked.request.query_params.multi_items()
    found = [part for key, value in pairs if key in ("expand", "expand[]") for part in value.split(",") if part]
    if len(found) > _MAX_EXPAND:
        raise InputError(f"expand may have at most {_MAX_EXPAND} values")
    return found


async def info(asked: Asked) -> Response:
    """Answer everything about a repository at a revision; `expand` picks fields."""
    wanted = _expand(asked)
    revision = await asked.revision()
    found = describe(revision, blobs=asked.flag("blobs"))
    if asked.flag("securityStatus"):
        found["securityRepoStatus"] = _UNSCANNED
    if wanted:
        found = {name: value for name, value in found.items() if name in wanted or name in ("_id", "id")}
    return warned(json_response(found, {"X-Repo-Commit": revision.rev}), revision)


async def refs(asked: Asked) -> Response:
    """Answer the branches and tags that are known here: those that were asked for, `main` at least."""
    lister = getattr(asked.source, "refs", None)
    found: Mapping[str, str] = {}
    if lister is not None:
        found = await asked.run(lister, asked.kind, asked.repo, token=asked.token)
    if not found:
        found = {"refs/heads/main": (await asked.revision()).rev}
    shown: dict[str, Any] = {"branches": [], "converts": [], "tags": []}
    if asked.flag("include_prs"):
        shown["pullRequests"] = []
    for ref, rev in sorted(found.items()):
        for prefix, where in (("refs/heads/", "branches"), ("refs/convert/", "converts"), ("refs/tags/", "tags")):
            if ref.startswith(prefix):
                shown[where].append({"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": rev})
    return json_response(shown)


async def commits(asked: Asked) -> Response:
    """Answer the one commit that is asked for; history is not kept here."""
    revision = await asked.revision()
    when = revision.claims.get("lastModified") or hub_time(revision.as_of or 0)
    title = f"Revision {revision.rev[:12]}"
    one: dict[str, Any] = {"id": revision.rev, "title": title, "message": "", "authors": [], "date": when}
    return warned(json_response([one]), revision)


async def auth_check(asked: Asked) -> Response:
    """Answer 200 if the caller gets the repository's files."""
    return warned(json_response({}), await asked.revision())
