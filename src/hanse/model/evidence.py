"""The evidence file of a revision (`REV.hanse.jsonl`): everything somebody without network needs to check it.

One JSON object a line, in any order: Sigstore bundles as they are, what is shown of each log, proofs against the maps that
a log's snapshot commits to, each log's advisories in force, other times of a scan that is shown, and of repositories that are
not public the salt. Lines of other media types are ignored, so that later versions can add some. Our own lines are in the
canonical form of RFC 8785 and have exactly their fields. `docs/verify.md` describes each. Nothing here is trusted: the file is
parsed, not checked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import MAX_DEPTH, canonical, parse_canonical
from hanse.model.digest import parse_sha256
from hanse.model.listed_advisories import ADVISORIES_TYPE, AdvisoriesEvidence, encode_listed, parse_listed
from hanse.model.repo import Origin, RepoType, parse_origin, parse_repo_id, parse_repo_type
from hanse.model.scan_times import MAX_TIMES_LINES, TIMES_TYPE, ScanTimes, encode_times, parse_times
from hanse.model.strictjson import check_depth

MAX_EVIDENCE_BYTES = 32 * 1024 * 1024
"""A manifest has about 300 bytes a file, so this is enough for 10^5 files."""
GATED = "x-hanse-gated"
"""Header of an evidence file whose repository gives its files only to those whom its owners let in."""
MAX_LINES = 256
MAX_LEAVES = 1024
"""Leaves in all logs of one file."""
MAX_PATH = 63
"""Hashes of an inclusion proof: a log never has 2^63 leaves."""
MAX_CHECKPOINT_BYTES = 256 * 1024
MAX_LOG_BYTES = 8 * 1024 * 1024
MAX_MAP_LINE_BYTES = 64 * 1024
BUNDLE_PREFIX = "application/vnd.dev.sigstore.bundle"
LOG_TYPE = "application/vnd.hanse.log.v2+json"
OLD_LOG_TYPE = "application/vnd.hanse.log.v1+json"
"""Every leaf a text, and every hash written out: read, and not written any more."""
MAP_TYPE = "application/vnd.hanse.map-proof.v1+json"
SALT_TYPE = "application/vnd.hanse.salt.v1+json"
MAX_SALTS = 16
MAX_ADVISORY_LISTS = 64
_OURS = (LOG_TYPE, OLD_LOG_TYPE, MAP_TYPE, SALT_TYPE, ADVISORIES_TYPE, TIMES_TYPE)
_MOST = {
    SALT_TYPE: (MAX_SALTS, "salts"),
    ADVISORIES_TYPE: (MAX_ADVISORY_LISTS, "lists of advisories"),
    TIMES_TYPE: (MAX_TIMES_LINES, "lines of times of scans"),
}
_SPACE = b" \t\r\n"
"""White space of JSON, which may stand around a line."""
_MAX_INT = 2**53 - 1
_LEAF_DEPTH = 3
"""Levels of a log's line above a leaf."""
_LOG_FIELDS = frozenset({"mediaType", "origin", "checkpoint", "leaves"})
_MAP_FIELDS = frozenset({"mediaType", "origin", "map", "key", "value", "proof"})
_SALT_FIELDS = frozenset({"mediaType", "origin", "type", "repo", "salt"})


class MapName(str, Enum):
    """Which of the maps that a snapshot commits to."""

    REFS = "refs"
    ADVISORIES = "advisories"


@dataclass(frozen=True, slots=True)
class LeafEvidence:
    """A leaf of a log. index: its position; leaf: its bytes; path: hashes of its inclusion proof, the sibling first.

    With the log's checkpoint it is a C2SP tlog-proof.
    """

    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """What is shown of one log.

    checkpoint: its signed note with cosignatures; leaves: proved under that checkpoint; vkey: the log's key as the sender has
    it, worth nothing but for a first contact, else empty.
    """

    origin: Origin
    checkpoint: bytes
    leaves: tuple[LeafEvidence, ...]
    vkey: str = ""


