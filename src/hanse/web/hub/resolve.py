"""File bytes: GET and HEAD /[datasets/]{repo}/resolve/{rev}/{path}, and /raw/ (hub-api.md A.4).

Answers 200 directly, never a redirect to another address of this node (rule 6). User content never runs in the node's
origin: it is plain text, a raster image, or bytes to save, never sniffed and always sandboxed.
"""

from __future__ import annotations

from starlette.responses import Response

from hanse.content.gitobjects import lfs_pointer
from hanse.db import blobs
from hanse.db.repos import Repo
from hanse.errors import BlobNotFound
from hanse.flows import access, browse
from hanse.flows.admission import require_file
from hanse.flows.advisories import book as advised
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.model.actor import Actor
from hanse.model.digest import is_git_oid
from hanse.model.entry import Entry
from hanse.store.base import ByteSource
from hanse.web.blob_response import IMMUTABLE, BlobResponse, InMemory, Sized
from hanse.web.cas.common import cas_url
from hanse.web.hub.counting import count_download
from hanse.web.hub.moved import with_repo
from hanse.web.hub.tree import missing
from hanse.web.mediatypes import SAFETY, TEXT, content_type, disposition
from hanse.web.routing import Call, Route


def locate(node: Node, actor: Actor, repo: Repo, rev: str, path: str) -> tuple[str, Entry, str]:
    """Return (commit id, file, what to warn of); raises GatedRepo, Disabled, Held, RevisionNotFound or EntryNotFound."""
    access.require_read_bytes(node, actor, repo)
    revision, listing = browse.open_revision(node, actor, repo, rev)
    entry = listing.directory.file(path)
    if entry is None:
        raise missing(path, revision.rev)
    return revision.rev, entry, require_file(node, actor, repo, entry) or advised.warning(node, repo, revision)


def open_entry(node: Node, entry: Entry) -> ByteSource:
    """Return the bytes of a file; raises BlobNotFound if they are gone, IntegrityError if they are not as recorded."""
    if entry.size == 0:
        return InMemory(b"")
    with node.db.read() as conn:
        row = blobs.get_by_xet(conn, [entry.xet]).get(entry.xet)
    if row is None:
        raise BlobNotFound(f"the bytes of {entry.path[:200]!r} are not here")
    return open_file(node, row)


def _find(node: Node, actor: Actor, repo: Repo, rev: str, path: str, *, head: bool) -> tuple[str, Entry, str, ByteSource]:
    commit, entry, warning = locate(node, actor, repo, rev, path)
    return commit, entry, warning, Sized(entry.size) if head else open_entry(node, entry)


def _cache(repo: Repo, rev: str, warning: str) -> str:
    if warning:  # what others do not get, or may not get tomorrow, is in no shared cache
        return "private, no-cache"
    if is_git_oid(rev) and repo.public and not repo.gated:
        return IMMUTABLE
    return "no-cache" if repo.public and not repo.gated else "private, no-cache"


def _headers(call: Call, repo: Repo, commit: str, entry: Entry) -> dict[str, str]:
    headers = {"X-Repo-Commit": commit, "Content-Disposition": disposition(entry.path), **SAFETY}
    if entry.lfs:
        token = f"{call.base}/api/{repo.repo.type.plural}/{repo.repo.path}/xet-read-token/{commit}"
        plan = f"{cas_url(call)}/v1/reconstructions/{entry.xet}"
        headers |= {
            "X-Linked-Etag": f'"{entry.sha256}"',
            "X-Linked-Size": str(entry.size),
            "X-Xet-Hash": entry.xet,
            "Link": f'<{token}>; rel="xet-auth", <{plan}>; rel="xet-reconstruction-info"',
        }
    return headers


async def resolve(call: Call, repo: Repo) -> Response:
    """Answer a file's bytes or, to HEAD, what they are."""
    rev, path = call.params["rev"], call.params["path"]
    head = call.request.method == "HEAD"
    commit, entry, warning, source = await call.run(_find, call.node, call.actor, repo, rev, path, head=head)
    call.warn(warning)
    await count_download(call, repo)
    return BlobResponse(
        call.request,
        source,
        etag=entry.sha256 if entry.lfs else entry.git_oid,
        headers=_headers(call, repo, commit, entry),
        media_type=content_type(entry.path),
        cache=_cache(repo, rev, warning),
    )


async def raw(call: Call, repo: Repo) -> Response:
    """Answer a file as git keeps it: the LFS pointer of a large file, the bytes of others."""
    rev, path = call.params["rev"], call.params["path"]
    commit, entry, warning = await call.run(locate, call.node, call.actor, repo, rev, path)
    call.warn(warning)
    source: ByteSource = InMemory(lfs_pointer(entry.sha256, entry.size))
    if not entry.lfs:
        source = await call.run(open_entry, call.node, entry)
    headers = {"X-Repo-Commit": commit, **SAFETY}
    media = TEXT if entry.lfs else content_type(entry.path)
    return BlobResponse(
        call.request, source, etag=entry.git_oid, headers=headers, media_type=media, cache=_cache(repo, rev, warning)
    )


ROUTES = [
    Route("GET", f"{prefix}/{{repo}}/{verb}/{{rev}}/{{path*}}", with_repo(handler), files=True)
    for prefix in ("/datasets", "")
    for verb, handler in (("resolve", resolve), ("raw", raw))
]
