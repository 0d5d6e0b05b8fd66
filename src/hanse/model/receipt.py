"""The receipt of a pull: what was received, from whom, when, and what vouched for it. One line of RFC 8785 JSON.

A receipt file (`NAME.hanse.jsonl`) is an evidence file (`hanse.model.evidence`) with this line in front, or this line alone
where nobody signed anything. The line itself is signed by nobody: what it says of a revision that was signed is checked against
the evidence behind it, and of any other it is the word of whoever kept the file. Nothing here is trusted: it is parsed, not
checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.decision import Rung, State
from hanse.model.digest import GitOid, parse_git_oid, parse_sha256, parse_xet
from hanse.model.evidence import MAX_EVIDENCE_BYTES
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoId, parse_origin, parse_path, parse_repo_id, parse_repo_type

RECEIPT_TYPE: Final = "application/vnd.hanse.receipt.v1+json"
MAX_FILES = 100_000
MAX_LINE_BYTES = 32 * 1024 * 1024
MAX_RECEIPT_BYTES = MAX_LINE_BYTES + MAX_EVIDENCE_BYTES
"""Of a receipt file: the line and the evidence behind it."""
MAX_NAMED = 1024
"""Signers, cosigners, sources, notices: of each."""
MAX_TEXT = 2000
HELD: Final = "held"
"""The source of what was on this machine already."""
_MAX_INT = 2**53 - 1
_FIELDS = frozenset(
    [
        "mediaType",
        "origin",
        "type",
        "repo",
        "rev",
        "ref",
        "tree",
        "complete",
        "pulled",
        "asOf",
        "rung",
        "policy",
        "files",
        "signers",
        "cosigners",
        "sources",
        "notices",
    ]
)
_FILE_FIELDS = frozenset({"path", "size", "oid", "lfs", "sha256", "xet"})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed the revision. member: origin of his log, empty if only the key is known; key: fingerprint.

    owner: the key answers for the name.
    """

    member: str
    key: str
    owner: bool


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Who cosigned the checkpoint of a log, and when (seconds since 1970). mirror: after having replayed it."""

    name: str
    log: str
    time: int
    mirror: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where bytes came from: host and port, or HELD."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """The policy that let the revision pass. digest: SHA-256 of what it says; state: accepted or stale."""

    name: str
    digest: str
    state: State


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was pulled. Times are seconds since 1970.

    ref: what was asked for by name, empty for a commit id; tree: empty where not every file has been hashed; files: those that
    were received, each with the SHA-256 of what came; complete: they are all that the revision has; as_of: when its source was
    last heard of.
    """

    repo: RepoId
    rev: GitOid
    ref: str
    tree: str
    complete: bool
    pulled: int
    as_of: int
    rung: Rung
    policy: JudgedBy
    files: tuple[FilePin, ...]
    signers: tuple[Signer, ...] = ()
    cosigners: tuple[Cosigner, ...] = ()
    sources: tuple[Source, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "mediaType": RECEIPT_TYPE,
            "origin": self.repo.origin,
            "type": self.repo.type.value,
            "repo": self.repo.path,
            "rev": self.rev,
            "ref": self.ref,
            "tree": self.tree,
            "complete": self.complete,
            "pulled": self.pulled,
            "asOf": self.as_of,
            "rung": self.rung.value,
            "policy": {"name": self.policy.name, "digest": self.policy.digest, "state": self.policy.state.value},
            "files": [_file_json(one) for one in self.files],
            "signers": [{"member": one.member, "key": one.key, "owner": one.owner} for one in self.signers],
            "cosigners": [{"name": one.name, "log": one.log, "time": one.time, "mirror": one.mirror} for one in self.cosigners],
            "sources": [{"name": one.name, "bytes": one.size} for one in self.sources],
            "notices": list(self.notices),
        }


def encode_receipt(receipt: Receipt, evidence: bytes | None = None) -> bytes:
    """Return the receipt file; raises BadFormat or TooLarge for what `parse_receipt` would refuse."""
    line = canonical(receipt.to_json())
    parse_receipt(line)
    return line + b"\n" + (evidence or b"")


def split_receipt(data: bytes) -> tuple[Receipt | None, bytes]:
    """Return the receipt in a file, if there is one, and the evidence that the rest of the file is.

    Raises TooLarge above MAX_RECEIPT_BYTES, BadFormat for a receipt that is damaged, or for two of them.
    """
    if len(data) > MAX_RECEIPT_BYTES:
        raise TooLarge(f"a receipt with its evidence has at most {MAX_RECEIPT_BYTES:,} bytes, got {len(data):,}")
    if RECEIPT_TYPE.encode() not in data:
        return None, data
    lines = data.split(b"\n")
    found = [line for line in lines if _is_receipt(line)]
    if len(found) > 1:
        raise BadFormat("a receipt file has one receipt", hint="pull again")
    return (parse_receipt(found[0]) if found else None), b"\n".join(line for line in lines if line not in found)