@dataclass(frozen=True, slots=True)
class MapEvidence:
    """What a map of a log has under one key, or that it has nothing there (value None).

    origin: the log whose newest shown snapshot has the root; key: `("ref", origin, type, repo, ref)` or `("advisory", id)`;
    value: `(seq, rev, tree)` or `(payload sha256,)`; proof: as `MapProof.encode` writes it.
    """

    origin: Origin
    map: MapName
    key: tuple[str, ...]
    value: tuple[int | str, ...] | None
    proof: bytes


@dataclass(frozen=True, slots=True)
class SaltEvidence:
    """The 32 bytes under which a repository that is not public stands in its log. repo: `namespace/name` in lower case.

    Whoever has the file can recognise this repository's leaves; it goes to those who may read the repository.
    """

    origin: Origin
    type: RepoType
    repo: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class UnverifiedEvidence:
    """A parsed evidence file. bundles: Sigstore bundles as they were sent; ignored: lines of other media types.

    advisories: what is in force in a log; of one log several, where several nodes were asked; times: of scans that are shown.
    """

    bundles: tuple[bytes, ...] = ()
    logs: tuple[LogEvidence, ...] = ()
    maps: tuple[MapEvidence, ...] = ()
    salts: tuple[SaltEvidence, ...] = ()
    ignored: int = 0
    advisories: tuple[AdvisoriesEvidence, ...] = ()
    times: tuple[ScanTimes, ...] = ()


def parse_evidence(data: bytes) -> UnverifiedEvidence:
    """Return the evidence in `data`: JSON lines, or one bundle spread over lines as other tools write it.

    Raises TooLarge above a bound, BadFormat for a line that is no JSON object with a media type, for one of ours that is not
    canonical or not complete, and for two lines about the same log.
    """
    if len(data) > MAX_EVIDENCE_BYTES:
        raise TooLarge(f"an evidence file has at most {MAX_EVIDENCE_BYTES:,} bytes, got {len(data):,}")
    lines: dict[str, list[bytes]] = {kind: [] for kind in (BUNDLE_PREFIX, *_OURS, "")}
    for line in _lines(data):
        kind = _media_type(line)
        known = BUNDLE_PREFIX if kind.startswith(BUNDLE_PREFIX) else kind
        lines[known if known in lines else ""].append(line)
    logs = [_parse_log(line, kind) for kind in (LOG_TYPE, OLD_LOG_TYPE) for line in lines[kind]]
    for kind, (most, what) in _MOST.items():
        if len(lines[kind]) > most:
            raise TooLarge(f"an evidence file has at most {most} {what}")
    if len({log.origin for log in logs}) != len(logs):
        raise BadFormat("an evidence file shows each log once")
    if sum(len(log.leaves) for log in logs) > MAX_LEAVES:
        raise TooLarge(f"an evidence file has at most {MAX_LEAVES} leaves")
    return UnverifiedEvidence(
        tuple(lines[BUNDLE_PREFIX]),
        tuple(logs),
        tuple(map(_parse_map, lines[MAP_TYPE])),
        tuple(map(_parse_salt, lines[SALT_TYPE])),
        len(lines[""]),
        tuple(map(parse_listed, lines[ADVISORIES_TYPE])),
        tuple(map(parse_times, lines[TIMES_TYPE])),
    )


def encode_evidence(
    bundles: Iterable[bytes],
    logs: Iterable[LogEvidence],
    maps: Iterable[MapEvidence],
    salts: Iterable[SaltEvidence] = (),
    advisories: Iterable[AdvisoriesEvidence] = (),
    *,
    times: Iterable[ScanTimes] = (),
) -> bytes:
    """Return the evidence file with these parts, a line each.

    bundles: JSON without line breaks. Raises BadFormat for what `parse_evidence` would refuse, TooLarge above its bounds.
    """
    lines = [bundle.strip(_SPACE) for bundle in bundles] + [_log_line(log) for log in logs] + [_map_line(one) for one in maps]
    lines += [_salt_line(one) for one in salts] + [encode_listed(one) for one in advisories]
    lines += [encode_times(one) for one in times]
    if any(b"\n" in line for line in lines):
        raise BadFormat("a bundle in an evidence file is one line")
    data = b"".join(line + b"\n" for line in lines)
    parse_evidence(data)
    return data


