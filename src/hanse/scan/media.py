"""Inert formats that repositories carry beside models: pictures, sound, tables, fonts; known by their first bytes.

Nothing in them is read further: no model loader acts on what they say, and the archive, pickle and program checks look at
every file anyway. Parquet and Arrow are data that `datasets` reads without running anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

_MAGIC: tuple[tuple[str, int, bytes], ...] = (
    ("png", 0, b"\x89PNG\r\n\x1a\n"),
    ("jpeg", 0, b"\xff\xd8\xff"),
    ("gif", 0, b"GIF87a"),
    ("gif", 0, b"GIF89a"),
    ("webp", 8, b"WEBP"),
    ("wav", 8, b"WAVE"),
    ("avi", 8, b"AVI "),
    ("bmp", 0, b"BM"),
    ("ico", 0, b"\x00\x00\x01\x00"),
    ("tiff", 0, b"II*\x00"),
    ("tiff", 0, b"MM\x00*"),
    ("mp4", 4, b"ftyp"),
    ("matroska", 0, b"\x1aE\xdf\xa3"),
    ("flac", 0, b"fLaC"),
    ("ogg", 0, b"OggS"),
    ("mp3", 0, b"ID3"),
    ("mp3", 0, b"\xff\xfb"),
    ("pdf", 0, b"%PDF-"),
    ("parquet", 0, b"PAR1"),
    ("arrow", 0, b"ARROW1\x00\x00"),
    ("feather", 0, b"FEA1"),
    ("arrow-stream", 0, b"\xff\xff\xff\xff"),
    ("avro", 0, b"Obj\x01"),
    ("orc", 0, b"ORC"),
    ("sqlite", 0, b"SQLite format 3\x00"),
    ("woff", 0, b"wOFF"),
    ("woff2", 0, b"wOF2"),
    ("truetype", 0, b"\x00\x01\x00\x00\x00"),
    ("opentype", 0, b"OTTO"),
    ("lmdb", 16, b"\xde\xc0\xef\xbe"),
)
_RIFF = {"webp", "wav", "avi"}


def kind_of(head: bytes) -> str | None:
    """Return the name of the inert format that `head` begins like, None for any other."""
    for name, at, magic in _MAGIC:
        if head[at : at + len(magic)] == magic and (name not in _RIFF or head[:4] == b"RIFF"):
            return name
    return None


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether the content begins like an inert format."""
    return kind_of(head) is not None


def observe(source: Source, view: ViewBuilder, _walk: Walk) -> None:
    """Write down which format it is."""
    view.see("kind", 0, name=kind_of(source.read_at(0, 64)))


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield nothing: being a picture is no reason for a finding; names that promise something else are judged by routing."""
    yield from ()


FORMATS = (Format("media", executes=False, judge=judge, claims=claims, observe=observe),)
