"""What the leaf kinds share: bounds, strict reading of single fields, and the bytes of a leaf.

A leaf kind is a frozen dataclass with `kind`, `must`, `time` and `body()` (its other fields as JSON values), and a function
that makes it from the fields of a JSON object. `hanse.model.leaf` puts them together.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.repo import Origin, RepoType, parse_origin, parse_ref_part, parse_repo_id

LEAF_VERSION = 1
MAX_LEAF_BYTES = 65_535
"""Largest leaf a tlog-tiles entry bundle can hold (its length prefix is a uint16)."""
MAX_OWN_LEAF_BYTES = 2_047
"""Largest leaf written here, `key` leaves apart."""
MAX_KEY_LEAF_BYTES = 8_191
"""Largest `key` leaf written here: an ML-DSA-44 key, handed over by another one, takes 5 KiB."""
MAX_INT = 2**53 - 1
MAX_BASE64 = 4_096
"""Longest signature or public key in base64 (ML-DSA-44: 3,228 and 1,780)."""
_HEAD_FIELDS = frozenset({"v", "kind", "must", "time"})
_MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second RFC 3339 can write
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z", re.ASCII).fullmatch
_Kind = TypeVar("_Kind", bound=Enum)


@dataclass(frozen=True, slots=True)
class Payload:
    """A signed statement kept outside the log: SHA-256 and size in bytes of the DSSE payload.

    In a concealed leaf the digest is an HMAC and there is no size. Raises BadDigest or BadFormat on construction.
    """

    sha256: Sha256
    size: int | None

    def __post_init__(self) -> None:
        parse_sha256(self.sha256)
        if self.size is not None and not 1 <= self.size <= MAX_INT:
            raise BadFormat(f"size of a payload must be from 1 to 2^53 - 1, got {self.size}")

    def json(self) -> dict[str, Any]:
        """Return the payload as leaves have it."""
        return {"sha256": self.sha256} | ({} if self.size is None else {"size": self.size})


class Written(Protocol):
    """A leaf of a kind known here."""

    @property
    def kind(self) -> str:
        """The leaf's `kind`."""
        ...

    @property
    def must(self) -> bool:
        """Whether a reader that does not know the kind must not decide what is latest."""
        ...

    @property
    def time(self) -> int:
        """Seconds since 1970-01-01 UTC."""
        ...

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but `v`, `kind`, `must` and `time`."""
        ...


def leaf_bytes(leaf: Written, *, without: str = "") -> bytes:
    """Return the canonical bytes of a leaf; without: a field that is left out, for what a signature covers.

    Raises TooLarge if the leaf does not stay below 2 KiB (8 KiB for a `key` leaf).
    """
    head = {"v": LEAF_VERSION, "kind": leaf.kind, "must": leaf.must, "time": format_time(leaf.time)}
    data = canonical({name: value for name, value in (head | leaf.body()).items() if name != without})
    limit = MAX_KEY_LEAF_BYTES if leaf.kind == "key" else MAX_OWN_LEAF_BYTES
    if len(data) > limit:
        raise TooLarge(f"a leaf must have at most {limit} bytes, got {len(data)}", hint="use a shorter ref name")
    return data


def check_time(time: int) -> None:
    """Raise BadFormat unless `time` is a second of the years 1970 to 9999."""
    if not 0 <= time <= _MAX_TIME:
        raise BadFormat(f"time of a leaf must be from 1970 to 9999, got {time} seconds")


def check_head(time: int, origin: str, repo: str) -> None:
    """Check the fields of a leaf about a repository; repo: `namespace/name` in lower case, or 64 hex digits if concealed.

    Raises BadFormat, BadRepoId or BadDigest.
    """
    check_time(time)
    _check_origin(origin)
    if "/" in repo:
        check_name(repo)
    else:
        parse_sha256(repo)


# Logs name the same few things again and again.
_check_origin = lru_cache(maxsize=256)(parse_origin)


@lru_cache(maxsize=4096)
def check_name(repo: str) -> None:
    """Raise BadFormat or BadRepoId unless `repo` is `namespace/name` in lower case."""
    # Origin and type play no part in the rules for namespace and name.
    if parse_repo_id(Origin("any"), RepoType.MODEL, repo).folded != repo:
        raise BadFormat(f"a leaf names a repository in lower case, got {repo[:200]!r}")


@lru_cache(maxsize=4096)
def check_ref(ref: str) -> None:
    """Accept `refs/<class>/<name>`: heads, tags, pr, and what upstreams have besides, such as `refs/convert/parquet`.

    Raises BadFormat or BadRepoId.
    """
    prefix, _, rest = ref.partition("/")
    kind, _, name = rest.partition("/")
    if prefix != "refs" or not (kind.isascii() and kind.isalpha() and kind.islower() and len(kind) <= 32):
        raise BadFormat(f"a ref leaf needs a full ref name such as refs/heads/main, got {ref[:120]!r}")
    utf8(parse_ref_part(name))


def check_seq(seq: int) -> None:
    """Raise BadFormat unless `seq` is from 1 to 2^53 - 1."""
    if not 1 <= seq <= MAX_INT:
        raise BadFormat(f"seq must be from 1 to 2^53 - 1, got {seq}")


def parse_base64(text: str, what: str) -> bytes:
    """Return the bytes that `text` writes in standard base64 with padding; raises BadFormat or TooLarge."""
    if len(text) > MAX_BASE64:
        raise TooLarge(f"{what} of a leaf has at most {MAX_BASE64} characters, got {len(text)}")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadFormat(f"{what} of a leaf must be base64") from error
    # The decoder also takes a last character with spare bits.
    if not data or base64.b64encode(data).decode() != text:
        raise BadFormat(f"{what} of a leaf must be base64 of at least one byte")
    return data


def utf8(text: str) -> bytes:
    """Return the text in UTF-8; raises BadFormat for unpaired surrogates."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadFormat("a text of a leaf must be valid UTF-8") from error


