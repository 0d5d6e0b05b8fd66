"""The node's pages: what it is, its repositories, and of each its card, files and commits. They work without scripts."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from hanse.content import card as cards
from hanse.content.directory import Folder
from hanse.db.repos import Repo
from hanse.db.search import Listed, Query
from hanse.errors import HanseError
from hanse.flows import access, browse, index
from hanse.flows.admission import require_file
from hanse.flows.advisories import book as advised
from hanse.flows.evaluations import listed as evaluations
from hanse.flows.node import Node
from hanse.flows.standing import log_standing, revision_standing
from hanse.model.actor import Actor
from hanse.model.entry import Entry
from hanse.model.repo import RepoType
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import decode_cursor, encode_cursor, whole
from hanse.web.hub.tree import missing
from hanse.web.pages.markdown import render
from hanse.web.pages.render import page, shown, static_file, static_response
from hanse.web.routing import Call, Route

_PAGE = 50
_FILES = 1000
_CHANGES = 500
_PREVIEW = 256 * 1024


def _place(call: Call, repo: Repo) -> str:
    """Return the address of a repository's page without host."""
    return f"{urlsplit(call.base).path}/{repo.repo.type.prefix}{repo.repo.path}"


def _home(node: Node, query: Query, actor: Actor) -> tuple[list[Listed], dict[str, int]]:
    return browse.find_repos(node, query), {kind.plural: browse.count_repos(node, actor, kind) for kind in RepoType}


async def home(call: Call) -> Response:
    """Show what this node is, how to point tools at it, and its repositories."""
    params = call.request.query_params
    kind = RepoType.DATASET if params.get("type") == "datasets" else RepoType.MODEL
    text = params.get("q", "")[:200]
    after: tuple[int, int] | None = None
    if "after" in params:
        value, last = decode_cursor(params["after"], int, int)
        after = (value, last)
    visible = access.visible_repos_clause(call.actor)
    size = whole(call, "n", _PAGE, 1, _PAGE)
    query = Query(kind, visible, terms=tuple(text.lower().split()[:10]), after=after, limit=size + 1)
    rows, counts = await call.run(_home, call.node, query, call.actor)
    more = None
    if len(rows) > size:
        rows = rows[:size]
        cursor = encode_cursor(rows[-1].updated_at, rows[-1].id)
        more = "?" + urlencode({"type": kind.plural, "q": text, "n": size, "after": cursor})
    log = await call.run(log_standing, call.node)
    return page(call, "home.html", kind=kind, rows=rows, counts=counts, text=text, more=more, log=log)


def _readme(node: Node, actor: Actor, repo: Repo, entry: Entry | None, place: str) -> dict[str, Any]:
    if entry is None or repo.disabled:
        return {"html": None, "whole": True}
    try:
        require_file(node, actor, repo, entry)
        raw = index.read_small(node, entry, index.MAX_CARD_FILE)
    except HanseError:
        raw = None
    if raw is None:
        return {"html": None, "whole": False}
    html, whole_card = render(cards.split_front_matter(raw.decode("utf-8", "replace"))[1], place)
    return {"html": html, "whole": whole_card}


def _suites(node: Node, repo: Repo, rev: str) -> list[dict[str, Any]] | None:
    """Return what is known of evaluations of a revision, suite by suite; None if that cannot be read now."""
    if repo.disabled or repo.repo.type is not RepoType.MODEL:
        return []
    try:
        return list(evaluations.to_json(evaluations.of_revision(node, repo, rev))["suites"])
    except HanseError:
        return None


def _repo_values(node: Node, actor: Actor, repo: Repo, place: str) -> dict[str, Any]:
    repo = index.up_to_date(node, repo)
    revision, listing = browse.open_revision(node, actor, repo, "main")
    card = _readme(node, actor, repo, listing.directory.file("README.md"), place)
    items = list(islice(listing.directory.list_folder(), _FILES))
    standing = None if repo.disabled else revision_standing(node, repo, revision)
    facts = {"directory": listing.directory, "items": items, "card": card, "standing": standing, "now": node.clock.now()}
    facts["suites"] = _suites(node, repo, revision.rev)
    facts["advised"] = advised.of_revision(node, repo, revision)
    return {"repo": repo, "revision": revision} | facts


