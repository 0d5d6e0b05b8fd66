"""Handlers of opcodes that make and move plain data; see `hanse.scan.pickle.machine`.

Each gets the machine and the offset of its opcode in the window, and returns the offset of the next opcode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hanse.scan.pickle import opcodes as op
from hanse.scan.pickle.calls import keep_nested, touch
from hanse.scan.pickle.ended import Ended, Framed
from hanse.scan.pickle.heap import MAX_PAIRS
from hanse.scan.pickle.nested import starts_stream
from hanse.scan.pickle.values import MAX_NAME
from hanse.scan.source import PIECE

if TYPE_CHECKING:
    from hanse.scan.pickle.machine import Machine

LINE_COST = 10
PAYLOAD_COST = 2
TUPLE_COST = 4
NOTE_COST = 8
MARK_COST = 4
FRAME_COST = 80


def unknown(machine: Machine, pos: int) -> int:
    """Do what is no opcode: end the stream."""
    raise Ended("truncated" if machine.constants.base + pos >= machine.constants.source.size else "bad-opcode")


def stop(machine: Machine, _pos: int) -> int:
    """Do STOP."""
    raise Ended("stop" if machine.stack else "stack-underflow")


def proto(machine: Machine, pos: int) -> int:
    """Do PROTO."""
    machine.proto = machine.constants.data[pos + 1]
    if machine.proto > 5:
        raise Ended("protocol")
    return pos + 2


def frame(machine: Machine, pos: int) -> int:
    """Begin a frame: `loads` goes on in one line, `load` from a file reads it as a piece (see Machine.splice)."""
    at = machine.constants.base + pos
    end = at + 9 + read_number(machine, pos, 8)
    machine.extra += FRAME_COST
    if end > machine.constants.source.size:
        machine.record.note("frame", "long", at, {"reason": "frame is longer than the file"})
        return pos + 9
    if machine.frame_end > at + 9:
        machine.crossed = True
        if end <= machine.frame_end:
            return pos + 9
        if machine.step:
            machine.splice(at + 9)
            pos = at - machine.constants.base
    machine.frame_end = end
    raise Framed(pos + 9)


def read_number(machine: Machine, pos: int, width: int) -> int:
    """Return the unsigned argument of the opcode at offset `pos`."""
    return int.from_bytes(machine.constants.data[pos + 1 : pos + 1 + width], "little")


def read_line(machine: Machine, pos: int) -> tuple[bytes, int]:
    """Return the start of the line that begins at offset `pos`, and the offset behind its line feed."""
    constants = machine.constants
    end = constants.data.find(b"\n", pos)
    if end >= 0:
        return constants.data[pos : min(end, pos + MAX_NAME)], end + 1
    at = constants.base + pos
    head = constants.read(at, MAX_NAME)
    while piece := constants.source.read_at(at, PIECE):
        machine.budget.spend("operations", len(piece) >> 5)
        end = piece.find(b"\n")
        if end >= 0:
            return head, at + end + 1 - constants.base
        at += len(piece)
    raise Ended("truncated")


def text_constant(machine: Machine, pos: int) -> int:
    """Do INT, LONG, FLOAT, STRING or UNICODE."""
    _, end = read_line(machine, pos + 1)
    machine.extra += LINE_COST
    machine.stack.append(machine.constants.base + pos)
    return end


def payload(width: int) -> Callable[[Machine, int], int]:
    """Make the handler of constants with a length of `width` bytes."""

    def handle(machine: Machine, pos: int) -> int:
        constants = machine.constants
        data = constants.data
        code = data[pos]
        machine.extra += PAYLOAD_COST
        start = pos + 1 + width
        length = int.from_bytes(data[pos + 1 : start], "little", signed=code in op.SIGNED_LENGTH)
        end = start + length
        if length < 0:
            raise Ended("negative-length")
        if constants.base + end > constants.source.size:
            raise Ended("truncated")
        if length > 3 and code in _OPAQUE and starts_stream(data[start : min(end, start + 300)]):
            keep_nested(machine, constants.base + pos, "")
        machine.stack.append(constants.base + pos)
        if 0 <= machine.frame_end < constants.base + end and code in op.STRAIGHT:
            machine.frame_end = -1
        return end

    return handle


def push_here(machine: Machine, pos: int) -> int:
    """Push a value made at this position."""
    machine.stack.append(machine.constants.base + pos)
    return pos + 1


def pop(machine: Machine, pos: int) -> int:
    """Do POP, which takes a mark if it is on top."""
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()
    return pos + 1


def pop_mark(machine: Machine, pos: int) -> int:
    """Do POP_MARK."""
    machine.extra += MARK_COST
    machine.pop_mark()
    return pos + 1


def dup(machine: Machine, pos: int) -> int:
    """Do DUP."""
    machine.stack.append(machine.stack[-1])
    return pos + 1


def make_tuple(machine: Machine, pos: int) -> int:
    """Do TUPLE."""
    machine.extra += TUPLE_COST
    at = machine.constants.base + pos
    machine.heap.keep_tuple(at, machine.pop_mark())
    machine.stack.append(at)
    return pos + 1


def tuples(count: int) -> Callable[[Machine, int], int]:
    """Make the handler of TUPLE1 or TUPLE3."""

    def handle(machine: Machine, pos: int) -> int:
        machine.extra += TUPLE_COST
        stack = machine.stack
        taken = stack[-count:]
        if len(taken) < count:
            raise Ended("stack-underflow")
        at = machine.constants.base + pos
        machine.heap.keep_tuple(at, taken)
        del stack[-count:]
        stack.append(at)
        return pos + 1

    return handle


def collect(machine: Machine, pos: int) -> int:
    """Make a list or a frozenset of everything above the mark."""
    machine.pop_mark()
    return push_here(machine, pos)


def make_dict(machine: Machine, pos: int) -> int:
    """Do DICT."""
    taken = machine.pop_mark()
    at = machine.constants.base + pos
    machine.extra += TUPLE_COST
    if machine.heap.wants(at):
        machine.heap.keep_pairs(at, taken[:MAX_PAIRS], len(taken))
    return push_here(machine, pos)


def setitem(machine: Machine, pos: int) -> int:
    """Do SETITEM."""
    stack = machine.stack
    target = stack[-3]
    if target < 0:
        touch(machine, "setitem", target, machine.constants.base + pos)
    elif machine.heap.wants(target):
        machine.extra += NOTE_COST
        machine.heap.keep_pairs(target, stack[-2:], 2)
    del stack[-2:]
    return pos + 1


def fill(machine: Machine, pos: int) -> int:
    """Do APPENDS, SETITEMS or ADDITEMS."""
    return machine.fill(pos)


def append(machine: Machine, pos: int) -> int:
    """Do APPEND."""
    target = machine.stack[-2]
    machine.stack.pop()
    if target < 0:
        machine.extra += NOTE_COST
        touch(machine, "append", target, machine.constants.base + pos)
    return pos + 1


def put(width: int) -> Callable[[Machine, int], int]:
    """Make the handler of BINPUT or LONG_BINPUT."""

    def handle(machine: Machine, pos: int) -> int:
        machine.extra += 1
        key, memo = read_number(machine, pos, width), machine.memo
        if key == len(memo) and not machine.sparse:  # what every writer does
            memo.append(machine.stack[-1])
        else:
            _put_far(machine, key, pos)
        return pos + 1 + width

    return handle


def long_binget(machine: Machine, pos: int) -> int:
    """Do LONG_BINGET."""
    machine.stack.append(machine.lookup(read_number(machine, pos, 4)))
    return pos + 5


def text_put(machine: Machine, pos: int) -> int:
    """Do PUT."""
    machine.extra += LINE_COST
    line, end = read_line(machine, pos + 1)
    _put_far(machine, _key(line), pos)
    return end


def _put_far(machine: Machine, key: int, pos: int) -> None:
    """Put an entry that is not the next one, noting one for which a loader takes much memory."""
    machine.put(key)
    if key > FAR:
        machine.record.note("memo", "far", machine.constants.base + pos, {"entry": min(key, 1 << 32)})


def text_get(machine: Machine, pos: int) -> int:
    """Do GET."""
    machine.extra += LINE_COST
    line, end = read_line(machine, pos + 1)
    machine.stack.append(machine.lookup(_key(line)))
    return end


def _key(line: bytes) -> int:
    text = line.strip(b" \t\r")
    if not text.isdigit() or len(text) > 18:
        raise Ended("bad-argument")
    return int(text)


def nothing(_machine: Machine, pos: int) -> int:
    """Do READONLY_BUFFER, which changes no value that is followed here."""
    return pos + 1


FAR = 1 << 23
"""A loader's memo for an entry beyond it takes hundreds of megabytes: it has twice as many pointers."""
_OPAQUE = frozenset({op.BINBYTES, op.SHORT_BINBYTES, op.BINBYTES8, op.BYTEARRAY8, op.BINSTRING, op.SHORT_BINSTRING})
"""Constants whose bytes are looked at for nested pickles even where nothing is called with them."""
