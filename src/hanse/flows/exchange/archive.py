"""Logs of Inspect AI in its own form, `.eval`: a zip archive with a header and one member for each sample.

Members are stored, deflated, or in Zstandard, which Python's own reader of archives knows from 3.14 on. An archive is a
stranger's: how many members it has, what they unpack to and what is read of them is bounded before anything is parsed.
"""

from __future__ import annotations

import io
import sys
import zipfile
import zlib

from hanse.errors import BadFormat, TooLarge
from hanse.evals.exchange.inspectlog import parse_parts
from hanse.evals.exchange.log import MAX_LOG, Log

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"PK\x03\x04"
_LISTED = b"PK\x01\x02"
"""What an entry of the directory begins with."""
HEADER, FOLDER = "header.json", "samples/"
MAX_MEMBERS = 250_000
MAX_UNPACKED = 1024 * 1024 * 1024
MAX_MEMBER = 128 * 1024 * 1024
_ZSTD = 93
_LOCAL = 30
"""Bytes of a member's own header before its name."""
_PIECE = 1 << 20
_WINDOW = 26
"""Furthest that a frame may ask to look back, as a power of two."""


def is_archive(data: bytes) -> bool:
    """Tell whether a log is an archive."""
    return data[:4] == MAGIC


def parse_archive(data: bytes, scorer: str = "") -> Log:
    """Return what a log in Inspect's own form says; scorer: as in `parse_inspect`.

    Raises as that does, and BadFormat for a broken archive, one without the header of a run that came to its end, or with a name
    twice; TooLarge for more than it can need.
    """
    if len(data) > MAX_LOG:
        raise TooLarge(f"a log has at most {MAX_LOG:,} bytes, got {len(data):,}")
    if data.count(_LISTED) > MAX_MEMBERS:  # before each of them becomes an object
        raise TooLarge(f"an archive has at most {MAX_MEMBERS:,} members")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError) as error:
        raise BadFormat(f"a log of Inspect that begins like a zip archive is one: {str(error)[:100]}") from error
    if sum(one.file_size for one in infos) > MAX_UNPACKED:
        raise TooLarge(f"an archive has at most {MAX_UNPACKED:,} bytes unpacked")
    if sum(one.compress_size for one in infos) > len(data):
        raise BadFormat("members of the archive overlap")
    members = {one.filename: one for one in infos}
    if len(members) != len(infos):
        raise BadFormat("a member of the archive is there twice")
    if HEADER not in members:
        raise BadFormat(f"the archive has no {HEADER}: the run did not come to its end")
    wanted = sorted(name for name in members if name.startswith(FOLDER) and name.endswith(".json"))
    samples = (_unpack(data, members[name]) for name in wanted)
    return parse_parts(_unpack(data, members[HEADER]), samples, MAX_MEMBER, scorer)


def _unpack(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a member, its checksum verified; raises TooLarge or BadFormat."""
    if info.file_size > MAX_MEMBER:
        raise TooLarge(f"a member of the archive has at most {MAX_MEMBER:,} bytes, {info.filename[:80]!r} has {info.file_size:,}")
    at = info.header_offset
    head = data[at : at + _LOCAL] if at >= 0 else b""
    if head[:4] != MAGIC or len(head) != _LOCAL or info.flag_bits & 1:
        raise BadFormat(f"{info.filename[:80]!r} of the archive is not where its directory says, or is encrypted")
    start = at + _LOCAL + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    packed = data[start : start + info.compress_size]
    try:
        found = _unpacked(packed, info)
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise BadFormat(f"{info.filename[:80]!r} of the archive cannot be unpacked: {str(error)[:100]}") from error
    if len(found) != info.file_size or zlib.crc32(found) != info.CRC:
        raise BadFormat(f"{info.filename[:80]!r} of the archive is not what its directory says")
    return found


def _unpacked(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """Return what bytes unpack to, and no more than one byte beyond what the directory says."""
    most = info.file_size + 1
    if info.compress_type == zipfile.ZIP_STORED:
        return packed
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-15).decompress(packed, most)
    if info.compress_type != _ZSTD:
        raise BadFormat(f"members are stored, deflated or in Zstandard, not by method {info.compress_type}")
    found = bytearray()
    while packed and len(found) < most:
        frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})
        while not frame.eof and len(found) < most:
            piece = frame.decompress(packed, max_length=min(_PIECE, most - len(found)))
            packed = b""
            found += piece
            if not piece and frame.needs_input:
                raise EOFError("it ends within a frame")
        packed = frame.unused_data if frame.eof else b""
    return bytes(found)
