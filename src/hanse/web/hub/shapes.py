"""JSON shapes of repositories, files and revisions as the Hub API has them (hub-api.md A.3, A.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from hanse.clock import hub_time
from hanse.content.directory import Folder
from hanse.db.search import Listed
from hanse.model.entry import Entry
from hanse.model.repo import RepoType

UNSCANNED: Mapping[str, Any] = {
    "status": "unscanned",
    "avScan": {"status": "unscanned"},
    "pickleImportScan": {"status": "unscanned", "pickleImports": []},
}
"""What is said about a file that nobody scanned here; upstream clients index all three keys."""
UNSCANNED_REPO: Mapping[str, Any] = {"scansDone": False, "filesWithIssues": []}


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response; `msgspec.Raw` inside `value` is passed through."""
    return Response(msgspec.json.encode(value), status_code=status, headers=dict(headers or {}), media_type="application/json")


def object_id(secret: bytes, repo: int) -> str:
    """Return the 24 hex digits that the API calls `_id`: stable, and saying nothing about how many repositories there are."""
    return hashlib.blake2b(repo.to_bytes(8, "big"), digest_size=12, key=secret[:32]).hexdigest()


def pointer_size(size: int) -> int:
    """Return the bytes of the Git LFS pointer of a file of `size` bytes."""
    return len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize {size}\n")


def raw(text: str | None) -> msgspec.Raw | None:
    """Return JSON text of the catalogue as it is."""
    return None if text is None else msgspec.Raw(text.encode())


def listed_json(secret: bytes, kind: RepoType, row: Listed) -> dict[str, Any]:
    """Return every field that a listing can show of a repository without looking into its files."""
    path = f"{row.namespace}/{row.name}"
    found: dict[str, Any] = {
        "_id": object_id(secret, row.id),
        "id": path,
        "author": row.namespace,
        "sha": row.head,
        "lastModified": hub_time(row.updated_at),
        "createdAt": hub_time(row.created_at),
        "private": row.visibility != "public",
        "gated": row.gated or False,
        "disabled": row.disabled,
        "downloads": row.downloads,
        "likes": row.likes,
        "tags": raw(row.tags),
    }
    if kind is RepoType.MODEL:
        found["modelId"] = path
        found |= {"pipeline_tag": row.pipeline_tag} if row.pipeline_tag else {}
        found |= {"library_name": row.library_name} if row.library_name else {}
    return found


def sibling_json(entry: Entry, *, blobs: bool) -> dict[str, Any]:
    """Return a file as `siblings` has it; note that its LFS key is `sha256` where trees say `oid`."""
    if not blobs:
        return {"rfilename": entry.path}
    found: dict[str, Any] = {"rfilename": entry.path, "blobId": entry.git_oid, "size": entry.size}
    if entry.lfs:
        found["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": pointer_size(entry.size)}
    return found


def tree_json(item: Entry | Folder, *, xet: bool = True) -> dict[str, Any]:
    """Return a file or folder as trees and paths-info have it.

    xet: False leaves out the Xet hash, by which clients fetch a file without asking for it by name first.
    """
    if isinstance(item, Folder):
        return {"type": "directory", "oid": item.oid, "size": 0, "path": item.path}
    found: dict[str, Any] = {"type": "file", "oid": item.git_oid, "size": item.size, "path": item.path}
    if item.lfs:
        found["lfs"] = {"oid": item.sha256, "size": item.size, "pointerSize": pointer_size(item.size)}
        found |= {"xetHash": item.xet} if xet else {}
    return found


def link_next(url: str) -> str:
    """Return the Link header of a page that another one follows."""
    return f'<{url}>; rel="next"'


def only(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return `_id`, `id` and the fields in `names` that there are."""
    return {name: value for name, value in found.items() if name in names or name in ("_id", "id")}