async def repo_page(call: Call, repo: Repo) -> Response:
    """Show a repository: card, facts, files at its root."""
    place = _place(call, repo)
    values = await call.run(_repo_values, call.node, call.actor, repo, place)
    return page(call, "repo.html", place=place, folder="", Folder=Folder, rev="main", **values)


def _tree_values(node: Node, actor: Actor, repo: Repo, rev: str, path: str) -> dict[str, Any]:
    revision, listing = browse.open_revision(node, actor, repo, rev)
    if not isinstance(listing.directory.get(path), Folder):
        raise missing(path, revision.rev)
    items = list(islice(listing.directory.list_folder(path), _FILES))
    return {"repo": repo, "revision": revision, "items": items}


async def tree_page(call: Call, repo: Repo) -> Response:
    """Show the files of a folder at a revision."""
    rev, path = call.params["rev"], call.params.get("path", "").strip("/")
    values = await call.run(_tree_values, call.node, call.actor, repo, rev, path)
    return page(call, "tree.html", place=_place(call, repo), folder=path, Folder=Folder, rev=rev, **values)


def _blob_values(node: Node, actor: Actor, repo: Repo, rev: str, path: str) -> dict[str, Any]:
    access.require_read_bytes(node, actor, repo)
    revision, listing = browse.open_revision(node, actor, repo, rev)
    entry = listing.directory.file(path)
    if entry is None:
        raise missing(path, revision.rev)
    require_file(node, actor, repo, entry)
    raw = index.read_small(node, entry, _PREVIEW)
    text: str | None = None
    if raw is not None and b"\0" not in raw:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = None
    return {"repo": repo, "revision": revision, "entry": entry, "text": text}


async def blob_page(call: Call, repo: Repo) -> Response:
    """Show a file: names of its bytes, a link to them, and the text of a small one."""
    rev, path = call.params["rev"], call.params["path"]
    values = await call.run(_blob_values, call.node, call.actor, repo, rev, path)
    return page(call, "blob.html", place=_place(call, repo), rev=rev, **values)


def _commits_values(node: Node, repo: Repo, rev: str, number: int) -> dict[str, Any]:
    revision = access.resolve_revision(node, repo, rev)
    rows = browse.commit_page(node, repo, revision.rev, _PAGE + 1, number * _PAGE)
    return {"repo": repo, "rows": rows[:_PAGE], "more": number + 1 if len(rows) > _PAGE else None}


async def commits_page(call: Call, repo: Repo) -> Response:
    """Show the commits of a revision, newest first."""
    rev, number = call.params["rev"], whole(call, "p", 0, 0, 10_000)
    values = await call.run(_commits_values, call.node, repo, rev, number)
    return page(call, "commits.html", place=_place(call, repo), rev=rev, number=number, **values)


def _commit_values(node: Node, repo: Repo, rev: str) -> dict[str, Any]:
    revision = access.resolve_revision(node, repo, rev)
    changed, complete = browse.changes(node, repo, revision, _CHANGES)
    return {
        "repo": repo,
        "revision": revision,
        "changed": changed,
        "complete": complete,
        "suites": _suites(node, repo, revision.rev),
        "advised": advised.of_revision(node, repo, revision),
    }


async def commit_page(call: Call, repo: Repo) -> Response:
    """Show what a commit changed."""
    values = await call.run(_commit_values, call.node, repo, call.params["rev"])
    return page(call, "commit.html", place=_place(call, repo), rev=call.params["rev"], **values)


async def static(call: Call) -> Response:
    """Answer a style sheet or icon under its digest."""
    return static_response(call.params["name"], call.params["digest"])


async def favicon(_call: Call) -> Response:
    """Answer the icon where browsers look for it."""
    return Response(static_file("icon.svg")[0], media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


_PAGES = (
    ("", repo_page),
    ("/tree/{rev}", tree_page),
    ("/tree/{rev}/{path*}", tree_page),
    ("/blob/{rev}/{path*}", blob_page),
    ("/commits/{rev}", commits_page),
    ("/commit/{rev}", commit_page),
)
_route = partial(Route, "GET")
ROUTES = [
    _route("/", shown(home)),
    _route("/favicon.ico", favicon, auth=False),
    _route("/static/{digest}/{name}", static, auth=False),
    *(_route(f"/datasets/{{repo}}{rest}", shown(with_repo(handler))) for rest, handler in _PAGES),
    *(_route(f"/{{repo}}{rest}", shown(with_repo(handler))) for rest, handler in _PAGES),
]