def _is_receipt(line: bytes) -> bool:
    if RECEIPT_TYPE.encode() not in line:
        return False
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFormat(f"a line of the receipt is no JSON: {str(error)[:200]}") from error
    return type(fields) is dict and fields.get("mediaType") == RECEIPT_TYPE


def parse_receipt(line: bytes) -> Receipt:
    """Return the receipt in a line; raises TooLarge above a bound, BadFormat, BadDigest, BadRepoId or BadPath otherwise."""
    fields = parse_canonical(line, "a receipt", MAX_LINE_BYTES)
    _only(fields, _FIELDS)
    if fields["mediaType"] != RECEIPT_TYPE:
        raise BadFormat(f"a receipt has the media type {RECEIPT_TYPE}")
    repo = parse_repo_id(parse_origin(_text(fields, "origin")), parse_repo_type(_text(fields, "type")), _text(fields, "repo"))
    tree, policy = _text(fields, "tree"), fields["policy"]
    _only(policy, frozenset({"name", "digest", "state"}))
    files = _list(fields, "files", MAX_FILES, _file)
    if len({one.path for one in files}) != len(files):
        raise BadFormat("a receipt names each file once")
    return Receipt(
        repo=repo,
        rev=parse_git_oid(_text(fields, "rev")),
        ref=_text(fields, "ref"),
        tree=parse_sha256(tree) if tree else "",
        complete=_truth(fields, "complete"),
        pulled=_number(fields, "pulled"),
        as_of=_number(fields, "asOf"),
        rung=_one_of(Rung, _text(fields, "rung")),
        policy=JudgedBy(_text(policy, "name"), parse_sha256(_text(policy, "digest")), _one_of(State, _text(policy, "state"))),
        files=files,
        signers=_list(fields, "signers", MAX_NAMED, _signer),
        cosigners=_list(fields, "cosigners", MAX_NAMED, _cosigner),
        sources=_list(fields, "sources", MAX_NAMED, _source),
        notices=_list(fields, "notices", MAX_NAMED, lambda item: _text({"notice": item}, "notice")),
    )


def _file_json(pin: FilePin) -> dict[str, Any]:
    digests = {"sha256": pin.sha256 or "", "xet": pin.xet or ""}
    return {"path": pin.path, "size": pin.size, "oid": pin.git_oid, "lfs": pin.lfs, **digests}


def _file(fields: Any) -> FilePin:
    _only(fields, _FILE_FIELDS)
    xet = _text(fields, "xet")
    return FilePin(
        path=parse_path(_text(fields, "path", 4096)),
        size=_number(fields, "size"),
        git_oid=parse_git_oid(_text(fields, "oid")),
        lfs=_truth(fields, "lfs"),
        sha256=parse_sha256(_text(fields, "sha256")),
        xet=parse_xet(xet) if xet else None,
    )


def _signer(fields: Any) -> Signer:
    _only(fields, frozenset({"member", "key", "owner"}))
    return Signer(_text(fields, "member"), _text(fields, "key"), _truth(fields, "owner"))


def _cosigner(fields: Any) -> Cosigner:
    _only(fields, frozenset({"name", "log", "time", "mirror"}))
    return Cosigner(_text(fields, "name"), _text(fields, "log"), _number(fields, "time"), _truth(fields, "mirror"))


def _source(fields: Any) -> Source:
    _only(fields, frozenset({"name", "bytes"}))
    return Source(_text(fields, "name"), _number(fields, "bytes"))


def _list(fields: dict[str, Any], name: str, most: int, parse: Callable[[Any], _T]) -> tuple[_T, ...]:
    found = fields[name]
    if type(found) is not list or len(found) > most:
        raise BadFormat(f"{name} of a receipt must be a list of at most {most:,}")
    return tuple(parse(item) for item in found)


def _only(fields: Any, wanted: frozenset[str]) -> None:
    if type(fields) is not dict or fields.keys() != wanted:
        raise BadFormat(f"a part of the receipt must be a JSON object with exactly {sorted(wanted)}"[:400])


def _text(fields: dict[str, Any], name: str, most: int = MAX_TEXT) -> str:
    value = fields[name]
    if type(value) is not str or len(value) > most:
        raise BadFormat(f"{name} of a receipt must be a text of at most {most:,} characters")
    return value


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields[name]
    if type(value) is not int or not 0 <= value <= _MAX_INT:
        raise BadFormat(f"{name} of a receipt must be an integer from 0 to 2^53 - 1")
    return value


def _truth(fields: dict[str, Any], name: str) -> bool:
    value = fields[name]
    if type(value) is not bool:
        raise BadFormat(f"{name} of a receipt must be true or false")
    return value


def _one_of(kind: Callable[[str], _T], text: str) -> _T:
    try:
        return kind(text)
    except ValueError as error:
        raise BadFormat(
            f"a receipt says {text[:40]!r}, which is not known here", hint="read it with the version that wrote it"
        ) from error
