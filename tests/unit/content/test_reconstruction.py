"""Plans give exactly the requested bytes, in the shape clients read, with no byte fetched twice."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hanse.content import reconstruction as plans
from hanse.content.terms import Term
from hanse.content.xorb import XorbTable, decode_range
from hanse.content.xorbwriter import serialise
from hanse.errors import BadRange
from hanse.model.digest import XetHash

_CHANCE = random.Random(7)
_TABLES: dict[XetHash, XorbTable] = {}
_STORED: dict[XetHash, bytes] = {}
_RAWS: dict[XetHash, list[bytes]] = {}
for _ in range(3):
    _raws = [_CHANCE.randbytes(_CHANCE.randint(1, 900)) for _ in range(30)]
    _data, _table = serialise(_raws, None)
    _TABLES[_table.xorb], _STORED[_table.xorb], _RAWS[_table.xorb] = _table, _data, _raws


def _file(*ranges: tuple[int, int, int]) -> tuple[tuple[Term, ...], bytes]:
    terms, data = [], b""
    for number, start, end in ranges:
        xorb = list(_TABLES)[number]
        raw = b"".join(_RAWS[xorb][start:end])
        terms.append(Term(xorb, start, end, len(raw)))
        data += raw
    return tuple(terms), data


_TERMS, _DATA = _file((0, 0, 30), (1, 3, 9), (0, 28, 30), (2, 5, 6), (1, 9, 20), (1, 9, 20), (2, 0, 30))


def _spans() -> list[tuple[int, int]]:
    size = len(_DATA)
    some = [(0, size), (0, 1), (size - 1, size), (size - 1, size + 9), (0, size * 2)]
    for _ in range(150):
        start = _CHANCE.randrange(size)
        some.append((start, _CHANCE.randint(start + 1, min(size, start + 4000))))
    return some


def _follow(reply: dict[str, Any], fetch: dict[str, list[tuple[int, int, bytes, int]]]) -> bytes:
    """Put a file together as a client does, from the terms and what was fetched: (first, end, raw, raw start)."""
    out = b""
    for term in reply["terms"]:
        first, end = term["range"]["start"], term["range"]["end"]
        (part,) = [part for part in fetch[term["hash"]] if part[0] <= first and end <= part[1]]
        at = int(_TABLES[XetHash(term["hash"])].raw[first]) - part[3]
        out += part[2][at : at + term["unpacked_length"]]
    return out[reply["offset_into_first_range"] :]


def _part(xorb: str, chunks: dict[str, int], span: dict[str, int]) -> tuple[int, int, bytes, int]:
    table, first, end = _TABLES[XetHash(xorb)], chunks["start"], chunks["end"]
    raw = decode_range(table, first, end, _STORED[table.xorb][span["start"] : span["end"] + 1])
    return first, end, raw, int(table.raw[first])


def _url(xorb: XetHash, ranges: tuple[plans.ByteRange, ...]) -> str:
    return f"/{xorb}?" + ",".join(f"{first}-{last}" for first, last in ranges)


def test_a_client_gets_the_requested_bytes_from_both_versions() -> None:
    """Followed as clients do, either reply gives the bytes asked for."""
    for start, stop in _spans():
        plan = plans.plan_range(_TERMS, _TABLES, start, stop)
        wanted = _DATA[start:stop]
        assert plan.length == len(wanted)
        one, two = plans.render_v1(plan, _url), plans.render_v2(plan, _url)
        fetched_one = {
            xorb: [_part(xorb, entry["range"], entry["url_range"]) for entry in entries]
            for xorb, entries in one["fetch_info"].items()
        }
        fetched_two = {
            xorb: [_part(xorb, span["chunks"], span["bytes"]) for entry in entries for span in entry["ranges"]]
            for xorb, entries in two["xorbs"].items()
        }
        assert _follow(one, fetched_one)[: len(wanted)] == _follow(two, fetched_two)[: len(wanted)] == wanted


def test_shape_of_a_simple_reply() -> None:
    """Names, exclusive chunk ends and inclusive byte ends are those of the protocol; URLs are bound to their ranges."""
    terms, _ = _file((0, 2, 4))
    xorb, table = terms[0].xorb, _TABLES[terms[0].xorb]
    low, high = table.stored_range(2, 4)
    plan = plans.plan_range(terms, _TABLES, 0, terms[0].length)
    rendered = [{"hash": xorb, "unpacked_length": terms[0].length, "range": {"start": 2, "end": 4}}]
    url, span = f"/{xorb}?{low}-{high - 1}", {"start": low, "end": high - 1}
    assert plans.render_v1(plan, _url) == {
        "offset_into_first_range": 0,
        "terms": rendered,
        "fetch_info": {xorb: [{"range": {"start": 2, "end": 4}, "url": url, "url_range": span}]},
    }
    assert plans.render_v2(plan, _url) == {
        "offset_into_first_range": 0,
        "terms": rendered,
        "xorbs": {xorb: [{"url": url, "ranges": [{"chunks": {"start": 2, "end": 4}, "bytes": span}]}]},
    }


def test_ranges_that_touch_are_fetched_once() -> None:
    """Adjacent, overlapping and repeated chunk ranges of a xorb become one."""
    plan = plans.plan_range(_TERMS, _TABLES, 0, len(_DATA))
    assert [[(fetch.first, fetch.end) for fetch in fetches] for fetches in plan.fetches.values()] == [
        [(0, 30)],
        [(3, 20)],
        [(0, 30)],
    ]
    assert plan.terms == _TERMS


def test_terms_are_cut_to_the_chunks_of_the_range() -> None:
    """A range inside one chunk needs that chunk only; the offset says where in it the range starts."""
    raws = _RAWS[_TERMS[0].xorb]
    start = sum(map(len, raws[:7]))
    plan = plans.plan_range(_TERMS, _TABLES, start + len(raws[7]) - 1, start + len(raws[7]))
    assert plan.terms == (Term(_TERMS[0].xorb, 7, 8, len(raws[7])),)
    assert (plan.skip, plan.length) == (len(raws[7]) - 1, 1)


def test_many_ranges_are_split_over_urls() -> None:
    """No URL is bound to more than 64 ranges."""
    table = serialise([bytes([at]) for at in range(200)])[1]
    terms = [Term(table.xorb, at, at + 1, 1) for at in range(0, 200, 2)]
    reply = plans.render_v2(plans.plan_range(terms, {table.xorb: table}, 0, 100), _url)
    assert [len(entry["ranges"]) for entry in reply["xorbs"][table.xorb]] == [64, 36]
    assert len({entry["url"] for entry in reply["xorbs"][table.xorb]}) == 2


@pytest.mark.parametrize("read_bytes", [1, 700, 5000, 10_000_000])
def test_reading_plan_gives_the_requested_bytes(read_bytes: int) -> None:
    """Read after read, exactly the range comes out, in steps of bounded size."""
    for start, stop in _spans()[:60]:
        out = b""
        for read in plans.reading_plan(_TERMS, _TABLES, start, stop, read_bytes):
            raw = decode_range(_TABLES[read.xorb], read.first, read.end, _STORED[read.xorb][read.start : read.stop])
            assert len(raw) <= max(read_bytes, 900)
            assert 0 < read.take <= len(raw) - read.skip
            out += raw[read.skip : read.skip + read.take]
        assert out == _DATA[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(len(_DATA), len(_DATA) + 1), (5, 5), (6, 5), (-1, 5), (10**12, 10**13)])
def test_ranges_outside_the_file_are_refused(start: int, stop: int) -> None:
    """A range that is empty or starts at or past the end has no plan."""
    with pytest.raises(BadRange):
        plans.plan_range(_TERMS, _TABLES, start, stop)
    with pytest.raises(BadRange):
        next(plans.reading_plan(_TERMS, _TABLES, start, stop))


def test_the_empty_file_has_no_range() -> None:
    """Every range of the empty file lies outside it."""
    with pytest.raises(BadRange):
        plans.plan_range((), {}, 0, 1)
