"""The answers of a Hub, decoded into exactly what is used of them; every form, length and number is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from hanse.errors import BadPath, HanseError, PeerMalformed
from hanse.model.digest import GitOid, Sha256, XetHash, parse_git_oid, parse_sha256, parse_xet
from hanse.model.filepin import FilePin
from hanse.model.repo import RefName, branch_ref, parse_path, tag_ref

MAX_SIZE = 1 << 50
"""Longest file that is believed, in bytes."""
MAX_CARD_BYTES = 512 * 1024
_MAX_TEXT = 500
_MAX_TAGS = 2000
_MAX_REFS = 50_000
_RENAME = "a revision is taken as a whole: its publisher has to rename that file, or name a revision without it"
_LINK = re.compile(r'<([^<>]{1,8192})>\s*;\s*rel="?next"?')
_PULL = re.compile(r"refs/pr/[1-9][0-9]{0,8}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubInfo:
    """What an origin says of a revision. id: name as spelled there; rev: commit id; info: more claims, as the Hub names them."""

    id: str
    rev: GitOid
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HubRef:
    """A ref and the commit that it is at."""

    ref: RefName
    rev: GitOid


@dataclass(frozen=True, slots=True)
class HubCommit:
    """A commit as the origin lists it. date: as it writes it."""

    id: GitOid
    title: str
    date: str


class _Lfs(msgspec.Struct):
    oid: str
    size: int


class _Entry(msgspec.Struct):
    type: str
    path: str
    oid: str = ""
    size: int = 0
    lfs: _Lfs | None = None
    xet: str | None = msgspec.field(default=None, name="xetHash")


class _Info(msgspec.Struct):
    id: str
    sha: str
    raw_gated: bool | str | None = msgspec.field(default=False, name="gated")
    private: bool | None = False
    disabled: bool | None = False
    author: str | None = None
    pipeline_tag: str | None = None
    library_name: str | None = None
    tags: list[str] | None = None
    modified: str | None = msgspec.field(default=None, name="lastModified")
    created: str | None = msgspec.field(default=None, name="createdAt")
    card: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw, name="cardData")


class _Target(msgspec.Struct):
    ref: str
    commit: str = msgspec.field(name="targetCommit")
    name: str = ""


class _Refs(msgspec.Struct):
    branches: list[_Target] = []
    converts: list[_Target] = []
    tags: list[_Target] = []
    pulls: list[_Target] | None = msgspec.field(default=None, name="pullRequests")


class _Commit(msgspec.Struct):
    id: str
    title: str = ""
    date: str = ""


class _Account(msgspec.Struct):
    name: str


def _decoded(data: bytes, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerMalformed(f"{name} answers something else than a Hub does: {str(error)[:200]}") from error


def info(data: bytes, name: str) -> HubInfo:
    """Return what a revision's answer says; raises PeerMalformed."""
    found = _decoded(data, _Info, name)
    claims: dict[str, Any] = {
        "private": bool(found.private),
        "disabled": bool(found.disabled),
        "gated": _text(found.raw_gated) if isinstance(found.raw_gated, str) else bool(found.raw_gated),
        "author": _text(found.author),
        "pipeline_tag": _text(found.pipeline_tag),
        "library_name": _text(found.library_name),
        "lastModified": _text(found.modified),
        "createdAt": _text(found.created),
        "tags": [one[:_MAX_TEXT] for one in (found.tags or [])[:_MAX_TAGS]],
        "cardData": _card(found.card, name),
    }
    said = {key: value for key, value in claims.items() if value not in (None, [], {})}
    return HubInfo(_text(found.id) or "", _commit_id(found.sha, name), MappingProxyType(said))


def _card(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    data = bytes(raw)
    if not data or len(data) > MAX_CARD_BYTES:
        return {}
    found = _decoded(data, object, name)
    return found if isinstance(found, dict) else {}


def _text(value: str | None) -> str | None:
    return None if value is None else value[:_MAX_TEXT]


def _commit_id(text: str, name: str) -> GitOid:
    try:
        return parse_git_oid(text)
    except HanseError as error:
        raise PeerMalformed(f"{name} names a commit {text[:80]!r}, which is no commit id") from error


def tree_page(data: bytes, name: str) -> Iterator[FilePin]:
    """Yield the files of a page of a tree; raises PeerMalformed."""
    for entry in _decoded(data, list[_Entry], name):
        if entry.type == "file":
            try:
                yield _pin(entry, name)
            except PeerMalformed:
                raise
            except BadPath as error:
                raise PeerMalformed(f"{name} lists a file that no revision may have: {error.message}", hint=_RENAME) from error
            except HanseError as error:
                raise PeerMalformed(f"{name} says of {entry.path[:200]!r}: {error.message}") from error


def _pin(entry: _Entry, name: str) -> FilePin:
    if not 0 <= entry.size <= MAX_SIZE or (entry.lfs is not None and entry.lfs.size != entry.size):
        raise PeerMalformed(f"{name} says of {entry.path[:200]!r} that it has {entry.size} bytes, and something else")
    sha256: Sha256 | None = None if entry.lfs is None else parse_sha256(entry.lfs.oid.removeprefix("sha256:"))
    xet: XetHash | None = None if entry.xet is None else parse_xet(entry.xet)
    oid = parse_git_oid(entry.oid)
    return FilePin(parse_path(entry.path), entry.size, oid, lfs=entry.lfs is not None, sha256=sha256, xet=xet)


def refs(data: bytes, name: str) -> tuple[HubRef, ...]:
    """Return the refs of an answer, those with names that cannot be left out; raises PeerMalformed."""
    found = _decoded(data, _Refs, name)
    rows = [*found.branches, *found.converts, *found.tags, *(found.pulls or [])]
    if len(rows) > _MAX_REFS:
        raise PeerMalformed(f"{name} names more than {_MAX_REFS:,} refs")
    return tuple(HubRef(ref, _commit_id(row.commit, name)) for row in rows if (ref := _ref(row.ref)) is not None)


def _ref(text: str) -> RefName | None:
    try:
        if text.startswith("refs/heads/"):
            return branch_ref(text.removeprefix("refs/heads/"))
        if text.startswith("refs/tags/"):
            return tag_ref(text.removeprefix("refs/tags/"))
    except HanseError:
        return None
    known = _PULL.fullmatch(text) or (text.startswith("refs/convert/") and _ref(f"refs/heads/{text[13:]}"))
    return RefName(text) if known else None


def commits_page(data: bytes, name: str) -> list[HubCommit]:
    """Return the commits of a page; raises PeerMalformed."""
    found = _decoded(data, list[_Commit], name)
    return [HubCommit(_commit_id(row.id, name), row.title[:_MAX_TEXT], row.date[:_MAX_TEXT]) for row in found]


def account(data: bytes, name: str) -> str:
    """Return the name in an answer of whoami; raises PeerMalformed."""
    return _decoded(data, _Account, name).name[:_MAX_TEXT]


def next_link(header: str) -> str | None:
    """Return the address of the next page in a Link header, None if there is none."""
    found = _LINK.search(header[:16384])
    return found.group(1) if found else None
