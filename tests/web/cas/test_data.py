"""Signed addresses of stored xorbs."""

from __future__ import annotations

import random
import re

import pytest
from tests.support.rawhttp import RawClient, Reply
from tests.support.rawxet import RawFile, raw_file
from tests.web.cas.conftest import Cas

SIZE = 1_500_000


@pytest.fixture(name="file")
def _file(cas: Cas) -> RawFile:
    """Return a committed file in one xorb."""
    made = raw_file(random.Random(6).randbytes(SIZE))
    cas.upload(made, name="model.bin")
    return made


def _signed(cas: Cas, file: RawFile, header: str = "") -> tuple[str, int, int]:
    """Return path, first and last byte of the address for a range of the file."""
    (entry,) = cas("GET", f"/v1/reconstructions/{file.file}", range=header or "bytes=0-").json()["fetch_info"][file.xorb]
    return entry["url"].removeprefix(cas.node.url), entry["url_range"]["start"], entry["url_range"]["end"]


def _get(cas: Cas, path: str, **headers: str) -> Reply:
    with RawClient(cas.node.port) as nobody:
        return nobody("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})


def test_only_the_signed_ranges_are_given(cas: Cas, file: RawFile) -> None:
    """Any part of a signed range is served; one byte more on either side, or everything, is 403."""
    path, first, last = _signed(cas, file, "bytes=500000-600000")
    assert 0 < first < last < len(file.xorb_bytes) - 1
    for start, end in ((first, last), (first + 1, last - 1), (last, last)):
        reply = _get(cas, path, range=f"bytes={start}-{end}")
        assert (reply.status, reply.body) == (206, file.xorb_bytes[start : end + 1])
        assert reply.headers["content-range"] == f"bytes {start}-{end}/{len(file.xorb_bytes)}"
    for header in (f"bytes={first - 1}-{last}", f"bytes={first}-{last + 1}", f"bytes={first}-", "bytes=-5", "bytes=0-0", "x"):
        assert _get(cas, path, range=header).status == 403, header
    assert _get(cas, path).status == 403
    assert _get(cas, path, range=f"bytes={first}-{last}", if_range='"other"').status == 403


def test_the_whole_xorb_where_it_was_signed_whole(cas: Cas, file: RawFile) -> None:
    """An address for everything serves everything, with validators."""
    path, first, last = _signed(cas, file)
    assert (first, last) == (0, len(file.xorb_bytes) - 1)
    reply = _get(cas, path)
    assert (reply.status, reply.body) == (200, file.xorb_bytes)
    assert _get(cas, path, if_none_match=reply.headers["etag"]).status == 304
    assert _get(cas, path, range=f"bytes={len(file.xorb_bytes)}-").status == 416


def _parts(reply: Reply) -> list[tuple[str, bytes]]:
    """Return (Content-Range, bytes) of a multipart answer."""
    assert reply.status == 206
    match = re.fullmatch("multipart/byteranges; boundary=([0-9a-f]+)", reply.headers["content-type"])
    assert match is not None
    first, *parts = (b"\r\n" + reply.body).split(b"\r\n--" + match[1].encode())
    assert (first, parts[-1]) == (b"", b"--\r\n")
    found = []
    for part in parts[:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        found.append((head.decode().partition("Content-Range: ")[2], body))
    return found


def test_several_ranges_in_one_request(cas: Cas, file: RawFile) -> None:
    """Multipart answers hold each range; overlapping ranges cannot multiply the bytes sent."""
    path, _, last = _signed(cas, file)
    ranges = [(0, 0), (100_000, 1_200_000), (last - 2, last)]
    reply = _get(cas, path, range="bytes=" + ", ".join(f"{start}-{end}" for start, end in ranges))
    assert "content-range" not in reply.headers
    assert _parts(reply) == [(f"bytes {start}-{end}/{last + 1}", file.xorb_bytes[start : end + 1]) for start, end in ranges]
    assert _get(cas, path, range="bytes=" + ",".join(["0-"] * 50)).status == 416
    narrow, first, end = _signed(cas, file, "bytes=500000-600000")
    assert _get(cas, narrow, range=f"bytes={first}-{end},0-0").status == 403


def test_forged_addresses(cas: Cas, file: RawFile) -> None:
    """A changed range, expiry, signature or name is refused; so is another CAS epoch's address of this form."""
    path, first, last = _signed(cas, file, "bytes=500000-600000")
    header = f"bytes={first}-{last}"
    for changed in (
        path.replace(f"r={first}-", "r=0-"),
        re.sub(r"e=(\d+)", lambda match: f"e={int(match[1]) + 9}", path),
        path[:-4] + "AAAA",
        path.partition("&s=")[0],
        path.partition("?")[0],
        path.replace(file.xorb, "0" * 64),
    ):
        assert _get(cas, changed, range=header).status == 403, changed
    assert _get(cas, path, range=header).status == 206


def test_a_xorb_that_was_cut_is_not_sent_short(cas: Cas, file: RawFile) -> None:
    """A stored object shorter than its signed ranges is an error, never a shorter answer; a missing one is 404."""
    path, first, last = _signed(cas, file)
    stored = cas.node.data / "objects" / "xorbs" / file.xorb[:2] / file.xorb
    whole = stored.read_bytes()
    stored.chmod(0o640)
    stored.write_bytes(whole[:-1])
    assert _get(cas, path, range=f"bytes={first}-{last}").status == 422
    stored.unlink()
    assert _get(cas, path, range=f"bytes={first}-{last}").status == 404
    stored.write_bytes(whole)
