"""Headers of archives: what is written every tar reads, and what is no plain file is refused."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content.tarform import (
    BLOCK,
    MAX_MEMBER_BYTES,
    RECORD,
    TarKind,
    end_bytes,
    header_bytes,
    padding,
    parse_header,
    pax_path,
)
from hanse.errors import BadFormat, TooLarge

_PATHS = st.lists(st.text("abcXYZ019._-", min_size=1, max_size=120), min_size=1, max_size=6).map("/".join)


@given(_PATHS, st.binary(max_size=2000))
def test_every_reader_of_tar_reads_it(path: str, data: bytes) -> None:
    """An archive of one file, with a short or a long path, has exactly that file for Python's own reader, too."""
    made = header_bytes(path, len(data)) + data + bytes(padding(len(data)))
    made += end_bytes(len(made))
    assert len(made) % RECORD == 0
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        (member,) = archive.getmembers()
        found = archive.extractfile(member)
        assert found is not None
        assert (member.name, member.isreg(), found.read(), member.mode) == (path, True, data, 0o644)


@given(_PATHS, st.integers(0, MAX_MEMBER_BYTES))
def test_what_is_written_is_read(path: str, size: int) -> None:
    """The headers of a file lead back to its path and size."""
    data = header_bytes(path, size)
    first = parse_header(data[:BLOCK])
    assert first is not None
    if first.kind is TarKind.PAX:
        assert pax_path(data[BLOCK : BLOCK + first.size]) == path
        last = parse_header(data[-BLOCK:])
        assert last is not None
        assert (last.kind, last.size) == (TarKind.FILE, size)
    else:
        assert (first.path, first.size, len(data)) == (path, size, BLOCK)


def _odd(**fields: object) -> bytes:
    member = tarfile.TarInfo("name")
    for name, value in fields.items():
        setattr(member, name, value)
    return member.tobuf(tarfile.GNU_FORMAT)[-BLOCK:]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE, b"L", b"K", b"g", b"S"])
def test_what_is_no_plain_file_is_refused(kind: bytes) -> None:
    """Links, pipes, devices, sparse files and long names of other kinds raise."""
    with pytest.raises(BadFormat):
        parse_header(_odd(type=kind, linkname="/etc/passwd"))


@pytest.mark.parametrize(
    "block", [b"", b"x" * BLOCK, bytes(BLOCK - 1), _odd()[:-1], _odd().replace(b"name", b"nome", 1), _odd(name="n\u00e4")]
)
def test_damaged_headers_are_refused(block: bytes) -> None:
    """A header that is cut, has another checksum, or a name in other letters raises."""
    with pytest.raises(BadFormat):
        parse_header(block)


def test_a_block_of_zeros_is_the_end() -> None:
    """Zeros are no header."""
    assert parse_header(bytes(BLOCK)) is None


def test_folders_have_no_bytes() -> None:
    """What a folder's header says of a size counts for nothing."""
    header = parse_header(_odd(type=tarfile.DIRTYPE, size=512))
    assert header is not None
    assert (header.kind, header.size) == (TarKind.FOLDER, 0)


@pytest.mark.parametrize(
    "data",
    [b"8 path=x\n", b"path=x\n", b"12 size=123\n", b"14 linkpath=x\n", b"0 a=b\n", b"99 path=x\n", b"\0" * 4, b"9 pathxx\n"],
)
def test_pax_headers_that_say_more_are_refused(data: bytes) -> None:
    """A record of a wrong length, or one that changes what the next file is, raises."""
    with pytest.raises(BadFormat):
        pax_path(data)


def test_times_in_pax_headers_say_nothing() -> None:
    """Archives that were made anew by others have times in pax headers."""
    assert pax_path(b"20 mtime=1234567890\n") is None
    assert pax_path(b"20 mtime=1234567890\n10 path=x\n") == "x"


@pytest.mark.parametrize(("path", "size"), [("", 1), ("a\nb", 1), ("\u00e4", 1)])
def test_names_that_no_archive_has(path: str, size: int) -> None:
    """Only printable ASCII is written."""
    with pytest.raises(BadFormat):
        header_bytes(path, size)
    with pytest.raises(TooLarge):
        header_bytes("a", MAX_MEMBER_BYTES + 1)