def only(fields: dict[str, Any], needed: frozenset[str], optional: Iterable[str] = ()) -> None:
    """Raise BadFormat unless `fields` has exactly the head of a leaf, `needed`, and any of `optional`."""
    wanted = _HEAD_FIELDS | needed
    odd = (fields.keys() ^ wanted) - set(optional)
    if odd:
        raise BadFormat(
            f"a {fields['kind']} leaf has exactly the fields {sorted(wanted)}; missing or unknown: {sorted(odd)}"[:600]
        )


def text(fields: dict[str, Any], name: str) -> str:
    """Return a field that must be a text; raises BadFormat."""
    value = fields.get(name)
    if type(value) is not str:
        raise BadFormat(f"{name} of a leaf must be a text")
    return value


def optional_text(fields: dict[str, Any], name: str) -> str | None:
    """Return a field that must be a text if it is there; raises BadFormat."""
    return text(fields, name) if name in fields else None


def integer(fields: dict[str, Any], name: str) -> int:
    """Return a field that must be an integer; raises BadFormat."""
    value = fields.get(name)
    if type(value) is not int:
        raise BadFormat(f"{name} of a leaf must be an integer")
    return value


def payload(fields: dict[str, Any]) -> Payload:
    """Return the field `payload`; raises BadFormat or BadDigest."""
    value = fields.get("payload")
    if type(value) is not dict or not {"sha256"} <= value.keys() <= {"sha256", "size"}:
        raise BadFormat("payload of a leaf must be an object of sha256 and, unless concealed, size")
    return Payload(Sha256(text(value, "sha256")), integer(value, "size") if "size" in value else None)


def enum(kind: Callable[[str], _Kind], fields: dict[str, Any], name: str) -> _Kind:
    """Return a field that must be one of the values of `kind`; raises BadFormat."""
    value = text(fields, name)
    try:
        return kind(value)
    except ValueError as error:
        raise BadFormat(f"{name} of a leaf has the unknown value {value[:40]!r}") from error


def format_time(time: int) -> str:
    """Return a time in seconds since 1970 as leaves have it."""
    return datetime.fromtimestamp(time, tz=UTC).isoformat()[:19] + "Z"


def parse_time(text: str) -> int:
    """Return seconds since 1970 for exactly `YYYY-MM-DDTHH:MM:SSZ`; raises BadFormat."""
    found = _TIME(text)
    if found is None:
        raise BadFormat(f"time of a leaf must look like 2026-11-22T08:03:24Z, got {text[:40]!r}")
    day, hours, minutes, seconds = found.groups()
    return _midnight(day) + 3600 * int(hours) + 60 * int(minutes) + int(seconds)


@lru_cache(maxsize=1024)
def _midnight(day: str) -> int:
    try:
        moment = datetime.fromisoformat(day)
    except ValueError as error:
        raise BadFormat(f"time of a leaf is of no day of the calendar: {day}") from error
    if moment.year < 1970:
        raise BadFormat(f"time of a leaf must be from 1970 to 9999, got {day}")
    return int(moment.replace(tzinfo=UTC).timestamp())
