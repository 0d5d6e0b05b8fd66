"""What listings say about a repository, brought up to date after `main` moved.

Derived fields only: nothing depends on them but listings and pages, so nothing in here fails a commit. A file that cannot be
read or parsed counts as absent. `repos.indexed` names the head that was described; where it differs from `head` (a crash in
between, a node that was rebuilt) the next reader brings it up to date.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from posixpath import dirname
from typing import Any

import msgspec
from sqlalchemy import select

from hanse.content import card as cards
from hanse.content import safetensors
from hanse.content.facts import CONFIG_FILES, Facts, config_subset, dataset_facts, model_facts
from hanse.db import blobs, repos, revisions, search
from hanse.db.repos import Repo
from hanse.db.schema import repos as repos_table
from hanse.errors import BadFormat, HanseError
from hanse.flows.admission import is_open
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.repo import RepoType

MAX_CARD_FILE = 4 * 1024 * 1024
MAX_CONFIG_FILE = 16 * 1024 * 1024
MAX_CARD_JSON = 256 * 1024
MAX_SHARDS = 1000
MAX_HEADER_BYTES = 128 * 1024 * 1024
_TRIES = 3
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"


class _Counts:
    """Parameter counts by file content, so that a commit does not read the headers of files that stayed."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Sha256, dict[str, int]] = OrderedDict()

    def get(self, digest: Sha256) -> dict[str, int] | None:
        with self._lock:
            return self._kept.get(digest)

    def put(self, digest: Sha256, counts: dict[str, int]) -> None:
        with self._lock:
            self._kept[digest] = counts
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


_counts = _Counts()


def read_small(node: Node, entry: Entry | None, most: int) -> bytes | None:
    """Return the bytes of a file, or None if there is none or it has more than `most`; raises IntegrityError or BlobNotFound."""
    if entry is None or entry.size > most:
        return None
    if entry.size == 0:
        return b""
    with node.db.read() as conn:
        row = blobs.get_by_xet(conn, [entry.xet]).get(entry.xet)
    return None if row is None else open_file(node, row).read_at(0, entry.size)


def read_header(node: Node, entry: Entry) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file and its length; raises BadFormat, IntegrityError or BlobNotFound."""
    with node.db.read() as conn:
        row = blobs.get_by_xet(conn, [entry.xet]).get(entry.xet)
    if row is None:
        raise BadFormat(f"{entry.path[:200]!r} has no bytes")
    reader = open_file(node, row)
    length = safetensors.header_length(reader.read_at(0, safetensors.PREFIX), entry.size)
    return safetensors.parse_header(reader.read_at(safetensors.PREFIX, length)), length


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything derived from one revision."""

    facts: Facts
    card: Mapping[str, Any]
    parameters: Mapping[str, int]


def reindex(node: Node, repo_id: int) -> None:
    """Bring the derived fields of a repository up to date with the head of `main`; does nothing if they are."""
    for _ in range(_TRIES):
        with node.db.read() as conn:
            repo = repos.get(conn, repo_id)
            revision = None if repo is None or repo.head is None else revisions.get(conn, repo.id, repo.head)
        if repo is None or (repo.indexed == repo.head and repo.head is not None):
            return
        found = _describe(node, repo, None if revision is None else revision.object)
        if _write(node, repo, repo.head, found):
            return


def up_to_date(node: Node, repo: Repo) -> Repo:
    """Return the repository with derived fields that describe its head."""
    if repo.indexed == repo.head:
        return repo
    reindex(node, repo.id)
    with node.db.read() as conn:
        return repos.get(conn, repo.id) or repo


def reindex_stale(node: Node, limit: int = 1000) -> int:
    """Bring up to `limit` repositories up to date whose fields describe another head; return how many there were."""
    stale = select(repos_table.c.id).where(
        repos_table.c.state == "live",
        repos_table.c.head.is_not(None),
        repos_table.c.indexed.is_distinct_from(repos_table.c.head),
    )
    with node.db.read() as conn:
        ids = conn.execute(stale.order_by(repos_table.c.id).limit(limit)).scalars().all()
    for one in ids:
        reindex(node, one)
    return len(ids)


def _write(node: Node, repo: Repo, head: GitOid | None, found: _Found) -> bool:
    """Write the fields unless `main` moved meanwhile; tell whether they were written."""
    total = sum(found.parameters.values())
    values: dict[str, Any] = {
        "indexed": head,
        "search_text": repo.repo.folded,
        "pipeline_tag": found.facts.pipeline_tag,
        "library_name": found.facts.library_name,
        "parameters": min(total, 2**62) if found.parameters else None,
        "safetensors": _json({"parameters": found.parameters, "total": total}) if found.parameters else None,
        "card": _card_json(found.card),
        "tags": _json(found.facts.tags),
        "config": _json(found.facts.config),
    }
    with node.db.write() as conn:
        current = repos.lock(conn, repo.id)
        if current is None:
            return True
        if current.head != head or current.repo != repo.repo:
            return False
        repos.update_columns(conn, repo.id, **values)
        search.put_tags(conn, repo.id, found.facts.tags)
    return True


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _card_json(card: Mapping[str, Any]) -> str:
    """Return the card as JSON text of at most 256 KiB, without its biggest fields where it has more."""
    kept = dict(card)
    while True:
        text = _json(kept)
        if len(text) <= MAX_CARD_JSON:
            return text
        sizes = {name: len(_json(value)) + len(name) for name, value in kept.items()}
        del kept[max(sizes, key=lambda name: sizes[name])]


