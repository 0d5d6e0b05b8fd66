"""The machine: bounds, windows, frames as different loaders read them."""

from __future__ import annotations

import pytest
from tests.samples.pickle import SYSTEM, frame, stream, text
from tests.support.pickles import calls, ending, seen, views

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.pickle import machine as machines
from hanse.scan.pickle.machine import Machine
from hanse.scan.pickle.record import Record
from hanse.scan.source import BytesSource


def follow(data: bytes, operations: int = 10**6) -> tuple[Machine, tuple[str, int]]:
    """Return a machine after it followed `data`, and how that ended."""
    machine = Machine(BytesSource(data), Record(), Budget({"operations": operations}))
    return machine, machine.follow(0)


def test_operations_are_opcodes() -> None:
    """The count is that of the opcodes, STOP included."""
    machine, ended = follow(b"\x80\x02NNK\x01000N.")
    assert (machine.operations, ended) == (9, ("stop", 11))


@pytest.mark.soak
def test_payloads_across_windows() -> None:
    """Opcodes and names on both sides of a window's end are read, and long bytes are skipped."""
    padding = b"N0" * ((1 << 19) - 4)
    for shift in range(8):
        data = b"\x80\x02" + b"N0" * 3 + b"]" + b"N" * shift + padding + SYSTEM + b"."
        assert calls(data) == ["posix system"], shift
    assert calls(b"\x80\x02B" + (3 << 20).to_bytes(4, "little") + bytes(3 << 20) + SYSTEM + b".") == ["posix system"]


def test_the_budget_ends_a_stream() -> None:
    """A stream that is too long ends with OverBudget, whatever it is made of."""
    for unit in (b"N0", b"}", b"(", b"N\x85", b"I1\n"):
        with pytest.raises(OverBudget):
            follow(unit * 5000, 1000)


def test_the_stack_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values without end are inconclusive instead of filling the memory."""
    monkeypatch.setattr(machines, "MAX_STACK", 1000)
    with pytest.raises(OverBudget):
        follow(b"N" * 1_100_000)


def test_the_sparse_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys far apart are inconclusive when there are too many."""
    monkeypatch.setattr(machines, "MAX_SPARSE", 10)
    with pytest.raises(OverBudget):
        follow(b"N" + b"".join(b"r" + (number * 1000).to_bytes(4, "little") for number in range(1, 20)))


def test_entries_of_the_memo() -> None:
    """What is read from the memo is what was put there last, also where keys are far apart."""
    body = text("posix") + b"r\x00\x00\x01\x000" + text("system") + b"q\x090" + b"j\x00\x00\x01\x00h\x09\x93)R"
    assert calls(stream(body, 4)) == ["posix system"]
    body = text("posix") + b"q\x00" + text("math") + b"q\x000" + b"h\x00" + text("floor") + b"\x93)R"
    assert calls(stream(body, 4)) == ["math floor"]


def test_frames_that_readers_read_differently() -> None:
    """Where a read crosses the end of a frame both ways of reading are followed."""
    dropped = b"\x80\x04" + frame(b"N0X\x00\x02\x00") + bytes(4) + SYSTEM + b"."
    data = dropped.ljust(530, b"N") + b"."
    assert calls(data) == ["posix system"]
    assert "crosses" in seen(data, "frame")[0]["reason"]
    inside = b"\x80\x04" + frame(b"N0" + frame(b"", 3000)[:9] + b"N0" * 3) + SYSTEM + b"." + b"N" * 3000
    assert "crosses" in seen(inside, "frame")[0]["reason"]


def test_bytes_across_a_frame_are_no_difference() -> None:
    """Loaders collect bytes across the end of a frame, so nothing differs."""
    assert seen(b"\x80\x04" + frame(b"C\x08abc") + b"defgh" + SYSTEM + b".", "frame") == []


def test_ordinary_frames() -> None:
    """Frames one after another, as picklers write them, are nothing to note."""
    data = b"\x80\x04" + frame(b"](" + b"K\x01" * 70_000) + frame(b"eN0N0") + SYSTEM + b"."
    assert seen(data, "frame") == []
    assert ending(data) == "stop"
    assert views(data)[0].stopped is None


class _Short(BytesSource):
    """A source that ends before its size, as a damaged member of an archive does."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.size = len(data) + 5


@pytest.mark.parametrize(
    "data", [b"", b"N", b"\x80\x02N", b"\x80\x02X\x90\x00\x00\x00a", b"cos\nsystem\n", b"\x80\x02" + b"N" * 3000]
)
def test_a_source_that_ends_early_ends_the_stream(data: bytes) -> None:
    """Where a source gives less than it declares, the machine ends instead of asking for ever."""
    machine = Machine(_Short(data), Record(), Budget({"operations": 10**6}))
    assert machine.follow(0)[0] in {"truncated", "bad-opcode", "stack-underflow"}
