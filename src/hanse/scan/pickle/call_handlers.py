"""Handlers of opcodes that import, call and fill objects; see `hanse.scan.pickle.machine`.

Each gets the machine and the offset of its opcode in the window, and returns the offset of the next opcode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hanse.scan.pickle.calls import EXACT_COST, again, bring, build, call
from hanse.scan.pickle.data_handlers import NOTE_COST, read_line, read_number
from hanse.scan.pickle.joblib import array_end
from hanse.scan.pickle.tensors import persistent, storage
from hanse.scan.pickle.values import MAX_NAME, Thing

if TYPE_CHECKING:
    from hanse.scan.pickle.machine import Machine


def bring_global(machine: Machine, pos: int) -> int:
    """Do GLOBAL."""
    machine.extra += NOTE_COST
    data, start = machine.constants.data, pos + 1
    end = data.find(b"\n", data.find(b"\n", start) + 1) + 1
    key = data[start:end] if 0 < end - start < MAX_NAME else b""
    value = again(machine, key)
    if value is None:
        module, middle = read_line(machine, start)
        name, end = read_line(machine, middle)
        value = bring(machine, "GLOBAL", (_decoded(module), _decoded(name)), machine.constants.base + pos, key)
    machine.stack.append(value)
    return end


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


def stack_global(machine: Machine, pos: int) -> int:
    """Do STACK_GLOBAL."""
    machine.extra += NOTE_COST
    stack, at = machine.stack, machine.constants.base + pos
    key = (stack[-2], stack[-1])
    value = again(machine, key)
    if value is None:
        parts = [_name(machine, value, what, at) for value, what in zip(key, ("module", "name"), strict=True)]
        known = [part for part in parts if part is not None]
        value = bring(machine, "STACK_GLOBAL", (known[0], known[1]), at, key) if len(known) == 2 else machine.heap.unknown
    del stack[-2:]
    stack.append(value)
    return pos + 1


def _name(machine: Machine, value: int, what: str, at: int) -> str | None:
    """Return the text of a name; None, noting it, if it is not a constant."""
    text = machine.constants.text(value) if value >= 0 else None
    if text is None:
        machine.extra += EXACT_COST
        shape = machine.heap.shape(value)
        machine.record.note("computed", (what, repr(shape)), at, {"what": what, "from": shape})
    return text


def make_instance(machine: Machine, pos: int) -> int:
    """Do INST."""
    at = machine.constants.base + pos
    module, middle = read_line(machine, pos + 1)
    name, end = read_line(machine, middle)
    value = bring(machine, "INST", (_decoded(module), _decoded(name)), at)
    machine.stack.append(call(machine, "INST", (value, machine.pop_mark()), at))
    return end


def call_object(machine: Machine, pos: int) -> int:
    """Do OBJ."""
    taken = machine.pop_mark()
    machine.stack.append(call(machine, "OBJ", (taken[0], taken[1:]), machine.constants.base + pos))
    return pos + 1


def reduce(how: str) -> Callable[[Machine, int], int]:
    """Make the handler of REDUCE or NEWOBJ."""

    def handle(machine: Machine, pos: int) -> int:
        stack = machine.stack
        given, function = stack[-1], stack[-2]
        stack.pop()
        stack[-1] = call(machine, how, (function, given), machine.constants.base + pos)
        return pos + 1

    return handle


def newobj_ex(machine: Machine, pos: int) -> int:
    """Do NEWOBJ_EX."""
    stack = machine.stack
    function, given, keywords = stack[-3], stack[-2], stack[-1]
    del stack[-2:]
    stack[-1] = call(machine, "NEWOBJ_EX", (function, given), machine.constants.base + pos, keywords)
    return pos + 1


def build_object(machine: Machine, pos: int) -> int:
    """Do BUILD, and skip the array that joblib writes behind it."""
    stack, at = machine.stack, machine.constants.base + pos
    target, state = stack[-2], stack.pop()
    build(machine, target, state, at)
    end = array_end(machine, target, state, at)
    if end > max(at + 1, machine.frame_end):
        machine.frame_end = -1
    machine.heap.forget(state)
    return end - machine.constants.base


def persid(machine: Machine, pos: int) -> int:
    """Do PERSID."""
    machine.extra += NOTE_COST
    line, end = read_line(machine, pos + 1)
    text = line[:100].decode("latin-1")
    machine.record.note("persid", text, machine.constants.base + pos, {"shape": {"s": text}})
    machine.stack.append(machine.heap.thing(persistent(None)))
    return end


def binpersid(machine: Machine, pos: int) -> int:
    """Do BINPERSID."""
    machine.extra += EXACT_COST
    stack, at = machine.stack, machine.constants.base + pos
    value = stack[-1]
    found = storage(machine.heap, value)
    if found is None:
        shape = machine.heap.shape(value)
        machine.record.note("persid", repr(shape), at, {"shape": shape})
    else:
        if not machine.record.seen("persid", "storage"):
            machine.record.note("persid", "storage", at, {"shape": machine.heap.shape(value)})
        machine.record.note("storage", tuple(found.values()), at, found)
    stack[-1] = machine.heap.thing(persistent(found))
    return pos + 1


def extension(width: int) -> Callable[[Machine, int], int]:
    """Make the handler of EXT1, EXT2 or EXT4."""

    def handle(machine: Machine, pos: int) -> int:
        machine.extra += NOTE_COST
        code = read_number(machine, pos, width)
        machine.record.note("extension", code, machine.constants.base + pos, {"code": code})
        machine.stack.append(machine.heap.thing(Thing("extension", detail=str(code))))
        return pos + 1 + width

    return handle
