"""Logs of Inspect in its own form: as it writes them, and such as nobody should trust."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.evals.exchange.inspectlog import parse_inspect
from hanse.flows.exchange import archive
from hanse.flows.exchange.archive import parse_archive

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LOGS = Path(__file__).resolve().parents[3] / "vectors" / "harness_logs"
SAID: dict[str, Any] = json.loads((LOGS / "inspect.json").read_bytes())


def packed(method: int = zipfile.ZIP_DEFLATED, change: dict[str, Any] | None = None) -> bytes:
    """Return the fixture as an archive. change: members by name, None leaves one out."""
    header = {name: value for name, value in SAID.items() if name not in {"samples", "reductions"}}
    members: dict[str, Any] = {f"samples/{one['id']}_epoch_{one['epoch']}.json": one for one in SAID["samples"]}
    members |= {"_journal/start.json": {}, "summaries.json": [], "header.json": header}
    members |= change or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, value in members.items():
            if value is not None:
                file.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return out.getvalue()


def _zstd(frames: int = 1, data: bytes = b'{"x": 1}', name: bytes = b"header.json", says: int | None = None) -> bytes:
    """Return an archive of one member in Zstandard, which the standard library does not write."""
    step = max(1, -(-len(data) // frames))
    body = b"".join(zstd.compress(data[at : at + step]) for at in range(0, len(data), step))
    sizes = struct.pack("<LLL", zlib.crc32(data), len(body), len(data) if says is None else says)
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 93, 0, 0) + sizes + struct.pack("<HH", len(name), 0) + name
    entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 93, 0, 0) + sizes
    entry += struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(entry), len(local) + len(body), 0)
    return local + body + entry + end


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_it_says_what_the_same_log_in_json_says(method: int) -> None:
    """The archive of a log and its conversion to JSON come to one log, item by item."""
    one, other = parse_archive(packed(method), "match"), parse_inspect((LOGS / "inspect.json").read_bytes(), "match")
    assert sorted(one.items, key=lambda item: (item.item.id, item.epoch)) == sorted(
        other.items, key=lambda item: (item.item.id, item.epoch)
    )
    assert (one.task, one.decoding, one.timing, one.gaps) == (other.task, other.decoding, other.timing, other.gaps)


def test_one_that_inspect_wrote() -> None:
    """An archive of a real run, its members in Zstandard, is read."""
    log = parse_archive((LOGS / "sums.eval").read_bytes())
    assert (log.task, log.version, len(log.items), log.metric) == ("sums", "0.3.285", 4, "includes")
    assert log.items[0].asked[0] == ("system", "You add numbers.")
    assert log.items[0].answer.text


@pytest.mark.parametrize("frames", [1, 3])
def test_zstandard(frames: int) -> None:
    """A member of one frame or several is unpacked, whatever it says then."""
    with pytest.raises(BadFormat, match="version, status and eval"):
        parse_archive(_zstd(frames))


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\0" * 100,
        packed()[:-30],
        packed(change={"header.json": None}),
        packed(change={"header.json": b"{"}),
        packed(change={"header.json": b"[]"}),
        packed(change={"samples/x.json": {"id": "x"}}),
        packed(change={"samples/x.json": b"\0"}),
        packed(change={"header.json": b'{"a":' * 100_000}),
        packed(zipfile.ZIP_BZIP2),
        packed(zipfile.ZIP_STORED).replace(b'"sum-1-1"', b'"sum-1-2"'),
        _zstd(says=3),
        _zstd(says=10**6),
        _zstd()[:40] + b"\0\0\0" + _zstd()[43:],
    ],
)
def test_hostile_archives(data: bytes) -> None:
    """Broken archives, other compressions, wrong sizes and checksums, and members that are no JSON are refused."""
    with pytest.raises(BadFormat):
        parse_archive(data, "match")


def test_members_that_overlap() -> None:
    """Entries of the directory that share bytes are refused before any is unpacked, however little each comes to."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("header.json", b"x" * 10_000)
        first = file.infolist()[0]
        for number in range(3):
            again = zipfile.ZipInfo(f"samples/{number}.json")
            again.file_size = again.compress_size = first.file_size
            again.CRC, again.header_offset = first.CRC, first.header_offset
            file.filelist.append(again)
    with pytest.raises(BadFormat, match="overlap"):
        parse_archive(out.getvalue(), "match")


def test_names_that_are_there_twice() -> None:
    """Of two members of one name readers choose differently, so that neither is read."""
    out = io.BytesIO(packed())
    with zipfile.ZipFile(out, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("header.json", "{}")
    with pytest.raises(BadFormat, match="twice"):
        parse_archive(out.getvalue(), "match")


@pytest.mark.parametrize(("bound", "value"), [("MAX_MEMBERS", 3), ("MAX_UNPACKED", 1000), ("MAX_MEMBER", 100), ("MAX_LOG", 10)])
def test_bounds(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    """Members, their bytes and those of all together are bounded before anything is parsed."""
    monkeypatch.setattr(archive, bound, value)
    with pytest.raises(TooLarge):
        parse_archive(packed(), "match")


def test_a_bomb() -> None:
    """A member that unpacks to more than its directory says is left off there."""
    bomb = _zstd(data=b"\0" * 50_000_000, says=1000)
    with pytest.raises(BadFormat, match="not what its directory says"):
        parse_archive(bomb)
