"""Files of pickle streams: one after another, with bytes before, between and behind them."""

from __future__ import annotations

import re

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.pickle.machine import Machine
from hanse.scan.pickle.nested import MAX_TEXT_BYTES, content
from hanse.scan.pickle.record import Record
from hanse.scan.source import PIECE, BytesSource, SliceSource, Source, pieces
from hanse.scan.walk import ViewBuilder, Walk, join

MAX_STREAMS = 2_000
TRIAL_OPERATIONS = 2_000
TRIAL_COST = 200
NESTED_COST = 1_000
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_STARTS = frozenset(b"(])}\x8f\x80\x95NIJKMLFGSTUVXcPBC\x8a\x8b\x8c\x8d\x8e\x96\x88\x89\x82\x83\x84")
"""First bytes of streams: opcodes that need nothing on the stack."""
_PROTOCOL = 0x80


def plausible(source: Source, at: int, budget: Budget | None = None, *, following: bool = False) -> bool:
    """Tell whether the bytes at `at` are a pickle stream rather than something else.

    True for the opcode PROTO and at least two more valid ones, for a stream that imports something and then uses it, for one
    that is complete up to the end of the source, and for what is still a stream after TRIAL_OPERATIONS. budget: charged if
    given; following: behind a stream, where a complete one need not reach to the end.
    """
    first = source.read_at(at, 2)
    if not first or first[0] not in _STARTS or (first[0] == _PROTOCOL and (len(first) < 2 or first[1] > 5)):
        return False
    trial = Budget({"operations": TRIAL_OPERATIONS})
    record = Record()
    machine = Machine(source, record, trial)
    try:
        reason, end = machine.follow(at)
    except OverBudget:
        return True
    finally:
        if budget is not None:
            budget.spend("operations", TRIAL_COST + machine.operations)
    if first[0] == _PROTOCOL:
        return machine.operations > 2 or end >= source.size
    if reason == "stop" and (following or not source.read_at(end, 64).strip(b"\0\r\n\t ")):
        return machine.operations > 1
    return _acts(record) and (reason == "stop" or record.count("call") > 0)


def _acts(record: Record) -> bool:
    """Tell whether there are imports and all have names that could be names."""
    names = [data[part] for data in record.kept("import") for part in ("module", "name")]
    return bool(names) and all(_IDENTIFIER.fullmatch(name) for name in names)


def observe_at(source: Source, start: int, view: ViewBuilder, walk: Walk) -> int:
    """Follow the streams from `start` to the end of the source; returns where the last one ended."""
    record = Record()
    machine = Machine(source, record, walk.budget)
    crossed: list[int] = []
    position = start
    try:
        for number in range(MAX_STREAMS):
            machine.restart()
            begin = position
            try:
                reason, position = machine.follow(begin)
            except OverBudget:
                _note_stream(record, machine, begin, machine.position, "budget")
                raise
            _note_stream(record, machine, begin, position, reason)
            if machine.crossed:
                crossed.append(begin)
            if reason != "stop" or not plausible(source, position, walk.budget, following=True):
                break
            if number == MAX_STREAMS - 1:
                raise OverBudget("streams")
        for begin in crossed:
            _follow_frames(source, begin, record, walk)
        _trailing(source, position, record)
    finally:
        record.write(view)
    _descend(machine, source, view, walk)
    return position


def _note_stream(record: Record, machine: Machine, start: int, end: int, reason: str) -> None:
    data = {"proto": machine.proto, "operations": machine.operations, "length": end - start, "end": reason}
    record.note("stream", start, start, data)


def _follow_frames(source: Source, start: int, record: Record, walk: Walk) -> None:
    """Follow a stream again as a loader that drops what a frame has left when a read crosses its end."""
    record.note("frame", "crossed", start, {"reason": "a read crosses the end of a frame, so readers differ"})
    machine = Machine(source, record, walk.budget, step=True)
    machine.follow(start)


def _trailing(source: Source, position: int, record: Record) -> None:
    rest = source.size - position
    if rest > 0:
        zeros = not any(piece.strip(b"\0") for piece in pieces(source, position, position + PIECE))
        record.note("trailing", position, position, {"bytes": rest, "zeros": zeros})


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
        view.see("nested", at, length=inner.size, how=name)
        walk.descend(inner, join(view.member, f"pickle@{at}"))
