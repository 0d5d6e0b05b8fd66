"""Files of pickle streams: one after another, with bytes before, between and behind them."""

from __future__ import annotations

import re
from contextlib import suppress

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.pickle.machine import Machine
from hanse.scan.pickle.nested import MAX_TEXT_BYTES, content, is_container
from hanse.scan.pickle.record import Record
from hanse.scan.pickle.search import beginnings
from hanse.scan.source import PIECE, BytesSource, SliceSource, Source, pieces
from hanse.scan.walk import ViewBuilder, Walk, join

MAX_STREAMS = 2_000
TRIAL_OPERATIONS = 2_000
FIRST_BYTES = 256
"""Enough to see valid opcodes where PROTO says already that it is a pickle."""
TRIAL_COST = 300
BURIED_BYTES = 128 * 1024
"""How far a stream behind other bytes is followed to see whether it calls something."""
BURIED_COST = 1_500
NESTED_COST = 1_000
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_STARTS = frozenset(b"(])}\x8f\x80\x95NIJKMLFGSTUVXcPBC\x8a\x8b\x8c\x8d\x8e\x96\x88\x89\x82\x83\x84")
"""First bytes of streams: opcodes that need nothing on the stack."""
_PROTOCOL = 0x80
_PERSID = 0x50
_PRINTABLE = re.compile(rb"P[ -~]{0,250}\n")


def plausible(source: Source, at: int, budget: Budget | None = None, *, following: bool = False) -> bool:
    """Tell whether the bytes at `at` are a pickle stream rather than something else.

    True for the opcode PROTO and at least two more valid ones, for a stream that imports something and then
    uses it or is cut, for one
    that is complete up to the end of the source, and for what is still a stream after TRIAL_OPERATIONS. budget: charged if
    given; following: behind a stream, where a complete one need not reach to the end.
    """
    first = source.read_at(at, 2)
    if not first or first[0] not in _STARTS or (first[0] == _PROTOCOL and (len(first) < 2 or first[1] > 5)):
        return False
    if first[0] == _PERSID and not _PRINTABLE.match(source.read_at(at, 300)):
        return False
    if first[0] == _PROTOCOL:
        source, at = SliceSource(source, at, FIRST_BYTES), 0
    record = Record()
    machine = Machine(source, record, Budget({"operations": TRIAL_OPERATIONS}))
    try:
        reason, end = machine.follow(at)
    except OverBudget:
        return True
    finally:
        if budget is not None:
            budget.spend("operations", TRIAL_COST + machine.operations)
    if first[0] == _PROTOCOL:
        return machine.operations > 2 or (machine.operations > 1 and reason != "bad-opcode") or end >= source.size
    if reason == "stop" and (following or not source.read_at(end, 64).strip(b"\0\r\n\t ")):
        return machine.operations > 1
    return _acts(record) and (reason == "stop" or record.count("call") > 0 or (reason == "truncated" and machine.operations > 2))


def buried(source: Source, budget: Budget, start: int = 1) -> int | None:
    """Return where a stream that imports and calls something begins at or behind `start`; raises OverBudget."""
    for at in beginnings(source, start, budget):
        record = Record()
        machine = Machine(SliceSource(source, at, BURIED_BYTES), record, Budget({"operations": TRIAL_OPERATIONS}))
        with suppress(OverBudget):
            machine.follow(0)
        budget.spend("operations", BURIED_COST + machine.operations)
        if _acts(record) and record.count("call"):
            return at
    return None


def _acts(record: Record) -> bool:
    """Tell whether there are imports and all have names that could be names."""
    names = record.names()
    return bool(names) and all(_IDENTIFIER.fullmatch(name) for name in names)


def observe_at(source: Source, start: int, view: ViewBuilder, walk: Walk) -> None:
    """Follow the streams from `start` to the end of the source, and one that is buried behind them."""
    record = Record()
    machine = Machine(source, record, walk.budget)
    try:
        position = _follow_all(machine, start, walk.budget)
        if position < source.size:
            _trailing(source, position, record)
            hidden = buried(source, walk.budget, position)
            if hidden is not None:
                record.note("buried", hidden, hidden, {})
                _follow_all(machine, hidden, walk.budget)
    finally:
        record.write(view)
    _descend(machine, source, view, walk)


def _follow_all(machine: Machine, start: int, budget: Budget) -> int:
    """Follow one stream after another; returns where the last one ended."""
    source, record = machine.constants.source, machine.record
    position = start
    for _ in range(MAX_STREAMS):
        machine.restart()
        begin = position
        try:
            reason, position = machine.follow(begin)
        except OverBudget:
            _note_stream(record, machine, begin, machine.position, "budget")
            raise
        _note_stream(record, machine, begin, position, reason)
        if machine.crossed:
            record.note("frame", "crossed", begin, {"reason": "a read crosses the end of a frame, so readers differ"})
            Machine(source, record, budget, step=True).follow(begin)
        if reason != "stop" or not plausible(source, position, budget, following=True):
            return position
    raise OverBudget("streams")


def _note_stream(record: Record, machine: Machine, start: int, end: int, reason: str) -> None:
    data = {"proto": machine.proto, "operations": machine.operations, "length": end - start, "end": reason}
    record.note("stream", start, start, data)


def _trailing(source: Source, position: int, record: Record) -> None:
    zeros = not any(piece.strip(b"\0") for piece in pieces(source, position, position + PIECE))
    record.note("trailing", position, position, {"bytes": source.size - position, "zeros": zeros})


def _descend(machine: Machine, source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read constants that could be pickles as members of their own."""
    for at, name in machine.nested.items():
        walk.budget.spend("operations", NESTED_COST)
        constants = machine.constants
        if constants.kind(at) == "str":
            inner: Source = BytesSource(content(constants, at, MAX_TEXT_BYTES))
        else:
            _, length = constants.payload(at, 0)
            inner = SliceSource(source, constants.start(at), length)
        if not plausible(inner, 0) and not is_container(inner.read_at(0, 8)):
            continue
        view.see("nested", at, length=inner.size, how=name)
        walk.descend(inner, join(view.member, f"pickle@{at}"))