def _lines(data: bytes) -> list[bytes]:
    first = data.lstrip(_SPACE).partition(b"\n")[0].strip(_SPACE)
    if first and not _complete(first):
        # Another tool's bundle, indented; its line breaks carry no meaning.
        return [data]
    lines = [line for line in (part.strip(_SPACE) for part in data.split(b"\n", MAX_LINES + 1)) if line]
    if not lines:
        raise BadFormat("the evidence file is empty")
    if len(lines) > MAX_LINES:
        raise TooLarge(f"an evidence file has at most {MAX_LINES} lines")
    return lines


def _complete(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")


def _media_type(line: bytes) -> str:
    try:
        fields = json.loads(line.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadFormat(f"a line of an evidence file must be a JSON object: {str(error)[:200]}") from error
    kind = fields.get("mediaType") if type(fields) is dict else None
    if type(kind) is not str:
        raise BadFormat("a line of an evidence file must be a JSON object with a mediaType")
    return kind


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field given twice: readers would differ in which one they take."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadFormat("a JSON object of an evidence file has a field twice")
    return fields


def _parse_log(line: bytes, kind: str) -> LogEvidence:
    fields = parse_canonical(line, "what an evidence file shows of a log", MAX_LOG_BYTES)
    _only(fields, _LOG_FIELDS | ({"vkey"} & fields.keys()))
    checkpoint, leaves = _utf8(_text(fields, "checkpoint")), fields["leaves"]
    if len(checkpoint) > MAX_CHECKPOINT_BYTES:
        raise TooLarge(f"a checkpoint with its cosignatures has at most {MAX_CHECKPOINT_BYTES:,} bytes")
    if type(leaves) is not list or len(leaves) > MAX_LEAVES:
        raise BadFormat(f"leaves must be a list of at most {MAX_LEAVES}")
    vkey = _text(fields, "vkey") if "vkey" in fields else ""
    told: list[bytes] = []
    parsed = tuple(_parse_leaf(leaf, told) for leaf in leaves)
    if any(one.index >= other.index for one, other in pairwise(parsed)):
        raise BadFormat("the leaves of a log are in order of their index, each once")
    log = LogEvidence(parse_origin(_text(fields, "origin")), checkpoint, parsed, vkey)
    if line != _log_line(log, kind):
        raise BadFormat(f"what is shown of a log is not in the one form of {kind}")
    return log


def _parse_leaf(fields: Any, told: list[bytes]) -> LeafEvidence:
    """Return a leaf; told: the hashes of the log's paths so far, each once, which a number stands for."""
    if type(fields) is not dict:
        raise BadFormat("a leaf of an evidence file must be a JSON object")
    _only(fields, frozenset({"index", "leaf", "path"}))
    index, path, leaf = fields["index"], fields["path"], fields["leaf"]
    if type(index) is not int or not 0 <= index <= _MAX_INT:
        raise BadFormat("the index of a leaf must be an integer from 0 to 2^53 - 1")
    if type(path) is not list or len(path) > MAX_PATH:
        raise BadFormat(f"the path of a leaf must be a list of at most {MAX_PATH} hashes")
    hashes = []
    for item in path:
        if type(item) is int and not 0 <= item < len(told):
            raise BadFormat("a number in the path of a leaf stands for a hash that was written out before")
        hashes.append(told[item] if type(item) is int else _base64(item))
        told += [hashes[-1]] if type(item) is not int else []
    if any(len(item) != 32 for item in hashes):
        raise BadFormat("each hash in the path of a leaf has 32 bytes")
    return LeafEvidence(index, canonical(leaf) if type(leaf) is dict else _utf8(_text(fields, "leaf")), tuple(hashes))


def _parse_map(line: bytes) -> MapEvidence:
    fields = parse_canonical(line, "a map proof", MAX_MAP_LINE_BYTES)
    _only(fields, _MAP_FIELDS)
    try:
        name = MapName(_text(fields, "map"))
    except ValueError as error:
        raise BadFormat("map must be refs or advisories") from error
    key, value = fields["key"], fields["value"]
    size, head = (5, "ref") if name is MapName.REFS else (2, "advisory")
    if type(key) is not list or len(key) != size or key[0] != head or any(type(part) is not str for part in key):
        raise BadFormat(f"the key of a proof about {name.value} must be a list of {size} texts that begins with {head!r}")
    return MapEvidence(
        parse_origin(_text(fields, "origin")), name, tuple(key), _map_value(name, value), _base64(_text(fields, "proof"))
    )


def _parse_salt(line: bytes) -> SaltEvidence:
    fields = parse_canonical(line, "a salt", MAX_MAP_LINE_BYTES)
    _only(fields, _SALT_FIELDS)
    origin, kind, salt = parse_origin(_text(fields, "origin")), parse_repo_type(_text(fields, "type")), _text(fields, "salt")
    repo = parse_repo_id(origin, kind, _text(fields, "repo"))
    if repo.folded != fields["repo"] or kind.value != fields["type"]:
        raise BadFormat("a salt names type and repository as leaves do, in lower case")
    return SaltEvidence(origin, kind, repo.folded, bytes.fromhex(parse_sha256(salt)))


def _map_value(name: MapName, value: Any) -> tuple[int | str, ...] | None:
    if value is None:
        return None
    if type(value) is list and name is MapName.REFS and len(value) == 3:
        seq, rev, tree = value
        if type(seq) is int and 0 < seq <= _MAX_INT and type(rev) is str and type(tree) is str:
            return (seq, rev, tree)
    elif type(value) is list and name is MapName.ADVISORIES and len(value) == 1 and type(value[0]) is str:
        return (parse_sha256(value[0]),)
    raise BadFormat("the value of a map proof must be [seq, rev, tree], [payload sha256] or null")


def _log_line(log: LogEvidence, kind: str = LOG_TYPE) -> bytes:
    """Return the line about a log, in the one form that a media type has for it."""
    number: dict[bytes, int] = {}
    leaves = []
    for one in log.leaves:
        path: list[str | int] = []
        for item in one.path:
            again = kind == LOG_TYPE and item in number
            path.append(number[item] if again else base64.b64encode(item).decode())
            number.setdefault(item, len(number))
        leaves.append({"index": one.index, "leaf": _shown_leaf(one.leaf, kind), "path": path})
    fields = {"mediaType": kind, "origin": log.origin, "checkpoint": _decoded(log.checkpoint), "leaves": leaves}
    return canonical(fields | ({"vkey": log.vkey} if log.vkey else {}))


def _shown_leaf(leaf: bytes, kind: str) -> dict[str, Any] | str:
    """Return a leaf as the object that it is the canonical form of; as a text where it is of no such form."""
    if kind == LOG_TYPE:
        with suppress(BadFormat, TooLarge):
            value = parse_canonical(leaf, "a leaf", MAX_LOG_BYTES)
            check_depth(value, "a leaf", MAX_DEPTH - _LEAF_DEPTH)
            return value
    return _decoded(leaf)


def _map_line(one: MapEvidence) -> bytes:
    value = None if one.value is None else list(one.value)
    proof = base64.b64encode(one.proof).decode()
    body = {"origin": one.origin, "map": one.map.value, "key": list(one.key), "value": value, "proof": proof}
    return canonical({"mediaType": MAP_TYPE} | body)


def _salt_line(one: SaltEvidence) -> bytes:
    named = {"origin": one.origin, "type": one.type.value, "repo": one.repo}
    return canonical({"mediaType": SALT_TYPE, **named, "salt": one.salt.hex()})


def _only(fields: dict[str, Any], wanted: frozenset[str]) -> None:
    if fields.keys() != wanted:
        raise BadFormat(
            f"expected exactly the fields {sorted(wanted)}; missing or unknown: {sorted(fields.keys() ^ wanted)}"[:400]
        )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if type(value) is not str:
        raise BadFormat(f"{name} must be a text")
    return value


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadFormat("a text of an evidence file must be valid UTF-8") from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFormat("checkpoints and leaves in an evidence file must be valid UTF-8") from error


def _base64(text: Any) -> bytes:
    """Return the bytes that `text` writes; only their one encoding is taken, so that no bit of a file is idle."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise BadFormat("expected standard base64") from error
    if base64.b64encode(data).decode() != text:
        raise BadFormat("expected base64 in its one canonical form")
    return data
