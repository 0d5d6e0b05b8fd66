"""What an upstream says about a revision, and how the first claim is kept: pins that no later claim replaces."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from hanse.content.gitobjects import clean_message
from hanse.errors import BadFormat, PeerMisbehaved, TooLarge
from hanse.flows.records import ClaimedWords
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256, parse_xet
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoId, parse_path

MAX_FILES = 200_000
MAX_PINS = 128 * 1024 * 1024
MAX_TITLE = 500
MAX_MESSAGE = 16 * 1024
MAX_AUTHOR = 96
NO_WORDS = ClaimedWords(title="", message="", author="unknown", time=0)

_Row = tuple[str, int, str, bool, str, str]
"""path, size, git blob id, lfs, sha256 and xet ("" where nobody said)."""


@dataclass(frozen=True, slots=True)
class RevisionClaim:
    """A revision as an upstream (or a cache on this machine) says that it is.

    repo: with the upstream's origin, as the upstream spells it; files: every file; source: `upstream` or `cache`; gated, private:
    whether the upstream shows it only to those it chose.
    """

    repo: RepoId
    rev: GitOid
    files: tuple[FilePin, ...] = field(repr=False)
    words: ClaimedWords = NO_WORDS
    source: str = "upstream"
    gated: bool = False
    private: bool = False

    def __post_init__(self) -> None:
        paths = {pin.path for pin in self.files}
        if len(paths) != len(self.files):
            raise PeerMisbehaved(f"{self.repo} at {self.rev} lists a path twice")
        if not self.files:
            raise PeerMisbehaved(f"{self.repo} at {self.rev} lists no file", hint="there is nothing to mirror")
        if len(self.files) > MAX_FILES:
            raise TooLarge(f"{self.repo} at {self.rev} lists {len(self.files)} files; a mirror takes {MAX_FILES}")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(pin.size for pin in self.files)


def words_of(title: str, message: str, author: str, time: int) -> ClaimedWords:
    """Return what an upstream says of a commit, cleaned and cut to what the catalogue keeps; time: seconds since 1970."""
    text = clean_message(title[:MAX_TITLE], message[:MAX_MESSAGE])
    first, _, rest = text.partition("\n")
    name = "".join(char for char in author if char.isprintable() and char not in "<>").strip()[:MAX_AUTHOR] or "unknown"
    return ClaimedWords(title=first, message=rest.strip("\n"), author=name, time=max(0, min(time, 2**40)))


def pack(files: Sequence[FilePin]) -> tuple[bytes, Sha256]:
    """Return the pins as the catalogue keeps them, and the SHA-256 by which two claims are compared."""
    rows = [_row(pin) for pin in sorted(files, key=lambda one: one.path)]
    data = msgspec.json.encode(rows)
    return zlib.compress(data, 6), Sha256(hashlib.sha256(data).hexdigest())


def _row(pin: FilePin) -> _Row:
    return (pin.path, pin.size, pin.git_oid, pin.lfs, pin.sha256 or "", pin.xet or "")


def unpack(packed: bytes) -> tuple[FilePin, ...]:
    """Return kept pins; raises BadFormat if they are damaged."""
    try:
        data = zlib.decompressobj().decompress(packed, MAX_PINS)
        rows = msgspec.json.decode(data, type=list[_Row])
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadFormat(f"the pins of a mirrored revision cannot be read: {error}", hint="hanse admin fsck") from error
    return tuple(
        FilePin(
            parse_path(path),
            size,
            parse_git_oid(oid),
            lfs,
            parse_sha256(sha256) if sha256 else None,
            parse_xet(xet) if xet else None,
        )
        for path, size, oid, lfs, sha256, xet in rows
    )


def differences(pinned: Sequence[FilePin], said: Sequence[FilePin]) -> list[str]:
    """Return in words where a claim contradicts what was pinned: paths, sizes, and digests that both give.

    A digest that only one of the two gives is no contradiction.
    """
    before, now = {pin.path: pin for pin in pinned}, {pin.path: pin for pin in said}
    found = [f"{path} is gone" for path in sorted(before.keys() - now.keys())]
    found += [f"{path} is new" for path in sorted(now.keys() - before.keys())]
    for path in sorted(before.keys() & now.keys()):
        old, new = before[path], now[path]
        pairs = [("size", old.size, new.size), ("git blob id", old.git_oid, new.git_oid)]
        pairs += [("sha256", old.sha256, new.sha256), ("xet hash", old.xet, new.xet)]
        found += [f"{path} had {what} {a} and has {b}" for what, a, b in pairs if a is not None and b is not None and a != b]
    return found


def words_json(words: ClaimedWords) -> str:
    """Return the words as the catalogue keeps them."""
    return canonical({"title": words.title, "message": words.message, "author": words.author, "time": words.time}).decode()


def parse_words(text: str) -> ClaimedWords:
    """Return kept words; what cannot be read is no words."""
    try:
        return msgspec.json.decode(text, type=ClaimedWords)
    except msgspec.DecodeError:
        return NO_WORDS
