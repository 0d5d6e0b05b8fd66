"""A labelled corpus: a folder of files, and `labels.tsv`, which says of each what it is.

The first line of `labels.tsv` names columns, of which `path` and `label` are needed and `sha256` is checked where it is filled;
others are for people. Files are read as bytes and hashed: nothing here loads, unpacks or executes them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from hanse.errors import BadFormat, DigestMismatch, NotFoundError, TooLarge
from hanse.evals.toolrecord import MAX_ROWS, Item
from hanse.flows.bounded import read_bounded

LABELS = "labels.tsv"
MAX_LABELS_BYTES = 32 * 1024 * 1024
MAX_FILE = 1024 * 1024 * 1024
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus whose files were hashed. name: what it is called; items: in the order of `labels.tsv`, `id` is the path."""

    folder: Path
    name: str
    items: tuple[Item, ...]


def read_corpus(folder: Path) -> Corpus:
    """Return the corpus in a folder, every file hashed.

    Raises NotFoundError for a file that is missing or lies outside, DigestMismatch for another than `labels.tsv` has, BadFormat,
    or TooLarge.
    """
    root = Path(os.path.realpath(folder))
    items = []
    for path, label, wanted in parse_labels(read_bounded(folder / LABELS, MAX_LABELS_BYTES)):
        found = _hash(root, path)
        if wanted not in {"", found}:
            raise DigestMismatch(f"{path} has the SHA-256 {wanted} in {LABELS}, and {found} in the folder")
        items.append(Item(path, found, label))
    return Corpus(root, root.name[:100] or "corpus", tuple(items))


def parse_labels(data: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield path, label and SHA-256 ("" if there is none) of each line; raises BadFormat or TooLarge."""
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), delimiter="\t", strict=True)
        if not {"path", "label"} <= set(rows.fieldnames or ()):
            raise BadFormat(f"the first line of {LABELS} names the columns path and label, separated by tabs")
        for number, row in enumerate(rows):
            if number >= MAX_ROWS:
                raise TooLarge(f"a corpus has at most {MAX_ROWS:,} files")
            yield _path(row), row["label"] or "", (row.get("sha256") or "").lower()
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFormat(f"{LABELS} must be lines of text in UTF-8, separated by tabs: {error}") from error


def _path(row: Mapping[str, str]) -> str:
    path = row["path"] or ""
    if any(part in {"", ".", ".."} for part in path.split("/")) or "\0" in path or path.rpartition("/")[2].startswith("-"):
        raise BadFormat(f"a path in {LABELS} lies below the folder, and no name begins with a hyphen; got {path[:80]!r}")
    return path


def _hash(root: Path, path: str) -> str:
    state, size = hashlib.sha256(), 0
    for piece in read_pieces(root, path):
        state.update(piece)
        size += len(piece)
    return state.hexdigest()


def read_pieces(root: Path, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file of a corpus, 1 MiB at a time.

    Raises NotFoundError unless it is a regular file inside, TooLarge above MAX_FILE.
    """
    try:
        place = os.path.realpath(root / path)
        if not place.startswith(f"{root}{os.sep}"):
            raise NotFoundError(f"{path} leads out of the corpus")
        file = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(file, "rb") as source:
            status = os.fstat(file)
            if not S_ISREG(status.st_mode):
                raise NotFoundError(f"{path} is no regular file")
            if status.st_size > MAX_FILE:
                raise TooLarge(f"{path} has {status.st_size:,} bytes, a file of a corpus at most {MAX_FILE:,}")
            while piece := source.read(_PIECE):
                yield piece
    except OSError as error:
        raise NotFoundError(f"cannot read {path} of the corpus: {error.strerror or error}") from error
