"""Opcodes that make and move plain data."""

from __future__ import annotations

import pytest
from tests.samples.pickle import SYSTEM, frame, stream, text
from tests.support.pickles import calls, ending, seen


@pytest.mark.parametrize(
    "body",
    [
        b"(NNtN0",
        b"N\x85NN\x860NNN\x87",
        b"(NNl",
        b"(NNd",
        b"\x8f(NN\x90",
        b"(N\x91",
        b"]Na",
        b"](Ne",
        b"}NNs",
        b"}(NNu",
        b"N2",
        b"(N1N",
        b"((0N",
        b"Np0\ng0\n",
        b"Nq\x00h\x00",
        b"Nr\x00\x00\x00\x00j\x00\x00\x00\x00",
        b"N\x94h\x00",
        b"Nq\x01h\x01",
        b"Nr\x00\x10\x00\x00j\x00\x10\x00\x00",
        b"I1\nL2L\nF1.5\nS'a'\nVb\n",
        b"\x97\x98",
        b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a",
        b"\x8e\x01\x00\x00\x00\x00\x00\x00\x00a\x8d\x01\x00\x00\x00\x00\x00\x00\x00a",
        b"T\x01\x00\x00\x00aU\x01a",
        b"\x8a\x00\x8b\x00\x00\x00\x00",
    ],
)
def test_data_before_a_payload(body: bytes) -> None:
    """Whatever data comes before, the call is found and the stream ends with STOP."""
    data = stream(body + SYSTEM, 5)
    assert calls(data) == ["posix system"]
    assert ending(data) == "stop"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"N0h\x07", "memo-hole"),
        (b"Ng7\n", "memo-hole"),
        (b"Npx\n", "bad-argument"),
        (b"N00", "stack-underflow"),
        (b"N\x86", "stack-underflow"),
        (b"Nt", "stack-underflow"),
        (b"N\xfe", "bad-opcode"),
        (b"N\x80\x06", "protocol"),
        (b"NT\xff\xff\xff\xff", "negative-length"),
        (b"NX\xff\xff\xff\xff", "truncated"),
        (b"NSabc", "truncated"),
    ],
)
def test_broken_streams_end(body: bytes, reason: str) -> None:
    """A stream ends where a loader would fail, and says why."""
    assert ending(b"\x80\x04" + body) == reason


def test_what_is_before_the_defect_counts() -> None:
    """A call before garbage has been made."""
    assert calls(b"\x80\x04" + SYSTEM + b"\xff\xff") == ["posix system"]


def test_memo_keys_with_holes() -> None:
    """MEMOIZE numbers by how many entries there are, whatever keys were used."""
    body = b"Nq\x05" + text("a") + b"\x94" + b"0h\x01"
    assert ending(stream(body, 4)) == "stop"


def test_unframed_and_long_frames() -> None:
    """A frame that is longer than the file is said; one that fits is not worth a word."""
    assert seen(stream(frame(SYSTEM), 4), "frame") == []
    assert "longer" in seen(b"\x80\x04" + frame(SYSTEM, 5000) + b".", "frame")[0]["reason"]


def test_items_for_what_is_no_container() -> None:
    """Items put into the result of a call or an import are noted with their target."""
    assert seen(stream(b"cm\nC\n)R" + b"NNs"), "setitem") == [{"target": "m C", "on": "call", "count": 1}]
    assert seen(stream(b"cm\nC\n(NNu"), "setitem")[0]["on"] == "import"
    assert seen(stream(b"cm\nC\n(Ne"), "append")[0]["on"] == "import"
    assert seen(stream(b"cm\nC\nNa"), "append")[0]["on"] == "import"
