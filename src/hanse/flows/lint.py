"""What is worth a second look when a revision settles: notices that are reported and block nothing.

1. `same-payload`: a big file is byte for byte that of another public repository which had it before.
2. `licence-changed`: a licence file, or the licence that the card names, is not what the last settled revision had.
3. `history-rewritten`: a revision that this ref pointed at is no ancestor of where it points now.
4. `remote-code`: a configuration names code in another repository, which may change at any time.

A notice names only what everybody may see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hanse.clock import rfc3339
from hanse.content.card import parse_card
from hanse.content.directory import Directory
from hanse.db import find, logged, notices, revisions
from hanse.db.notices import Notice
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError
from hanse.flows import access
from hanse.flows.index import read_small
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import NO_GIT_OID, GitOid
from hanse.model.entry import Entry

PAYLOAD_BYTES = 64 * 1024
"""A file of at least this size is payload: two repositories do not have the same one by chance."""
MAX_PAYLOADS = 100
MAX_NOTICES = 20
MAX_POSITIONS = 200
MAX_VALUES = 20_000
"""Objects and lists of one configuration that are looked at."""
_SMALL = 1024 * 1024
_LICENCES = ("license", "licence", "copying", "notice")
_TEXTS = ("txt", "md", "rst", "html", "pdf")
_CONFIGS = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "generation_config.json",
    "model_index.json",
    "modules.json",
)


def lint(node: Node, repo: Repo, ref: str, revision: Revision, last: GitOid | None) -> list[Notice]:
    """Return what is worth a look in a revision of a ref; last: the settled revision before it, None if there is none."""
    files = _files(node, revision)
    with node.db.read() as conn:
        before = None if last is None else revisions.get(conn, repo.id, last)
    old = None if before is None or before.state == "erased" else _files(node, before)
    found = [
        *_same_payload(node, repo, files),
        *([] if old is None or before is None else _licence(node, files, old, before.rev)),
        *_rewritten(node, repo, ref, revision.rev),
        *_remote_code(node, repo, files),
    ]
    now = node.clock.now()
    return [Notice(repo.id, revision.rev, kind, about, says, now) for kind, about, says in found[:MAX_NOTICES]]


def note(node: Node, repo: Repo, ref: str, revision: Revision, last: GitOid | None) -> None:
    """Keep what `lint` says; a revision whose small files cannot be read is passed over."""
    found = lint(node, repo, ref, revision, last)
    with node.db.write() as conn:
        notices.put(conn, found)


_Said = tuple[str, str, str]
"""kind, what it is about, sentence."""


def _files(node: Node, revision: Revision) -> Directory:
    return node.listings.get(node.store, revision.object).directory


def _same_payload(node: Node, repo: Repo, files: Directory) -> Iterator[_Said]:
    """Yield for each big file the public repository elsewhere that had it first."""
    big = sorted((one for one in files.entries() if one.size >= PAYLOAD_BYTES), key=lambda one: -one.size)[:MAX_PAYLOADS]
    paths = {entry.sha256: entry.path for entry in reversed(big)}
    everybody = access.visible_repos_clause(ANONYMOUS)
    with node.db.read() as conn:
        others = find.earlier_elsewhere(conn, repo.id, list(paths), everybody, MAX_PAYLOADS)
    told = set[str]()
    for other in others:
        if other.sha256 not in told:
            told.add(other.sha256)
            path, name, since = paths[other.sha256], other.repo.repo.path, rfc3339(other.added_at)
            yield "same-payload", other.sha256, f"{path} is byte for byte a file of {name}, which has it since {since}"


def _licence(node: Node, files: Directory, old: Directory, rev: GitOid) -> Iterator[_Said]:
    """Yield licence files and the card's licence that are no longer what they were in the settled revision before."""
    now, then = _licence_files(files), _licence_files(old)
    for path, entry in then.items():
        if path not in now:
            yield "licence-changed", path, f"{path}, which revision {rev[:12]} has, is gone"
        elif now[path].sha256 != entry.sha256:
            yield "licence-changed", path, f"the text of {path} is not the one of revision {rev[:12]}"
    said, before = _card_licence(node, files), _card_licence(node, old)
    if before and said != before:
        yield "licence-changed", "README.md", f"the card says licence {said or 'nothing'}, revision {rev[:12]} says {before}"


