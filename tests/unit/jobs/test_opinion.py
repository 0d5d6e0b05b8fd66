"""picklescan's opinion, by the real picklescan."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from hanse.jobs.opinion import MAX_IMPORTS, installed_version, opinion_of, parse_opinion, stopped_opinion
from hanse.scan.source import BytesSource

INERT = b"cos\nsystem\n(S'echo hanse-test'\ntR."
ODD = b"cmy_own_library\nthing\n."


def _zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return out.getvalue()


def test_the_real_one_is_asked() -> None:
    """Imports come with picklescan's own words, the worst first, from bare pickles and from those in archives."""
    assert installed_version()
    for data in (ODD + INERT, _zipped(ODD + INERT)):
        found = parse_opinion(opinion_of(BytesSource(data)))
        assert found["imports"][0] == {"module": "os", "name": "system", "safety": "dangerous"}
        assert found["imports"][1] == {"module": "my_own_library", "name": "thing", "safety": "suspicious"}
        assert (found["count"], found["error"]) == (2, None)
    assert parse_opinion(opinion_of(BytesSource(b"]K\x01a.")))["imports"] == []
    assert parse_opinion(opinion_of(BytesSource(b"")))["count"] == 0


def test_its_failures_are_its_opinion() -> None:
    """What picklescan cannot read is said so; nothing is raised."""
    assert parse_opinion(opinion_of(BytesSource(b"\x80\x04\xff\xff")))["error"] is not None
    for data in (_zipped(INERT)[:-40], b"PK\x03\x04" * 20, b"c" * 3000, b"7z\xbc\xaf\x27\x1c" + bytes(50)):
        parse_opinion(opinion_of(BytesSource(data)))


def test_many_imports_are_cut() -> None:
    """The list is bounded, its length is told."""
    data = b"".join(b"cm\nf%d\n" % number for number in range(MAX_IMPORTS + 5)) + b"."
    found = parse_opinion(opinion_of(BytesSource(data)))
    assert (len(found["imports"]), found["count"]) == (MAX_IMPORTS, MAX_IMPORTS + 5)


def test_answers_are_not_believed() -> None:
    """What a worker sends is parsed within bounds."""
    assert parse_opinion(stopped_opinion(5, "time"))["error"] == "time"
    row = {"module": "m", "name": "n", "safety": "innocuous"}
    for bad in (
        b"",
        b"[" * 5000,
        json.dumps({"imports": [row] * 101, "count": 1, "error": None}).encode(),
        json.dumps({"imports": [{**row, "safety": "fine"}], "count": 1, "error": None}).encode(),
        json.dumps({"imports": [{**row, "name": "n" * 300}], "count": 1, "error": None}).encode(),
        json.dumps({"imports": [], "count": 1, "error": None, "more": 1}).encode(),
    ):
        with pytest.raises(ValueError, match="opinion"):
            parse_opinion(bad)