def _describe(node: Node, repo: Repo, record: Sha256 | None) -> _Found:
    try:
        listing = RevisionListing.empty() if record is None else node.listings.get(node.store, record)
    except HanseError:
        listing = RevisionListing.empty()
    directory = listing.directory

    def shown(path: str) -> Entry | None:
        """Return a file whose content may be told to everybody."""
        entry = directory.file(path)
        return None if entry is None or not is_open(node, repo, entry) else entry

    card = _card(node, shown("README.md"))
    paths = {entry.path for entry in directory.entries()}
    if repo.repo.type is RepoType.DATASET:
        return _Found(dataset_facts(paths, card.data, card.body), card.data, {})
    files = {name: _config(node, entry) for name in CONFIG_FILES if (entry := shown(name)) is not None}
    facts = model_facts(paths, card.data, card.body, config_subset(files))
    return _Found(facts, card.data, _parameters(node, _weights(node, listing)))


def _card(node: Node, entry: Entry | None) -> cards.Card:
    try:
        raw = read_small(node, entry, MAX_CARD_FILE)
    except HanseError:
        raw = None
    text = (raw or b"").decode("utf-8", "replace")
    try:
        return cards.parse_card(text)
    except HanseError:
        return cards.Card({}, cards.split_front_matter(text)[1])


def _config(node: Node, entry: Entry) -> Any:
    try:
        raw = read_small(node, entry, MAX_CONFIG_FILE)
        if raw is not None and entry.path.endswith(".jinja"):
            return raw.decode("utf-8", "replace")
        return None if raw is None else msgspec.json.decode(raw)
    except (HanseError, msgspec.DecodeError, RecursionError, ValueError):
        return None


def _weights(node: Node, listing: RevisionListing) -> list[Entry]:
    """Return the safetensors files that make up the model: the index's shards, the single file, or all at the root."""
    directory = listing.directory
    index = directory.file(_INDEX)
    if index is not None:
        try:
            _, names = safetensors.parse_index(read_small(node, index, MAX_CONFIG_FILE) or b"")
        except HanseError:
            names = ()
        shards = [entry for name in names[:MAX_SHARDS] if (entry := directory.file(name)) is not None]
        if shards:
            return shards
    single = directory.file(_SINGLE)
    if single is not None:
        return [single]
    found = (item for item in directory.list_folder() if isinstance(item, Entry) and item.path.endswith(".safetensors"))
    return [entry for _, entry in zip(range(MAX_SHARDS), found, strict=False)]


def _parameters(node: Node, weights: Iterable[Entry]) -> dict[str, int]:
    """Return parameters by dtype over all files, nothing at all if one of them cannot be read: a partial sum would be false."""
    total: dict[str, int] = {}
    budget = MAX_HEADER_BYTES
    for entry in weights:
        counts = _counts.get(entry.sha256)
        if counts is None:
            try:
                header, length = read_header(node, entry)
            except HanseError:
                return {}
            budget -= length
            if budget < 0:
                return {}
            counts = safetensors.count_parameters([header])
            _counts.put(entry.sha256, counts)
        for dtype, number in counts.items():
            total[dtype] = min(total.get(dtype, 0) + number, 2**60)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def sharded_headers(
    node: Node, listing: RevisionListing, path: str, check: Callable[[Entry], object]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (index without weight map, header by shard) of the index file at `path`.

    check: called with each shard before it is read. Raises what it raises, and BadFormat if `path` is no index, names a shard
    that is missing, or is beyond the bounds of this module.
    """
    raw = read_small(node, listing.directory.file(path), MAX_CONFIG_FILE)
    if raw is None:
        raise BadFormat(f"{path[:200]!r} is missing or too large for an index")
    index, names = safetensors.parse_index(raw)
    if len(names) > MAX_SHARDS:
        raise BadFormat(f"the index names {len(names)} shards, at most {MAX_SHARDS} are read")
    folder = dirname(path)
    headers: dict[str, Any] = {}
    budget = MAX_HEADER_BYTES
    for name in names:
        entry = listing.directory.file(f"{folder}/{name}" if folder else name)
        if entry is None:
            raise BadFormat(f"the index names {name[:200]!r}, which is not in this revision")
        check(entry)
        headers[name], length = read_header(node, entry)
        budget -= length
        if budget < 0:
            raise BadFormat(f"the shards' headers have more than {MAX_HEADER_BYTES} bytes together")
    return index, headers