def _licence_files(files: Directory) -> dict[str, Entry]:
    return {one.path: one for one in files.entries() if _is_licence(one.path.lower())}


def _is_licence(path: str) -> bool:
    """Tell whether a file in whatever folder is the text of a licence by its name: `LICENSE`, `LICENSES/MIT.txt`, `NOTICE.md`."""
    folder, _, name = path.rpartition("/")
    named = name.startswith(_LICENCES) or folder.rpartition("/")[2] in ("licenses", "licences")
    return named and (name.rpartition(".")[2] in _TEXTS if "." in name else True)


def _card_licence(node: Node, files: Directory) -> str:
    """Return the licence that the card names, with name and address of one that is none of the usual ones."""
    card = _card(node, files)
    data = card.get("license")
    listed = [*(data if isinstance(data, list) else [data])[:5], card.get("license_name"), card.get("license_link")]
    return ", ".join(one[:100] for one in listed if isinstance(one, str))


def _card(node: Node, files: Directory) -> Mapping[str, Any]:
    try:
        return parse_card((read_small(node, files.file("README.md"), _SMALL) or b"").decode("utf-8", "replace")).data
    except HanseError:
        return {}


def _rewritten(node: Node, repo: Repo, ref: str, rev: GitOid) -> Iterator[_Said]:
    """Yield the newest revision that the ref pointed at and that is not in the history of its head."""
    if repo.mirrored or not ref.startswith("refs/heads/"):  # of a mirror its upstream tells (hanse.flows.mirror)
        return
    with node.db.read() as conn:
        former = logged.positions(conn, repo.id, ref, MAX_POSITIONS)
        reached = revisions.reachable(conn, repo.id, [rev])
    for _, old in former:
        if old != NO_GIT_OID and old not in reached:
            name = ref.removeprefix("refs/heads/")
            yield "history-rewritten", old, f"revision {old[:12]}, where {name} was, is no longer in its history"
            return


def _remote_code(node: Node, repo: Repo, files: Directory) -> Iterator[_Said]:
    for name in _CONFIGS:
        for where in _elsewhere(node, files.file(name)):
            other, _, target = where.partition("--")
            if other.lower() != repo.repo.folded:
                says = (
                    f"{name} names {target[:100]} of {other[:200]}: whoever trusts it runs what that repository holds on that day"
                )
                yield "remote-code", f"{name} {where}", says


def _elsewhere(node: Node, entry: Entry | None) -> list[str]:
    """Return the references to code in other repositories (`owner/name--module.Class`) in one configuration."""
    try:
        value = msgspec.json.decode(read_small(node, entry, _SMALL) or b"null")
    except (HanseError, msgspec.DecodeError, RecursionError, ValueError):
        return []
    return sorted({one[:400] for one in _references(value) if isinstance(one, str) and "--" in one})


def _references(value: object) -> Iterator[object]:
    """Yield what a configuration, or a part of it, names as code: `auto_map`, custom pipelines, modules of an encoder."""
    waiting, left = [value], MAX_VALUES
    while waiting and left:
        one, left = waiting.pop(), left - 1
        inner = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
        waiting += [part for part in inner if isinstance(part, dict | list)]
        if not isinstance(one, dict):
            continue
        named, pipelines = one.get("auto_map"), one.get("custom_pipelines")
        for row in list(named.values())[:50] if isinstance(named, dict) else [named]:
            yield from row[:4] if isinstance(row, list) else [row]
        for row in list(pipelines.values())[:50] if isinstance(pipelines, dict) else []:
            yield row.get("impl") if isinstance(row, dict) else None
        if "path" in one:  # a row of modules.json: sentence-transformers imports its `type`
            yield one.get("type")
