"""What git says of the files of an exported revision: which are kept as LFS, their blob ids, and the commit itself.

    {"format": "hanse-listing/1", "rev", "commit", "title", "message", "author", "time", "gated", "files": [[path, oid, lfs], …]}

Nothing in it is signed. Sizes and digests come from the signed manifest; blob ids are checked with the bytes. With the text of
the commit, its id can be computed from the listing, so that the names of git are proved, too; for a mirrored revision nobody here
has that text, and they stay claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from hanse.content.directory import Directory
from hanse.content.gitobjects import commit_id, lfs_pointer_id
from hanse.errors import BadFormat, BadProof
from hanse.flows.mirror.claims import words_of
from hanse.flows.records import ClaimedWords
from hanse.model.digest import GitOid, parse_git_oid
from hanse.model.entry import Entry
from hanse.model.filepin import FilePin
from hanse.model.repo import parse_path
from hanse.sign.oms import ManifestFile

FORMAT = "hanse-listing/1"
MAX_LISTING_BYTES = 64 * 1024 * 1024


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A listing as it is written; commit: text of the commit object, "" where only its id is known; files: path, oid, lfs."""

    format: str
    rev: str
    commit: str
    title: str
    message: str
    author: str
    time: int
    gated: bool
    files: list[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class Named:
    """The files of a revision with git's names. proved: whether the commit id follows from them."""

    pins: tuple[FilePin, ...]
    words: ClaimedWords
    gated: bool
    proved: bool


def name_files(data: bytes, rev: GitOid, files: Sequence[ManifestFile]) -> Named:
    """Return signed files with the names that a listing gives them.

    Raises BadFormat for what is no listing, BadProof for one of other files, or that contradicts what was signed or its commit.
    """
    listing = _parse(data)
    signed = {file.path: file for file in files}
    named = {path: (parse_git_oid(oid), lfs) for path, oid, lfs in listing.files}
    if listing.rev != rev or named.keys() != signed.keys() or len(named) != len(listing.files):
        odd = sorted(named.keys() ^ signed.keys())[:1]
        raise BadProof(f"the listing of {rev} is of other files than were signed{f', such as {odd[0][:120]!r}' if odd else ''}")
    pins = tuple(_pin(signed[path], *named[path]) for path in sorted(signed))
    proved = _prove(listing, rev, pins)
    words = words_of(listing.title, listing.message, listing.author, listing.time)
    return Named(pins, words, listing.gated, proved)


def _parse(data: bytes) -> Listing:
    try:
        listing = msgspec.json.decode(data, type=Listing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFormat(f"the listing of a revision cannot be read: {error}") from error
    if listing.format != FORMAT:
        raise BadFormat(f"a listing is of the format {FORMAT}, got {listing.format[:40]!r}", hint="a newer hanse may read it")
    for path, _, _ in listing.files:
        parse_path(path)
    return listing


def _pin(file: ManifestFile, oid: GitOid, lfs: bool) -> FilePin:
    if file.size is None or file.xet is None:
        raise BadProof(f"the manifest gives no size and xet hash of {file.path[:200]!r}")
    if lfs != (oid == lfs_pointer_id(file.sha256, file.size)):
        kept = "kept as LFS" if lfs else "a regular file"
        raise BadProof(f"the listing says that {file.path[:200]!r} is {kept}, and its blob id {oid} says otherwise")
    return FilePin(file.path, file.size, oid, lfs, file.sha256, file.xet)


def _prove(listing: Listing, rev: GitOid, pins: Sequence[FilePin]) -> bool:
    """Tell whether the commit id follows from the listing; raises BadProof if the text is that of another commit."""
    if not listing.commit:
        return False
    entries = [Entry(pin.path, pin.size, pin.sha256, pin.xet, pin.git_oid, pin.lfs) for pin in pins if pin.sha256 and pin.xet]
    tree = Directory.empty().apply(entries).oid()
    if commit_id(listing.commit.encode()) != rev or not listing.commit.startswith(f"tree {tree}\n"):
        raise BadProof(f"the listing of {rev} does not make that commit id", hint="do not use the export")
    return True
