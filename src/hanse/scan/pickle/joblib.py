"""Arrays that joblib writes into the stream behind its wrappers: their bytes are no opcodes and are skipped.

`NumpyArrayWrapper` (joblib 0.10 and later) is followed by one byte of padding length, padding and the array's bytes, or by a
pickle of its own if the array holds objects. The older wrappers name a file beside the pickle.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from hanse.scan.budget import OverBudget
from hanse.scan.pickle.ended import Ended
from hanse.scan.pickle.heap import Heap
from hanse.scan.pickle.record import Record

if TYPE_CHECKING:
    from hanse.scan.pickle.machine import Machine

WRAPPER = "numpy_pickle NumpyArrayWrapper"
OLD_WRAPPERS = (
    "numpy_pickle NDArrayWrapper",
    "numpy_pickle ZNDArrayWrapper",
    "numpy_pickle_compat NDArrayWrapper",
    "numpy_pickle_compat ZNDArrayWrapper",
)
_DTYPE = re.compile(r"[|<>=]?([?a-zA-Z])(\d{1,9})?(?:\[.{1,20}\])?(?:@\d+)?")
_SIZES = {1: "?bB", 2: "hHe", 4: "iIf", 8: "lLqQdF", 16: "gD"}
"""Kinds without digits, by their size in bytes."""
ARRAY_COST = 20
FORK_COST = 300
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_HAS_OBJECTS = 1
_FLAGS = 7
"""Index of the flags in the state of a dtype."""


def item_size(dtype: str) -> int:
    """Return the bytes of one item of a dtype as its constructor gets it; 0 if it holds objects, -1 if unknown."""
    match = _DTYPE.fullmatch(dtype)
    if match is None:
        return -1
    kind, digits = match[1], match[2]
    if kind == "O":
        return 0
    if digits is None or kind == "?":
        return next((size for size, kinds in _SIZES.items() if kind in kinds), -1)
    return int(digits) * (4 if kind == "U" else 1)


def array_end(machine: Machine, target: int, state: int, at: int) -> int:
    """Return where the stream goes on after the BUILD at `at`."""
    thing = machine.heap.known(target)
    if thing is None:
        return at + 1
    if thing.detail and "V" in thing.detail:
        _note_objects(machine, target, state)
    if thing.name.startswith(("joblib.", "sklearn.externals.joblib.")):
        pairs = machine.heap.pairs(state)
        if thing.name.endswith(WRAPPER) and machine.joblib:
            return _inline(machine, pairs, at)
        if thing.name.endswith(OLD_WRAPPERS):
            shown = machine.heap.shape(pairs.get("filename", machine.heap.unknown))
            machine.record.note("joblib", repr(shown), at, {"wrapper": thing.name, "file": shown})
    return at + 1


def _note_objects(machine: Machine, target: int, state: int) -> None:
    """Remember a structured dtype that holds objects, which its state tells."""
    items = machine.heap.items(state) or ()
    if len(items) > _FLAGS and items[_FLAGS] >= 0 and (machine.constants.number(items[_FLAGS]) or 0) & _HAS_OBJECTS:
        machine.objects.add(target)


def _inline(machine: Machine, pairs: dict[str, int], at: int) -> int:
    """Skip the array of a wrapper; returns where the stream goes on."""
    heap, constants = machine.heap, machine.constants
    dtype, shape = pairs.get("dtype", heap.unknown), pairs.get("shape", heap.unknown)
    thing = heap.known(dtype)
    detail = thing.detail if thing is not None else ""
    data = {"wrapper": WRAPPER, "dtype": detail.partition("@")[0], "shape": heap.shape(shape)}
    machine.record.note("joblib", repr(data), at, data)
    machine.extra += ARRAY_COST
    size = 0 if dtype in machine.objects else item_size(detail)
    if size == 0:
        return _objects(machine, at + 1)
    elements = product(heap, shape)
    if size < 0 or elements < 0:
        raise Ended("joblib-array")
    start = at + 1
    alignment = pairs.get("numpy_array_alignment_bytes", heap.unknown)
    if alignment >= 0 and constants.kind(alignment) == "int":
        start += 1 + (constants.read(start, 1) or b"\0")[0]
    end = start + size * elements
    _as_opcodes(machine, at + 1)
    if end > constants.source.size:
        raise Ended("truncated")
    return end


def _as_opcodes(machine: Machine, start: int) -> None:
    """Follow the bytes of an array as opcodes, which is what `pickle.load` does, and note it if they import something.

    The bytes of real arrays soon are no opcodes; only names that could be names count as imports.
    """
    machine.extra += FORK_COST + len(machine.heap.things) // 4
    record = Record()
    fork = machine.fork(record)
    with suppress(OverBudget):
        fork.follow(start)
    machine.extra += fork.operations
    if record.names() and all(map(_NAME.fullmatch, record.names())):
        machine.record.note("frame", "array", start, {"reason": "bytes of an array are opcodes for readers other than joblib"})
        with suppress(OverBudget):
            machine.fork(machine.record).follow(start)


def product(heap: Heap, shape: int) -> int:
    """Return the number of elements of an array, -1 if its shape is no tuple of plain sizes."""
    elements = 1
    for item in heap.items(shape) or ():
        count = heap.constants.number(item) if item >= 0 else None
        if count is None or count < 0 or elements * count > 1 << 62:
            return -1
        elements *= count
    return elements if heap.items(shape) is not None else -1


def _objects(machine: Machine, start: int) -> int:
    """Follow the pickle of an array of objects; returns where it ends."""
    inner = type(machine)(machine.constants.source, machine.record, machine.budget, joblib=False)
    inner.nested, inner.sites = machine.nested, {}
    reason, end = inner.follow(start)
    if reason != "stop":
        raise Ended(f"array-{reason}")
    return end
