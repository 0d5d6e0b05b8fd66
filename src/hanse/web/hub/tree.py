"""Files of a revision: GET …/tree/{rev}[/{path}] and POST …/paths-info/{rev} (hub-api.md A.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from starlette.responses import Response

from hanse.clock import hub_time
from hanse.content.directory import Folder
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat, EntryNotFound, TooLarge
from hanse.flows import blame, browse
from hanse.flows.admission import withheld
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.entry import Entry
from hanse.web.hub import security
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import decode_cursor, encode_cursor, flag, next_url, whole
from hanse.web.hub.shapes import json_response, link_next, tree_json
from hanse.web.routing import Call, Route

PAGE = 1000
PAGE_EXPANDED = 100
MAX_PATHS = 10_000
Item = Entry | Folder


def _key(item: Item) -> str:
    return f"{item.path}/" if isinstance(item, Folder) else item.path


def missing(path: str, rev: str) -> EntryNotFound:
    """Return the 404 that clients take for "this file does not exist in this commit", and remember."""
    return EntryNotFound("Entry not found", rev=rev, hint=f"{path[:300]!r} does not exist on {rev[:40]!r}")


def plain(node: Node, actor: Actor, repo: Repo, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return items; those that the scanner withholds have no Xet hash, so that clients ask for them and learn why."""
    hidden = {(flag.sha256, flag.path) for flag in withheld(node, actor, repo)}
    return [
        tree_json(item, xet=not hidden or isinstance(item, Folder) or (item.sha256, item.path) not in hidden) for item in items
    ]


def expanded(node: Node, actor: Actor, repo: Repo, revision: Revision, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return items with `lastCommit` and, of files, `securityFileStatus`."""
    last = blame.last_commits(node, repo, revision, items)
    said = security.file_statuses(node, [item for item in items if isinstance(item, Entry)])
    found: list[dict[str, Any]] = []
    for item, shown in zip(items, plain(node, actor, repo, items), strict=True):
        commit = last.get(item.path)
        if commit is not None:
            shown["lastCommit"] = {"id": commit.rev, "title": commit.title, "date": hub_time(commit.created_at)}
            if not commit.exact:
                shown["lastCommit"]["exact"] = False  # the history was not followed to its end
        if isinstance(item, Entry):
            shown["securityFileStatus"] = said[item.path]
        found.append(shown)
    return found


def _tree(
    node: Node, actor: Actor, repo: Repo, rev: str, path: str, *, recursive: bool, expand: bool, after: str, limit: int
) -> tuple[bytes, str, str | None]:
    """Return (JSON of a page, commit id, key after which the next page begins)."""
    revision, listing = browse.open_revision(node, actor, repo, rev)
    if not isinstance(listing.directory.get(path), Folder):
        raise missing(path, revision.rev)
    walk: Iterator[Item] = (listing.directory.walk if recursive else listing.directory.list_folder)(path, after)
    items = list(islice(walk, limit + 1))
    more = _key(items[limit - 1]) if len(items) > limit else None
    items = items[:limit]
    found = expanded(node, actor, repo, revision, items) if expand else plain(node, actor, repo, items)
    return msgspec.json.encode(found), revision.rev, more


async def tree(call: Call, repo: Repo) -> Response:
    """Answer a page of the files and folders of a revision, or of one of its folders."""
    expand, recursive = flag(call, "expand"), flag(call, "recursive")
    rev, path = call.params["rev"], call.params.get("path", "").strip("/")
    cursor = call.request.query_params.get("cursor")
    after = "" if cursor is None else decode_cursor(cursor, str)[0]
    most = PAGE_EXPANDED if expand else PAGE
    limit = whole(call, "limit", most, 1, most)
    body, commit, more = await call.run(
        _tree, call.node, call.actor, repo, rev, path, recursive=recursive, expand=expand, after=after, limit=limit
    )
    headers = {"X-Repo-Commit": commit}
    if more is not None:
        # Later pages are of the same commit, wherever the branch has moved meanwhile.
        address = f"/api/{repo.repo.type.plural}/{repo.repo.path}/tree/{commit}"
        address += f"/{quote(path, safe='')}" if path else ""
        headers["Link"] = link_next(next_url(call, address, encode_cursor(more)))
    return Response(body, media_type="application/json", headers=headers)


async def _asked(call: Call) -> tuple[list[str], bool]:
    """Return (paths, expand) of a form-encoded or JSON body; raises BadFormat or TooLarge."""
    limit = call.node.limits.max_json_bytes
    if call.request.headers.get("content-type", "").startswith("application/json"):
        body = await call.json(limit)
        paths, expand = body.get("paths", []), bool(body.get("expand"))
    else:
        try:
            form = parse_qs((await call.body(limit)).decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_PATHS + 10)
        except (UnicodeDecodeError, ValueError) as error:
            raise BadFormat(f"the form does not parse, or has more than {MAX_PATHS} fields") from error
        paths, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() in ("true", "1")
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadFormat("paths must be a list of texts")
    most = blame.MAX_ITEMS if expand else MAX_PATHS
    if len(paths) > most:
        raise TooLarge(f"at most {most} paths can be asked for at once, got {len(paths)}")
    return list(dict.fromkeys(path.strip("/") for path in paths)), expand


def _paths_info(node: Node, actor: Actor, repo: Repo, rev: str, paths: Sequence[str], *, expand: bool) -> Response:
    revision, listing = browse.open_revision(node, actor, repo, rev)
    items = [item for path in paths if path and (item := listing.directory.get(path)) is not None]
    found = expanded(node, actor, repo, revision, items) if expand else plain(node, actor, repo, items)
    return json_response(found, headers={"X-Repo-Commit": revision.rev})


async def paths_info(call: Call, repo: Repo) -> Response:
    """Answer what is known about some paths of a revision; those that do not exist are left out."""
    paths, expand = await _asked(call)
    return await call.run(_paths_info, call.node, call.actor, repo, call.params["rev"], paths, expand=expand)


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/tree/{rev}", with_repo(tree)),
    Route("GET", "/api/{kind}/{repo}/tree/{rev}/{path*}", with_repo(tree)),
    Route("POST", "/api/{kind}/{repo}/paths-info/{rev}", with_repo(paths_info)),
]
