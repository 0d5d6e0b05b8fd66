"""What the pickle machine remembers about values beside their position: tuples, dict contents, imports, results of calls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from hanse.scan.pickle import opcodes as op
from hanse.scan.pickle.values import LIKE, UNKNOWN, Constants, Thing

MAX_ITEMS = 16
"""Items of a tuple that are remembered."""
MAX_PAIRS = 128
"""Keys and values of a dict that are remembered, both counted."""
MAX_TUPLES = 100_000
MAX_CONTENTS = 20_000
MAX_THINGS = 50_000
_SIMPLE = tuple(
    size * (code in {op.NONE, op.NEWTRUE, op.NEWFALSE, op.BININT, op.BININT1, op.BININT2, op.EMPTY_TUPLE})
    for code, size in enumerate(op.FIXED)
)
"""By opcode: how long a constant is that its bytes say everything about, else 0."""
DEPTH = 3
"""How far shapes go into tuples in tuples."""
_OPAQUE = ~0
HOLE = ~1
"""What the memo has where nothing was put: a thing of its own that nobody knows."""


class Heap:
    """Values of one stream.

    tuples: first items by position, filled by the machine's loop too; storage_word: where PyTorch's word `storage` was last. Old
    tuples and contents are forgotten when there are too many; they then have no known shape.
    """

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.things: list[Thing] = [UNKNOWN, UNKNOWN]
        self.unknown = _OPAQUE
        self._index: dict[Thing, int] = {UNKNOWN: _OPAQUE}
        self.tuples: dict[int, tuple[int, ...]] = {}
        self._lengths: dict[int, int] = {}
        self._contents: dict[int, list[int]] = {}
        self._sizes: dict[int, int] = {}
        self.storage_word = -1

    def thing(self, thing: Thing) -> int:
        """Return the value of a thing; the unknown one if there are too many."""
        found = self._index.get(thing)
        if found is None:
            if len(self.things) >= MAX_THINGS:
                return _OPAQUE
            found = self._index[thing] = ~len(self.things)
            self.things.append(thing)
        return found

    def known(self, value: int) -> Thing | None:
        """Return the thing that a value is; None for data."""
        return self.things[~value] if value < 0 else None

    def keep_tuple(self, at: int, items: Sequence[int]) -> None:
        """Remember the first items of the tuple made at `at`."""
        if len(items) > MAX_ITEMS:
            self._lengths[at] = len(items)
        self.tuples[at] = tuple(items[:MAX_ITEMS])

    def tidy(self) -> None:
        """Forget the older half of the tuples when there are too many; called between windows."""
        if len(self.tuples) >= MAX_TUPLES:
            for old in list(islice(self.tuples, len(self.tuples) - MAX_TUPLES // 2)):
                del self.tuples[old]
                self._lengths.pop(old, None)

    def items(self, value: int) -> tuple[int, ...] | None:
        """Return the first items of a tuple; None if the value is none, or was forgotten."""
        found = self.tuples.get(value)
        if found is None and value >= 0 and self.constants.read(value, 1) == b")":
            return ()
        return found

    def length(self, value: int) -> int:
        """Return how many items a remembered tuple has."""
        return self._lengths.get(value) or len(self.tuples.get(value, ()))

    def has_room(self) -> bool:
        """Tell whether contents of every further dict would be kept."""
        return len(self._contents) < MAX_CONTENTS

    def wants(self, at: int) -> bool:
        """Tell whether contents of a dict would be kept."""
        return len(self._contents) < MAX_CONTENTS or at in self._contents

    def keep_pairs(self, at: int, pairs: list[int], total: int) -> None:
        """Remember the first keys and values set in the dict made at `at`; total: of both."""
        found = self._contents.setdefault(at, [])
        found.extend(pairs[: MAX_PAIRS - len(found)])
        self._sizes[at] = self._sizes.get(at, 0) + total // 2
        if len(self._contents) >= 2 * MAX_CONTENTS:
            for old in list(islice(self._contents, MAX_CONTENTS)):
                self.forget(old)

    def forget(self, at: int) -> None:
        """Drop the contents of a dict."""
        self._contents.pop(at, None)
        self._sizes.pop(at, None)

    def pairs(self, value: int) -> dict[str, int]:
        """Return the values of a dict by key, as far as remembered and where keys are texts."""
        found = self._contents.get(value, [])
        named: dict[str, int] = {}
        for key, item in zip(found[::2], found[1::2], strict=False):
            name = self.constants.text(key) if key >= 0 else None
            if name is not None:
                named[name] = item
        return named

    def shape(self, value: int, depth: int = DEPTH) -> Any:
        """Return the JSON form of a value, bounded."""
        if value < 0:
            return self.things[~value].shape()
        kind = self.constants.kind(value)
        if kind == "tuple":
            items = self.items(value)
            if items is None or not depth:
                return {"t": "tuple"}
            shown: list[Any] = [self.shape(item, depth - 1) for item in items]
            return shown if self.length(value) <= len(items) else [*shown, {"more": self.length(value) - len(items)}]
        if kind == "dict":
            return self._dict_shape(value)
        if kind in {"list", "set", "frozenset"}:
            return {"k": kind}
        return self.constants.shape(value)

    def exact(self, values: Sequence[int], depth: int = 1) -> tuple[Any, ...] | None:
        """Return what stands for the shapes of values, much faster than they are made: equal ones have equal shapes.

        None if one of them is neither a thing, a small number, None, True or False, nor a short tuple of such.
        """
        data, base, found = self.constants.data, self.constants.base, list[Any]()
        for value in values:
            if value < 0:
                found.append(value)
                continue
            at = value - base
            if at < 0:
                return None
            size = _SIMPLE[data[at]]
            if size:
                found.append(data[at : at + size])
                continue
            items = self.tuples.get(value)
            inner = self.exact(items, depth - 1) if items is not None and depth and value not in self._lengths else None
            if inner is None:
                return None
            found.append(inner)
        return tuple(found)

    def _dict_shape(self, value: int) -> dict[str, Any]:
        found = self._contents.get(value)
        if found is None:
            return {"k": "dict"}
        named = self.pairs(value)
        linked = {key: self.things[~item].shape() for key, item in named.items() if item < 0}
        shape: dict[str, Any] = {"k": "dict", "n": self._sizes[value], "keys": list(named)}
        return {**shape, "links": linked} if linked else shape

    def rough(self, value: int) -> Any:
        """Return the kind of a value where `shape` gives the value itself; for a text with what it is like."""
        if value < 0:
            return self.things[~value].shape()
        shape: dict[str, Any] = {"t": self.constants.kind(value)}
        likeness = self.constants.likeness(value) - 256
        if likeness >= 0:
            shape["like"] = [name for bit, name in enumerate(LIKE) if likeness >> bit & 1]
        return shape
