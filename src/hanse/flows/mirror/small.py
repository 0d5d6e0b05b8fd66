"""Small regular files of a mirror: fetched side by side into memory, checked, stored together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hanse.content.gitobjects import blob_id
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import DigestMismatch
from hanse.flows.ingest import store_small_files
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.filepin import FilePin


def checked_small(pin: FilePin, data: bytes) -> bytes:
    """Return the bytes of a regular file if they have its git blob id; raises DigestMismatch."""
    found = blob_id(data)
    if found != pin.git_oid:
        raise DigestMismatch(f"expected the git blob {pin.git_oid} of {pin.size} bytes, got {found} of {len(data)}")
    return data


def take_small(
    node: Node, repo: Repo, pins: Sequence[FilePin], fetch: Callable[[FilePin], bytes], *, at_once: int
) -> list[FileRow]:
    """Store small files and return their rows, in order; fetch: returns checked bytes. Raises what it raises; StorageError."""
    if len(pins) == 1:
        return store_small_files(node, repo, ANONYMOUS, [fetch(pins[0])])
    with ThreadPoolExecutor(min(at_once, len(pins)), thread_name_prefix="mirror-small") as pool:
        contents = list(pool.map(fetch, pins))
    return store_small_files(node, repo, ANONYMOUS, contents)
