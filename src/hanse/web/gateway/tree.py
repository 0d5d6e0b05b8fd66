"""Files of a revision: GET …/tree/{rev}[/{path}] and POST …/paths-info/{rev}."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import msgspec
from starlette.responses import Response

from hanse.errors import BadFormat, EntryNotFound, InputError, TooLarge
from hanse.model.filepin import FilePin
from hanse.web.gateway.body import read_body
from hanse.web.gateway.info import json_response, modified, warned
from hanse.web.gateway.listing import Folder, Item, Listing, item_json
from hanse.web.gateway.source import Asked, Pulled

PAGE = 1000
MAX_PATHS = 10_000
MAX_BODY = 8 * 1024 * 1024
_MAX_CURSOR = 8192
_UNSCANNED: Mapping[str, Any] = {
    "status": "unscanned",
    "avScan": {"status": "unscanned"},
    "pickleImportScan": {"status": "unscanned", "pickleImports": []},
}


def missing(path: str, rev: str) -> EntryNotFound:
    """Return the 404 that clients take for "this file does not exist in this commit", and remember."""
    return EntryNotFound("Entry not found", rev=rev, hint=f"{path[:300]!r} does not exist on {rev[:40]!r}")


def _shown(items: Iterable[Item], revision: Pulled, *, expand: bool) -> list[dict[str, Any]]:
    found = [item_json(item) for item in items]
    # Which commit was the last to change a file nobody vouches for; HfFileSystem up to 0.18 does not go without one.
    last = {"id": revision.rev, "title": "", "date": modified(revision), "exact": False}
    for one in found if expand else ():
        one["lastCommit"] = last
        if one["type"] == "file":
            one["securityFileStatus"] = _UNSCANNED
    return found


def _cursor(asked: Asked) -> str:
    text = asked.request.query_params.get("cursor", "")
    try:
        return base64.urlsafe_b64decode(text[:_MAX_CURSOR].encode("ascii")).decode()
    except ValueError as error:
        raise BadFormat("the cursor is not one of this gateway", hint="start from the first page") from error


def _limit(asked: Asked) -> int:
    text = asked.request.query_params.get("limit", str(PAGE))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InputError(f"limit must be a whole number, got {text[:40]!r}")
    return max(1, min(int(text), PAGE))


def _next(asked: Asked, revision: Pulled, path: str, key: str) -> str:
    """Return the Link to the next page; it is of the same commit, wherever the branch has moved meanwhile."""
    address = f"{asked.base}/api/{asked.kind.plural}/{revision.repo.path}/tree/{revision.rev}"
    address += f"/{quote(path, safe='')}" if path else ""
    kept = [pair for pair in asked.request.query_params.multi_items() if pair[0] != "cursor"]
    cursor = base64.urlsafe_b64encode(key.encode()).decode()
    return f'<{address}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def _page(asked: Asked, path: str, after: str, limit: int) -> Response:
    revision = asked.resolve()
    listing = Listing(revision.files)
    if path and not isinstance(listing.get(path), Folder):
        raise missing(path, revision.rev)
    rows = list(islice(listing.walk(path, after, recursive=asked.flag("recursive")), limit + 1))
    headers = {"X-Repo-Commit": revision.rev}
    if len(rows) > limit:
        headers["Link"] = _next(asked, revision, path, rows[limit - 1][0])
    shown = _shown((item for _, item in rows[:limit]), revision, expand=asked.flag("expand"))
    return warned(json_response(shown, headers), revision)


async def tree(asked: Asked) -> Response:
    """Answer a page of the files and folders of a revision, or of one of its folders."""
    return await asked.run(_page, asked, asked.path.strip("/"), _cursor(asked), _limit(asked))


def _parsed(body: bytes, media: str) -> tuple[list[str], bool]:
    """Return (paths, expand) of a form-encoded or JSON body; raises BadFormat or TooLarge."""
    try:
        if media.startswith("application/json"):
            found = msgspec.json.decode(body) if body.strip() else {}
            paths, expand = (found.get("paths", []), bool(found.get("expand"))) if isinstance(found, dict) else (None, False)
        else:
            form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_PATHS + 10)
            paths, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() in ("true", "1")
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise BadFormat(f"the body does not parse, or has more than {MAX_PATHS} fields") from error
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadFormat("paths must be a list of texts")
    if len(paths) > MAX_PATHS:
        raise TooLarge(f"at most {MAX_PATHS} paths can be asked for at once, got {len(paths)}")
    return list(dict.fromkeys(path.strip("/") for path in paths)), expand


def _infos(asked: Asked, paths: list[str], *, expand: bool) -> Response:
    revision = asked.resolve()
    items: list[Item] = []
    folders = None
    for path in filter(None, paths):
        item: Item | None = revision.files.get(path)
        if item is None:
            folders = folders or Listing(revision.files)
            item = folders.get(path)
        items += [] if item is None else [item]
    return warned(json_response(_shown(items, revision, expand=expand), {"X-Repo-Commit": revision.rev}), revision)


async def paths_info(asked: Asked) -> Response:
    """Answer what is known about some paths of a revision; those that do not exist are left out."""
    paths, expand = _parsed(await read_body(asked.request, MAX_BODY), asked.request.headers.get("content-type", ""))
    return await asked.run(_infos, asked, paths, expand=expand)


def file_pin(revision: Pulled, path: str) -> FilePin:
    """Return the pin of a file; raises EntryNotFound with the commit, so that clients remember that it does not exist."""
    pin = revision.files.get(path)
    if pin is None:
        raise missing(path, revision.rev)
    return pin
