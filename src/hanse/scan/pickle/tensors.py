"""PyTorch's persistent ids and tensors: what a tensor claims of a storage against what the storage has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hanse.scan.pickle.heap import Heap
from hanse.scan.pickle.values import Thing

LAYOUTS = frozenset(f"torch._utils _rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "qtensor"))
"""Callables whose first arguments are (storage, offset, size, stride)."""
MAX_ELEMENTS = 1 << 62


def storage(heap: Heap, value: int) -> dict[str, Any] | None:
    """Return {key, type, elements} of a persistent id ('storage', type, key, location, elements, ...); None if it is none."""
    items = heap.items(value)
    if items is None or len(items) < 5 or items[0] < 0:
        return None
    if items[0] != heap.storage_word:  # one constant stands in all of them
        if heap.constants.text(items[0]) != "storage":
            return None
        heap.storage_word = items[0]
    kind = heap.known(items[1])
    shown: Any = heap.constants.text(items[2]) if items[2] >= 0 else None
    shown = heap.shape(items[2]) if shown is None else shown[:200]
    count = heap.constants.number(items[4]) if items[4] >= 0 else None
    return {"key": shown, "type": kind.name if kind else "", "elements": count}


def persistent(found: dict[str, Any] | None) -> Thing:
    """Return the value that a persistent id stands for."""
    elements = found["elements"] if found else None
    return Thing("persistent", found["type"] if found else "", elements=-1 if elements is None else min(elements, MAX_ELEMENTS))


def violation(heap: Heap, name: str, items: Sequence[int]) -> str:
    """Return what is wrong with the arguments of a tensor, nothing if all is right or cannot be known."""
    if name not in LAYOUTS:
        return ""
    if len(items) < 4:
        return "too few arguments"
    offset, sizes, strides = _integer(heap, items[1]), _integers(heap, items[2]), _integers(heap, items[3])
    if offset is None or sizes is None or strides is None:
        return "offset, size and stride are not plain integers"
    if len(sizes) != len(strides):
        return "size and stride differ in length"
    if offset < 0 or min((*sizes, *strides), default=0) < 0:
        return "negative offset, size or stride"
    thing = heap.known(items[0])
    if thing is None or thing.kind != "persistent" or thing.elements < 0 or 0 in sizes:
        return ""
    needed = offset + 1 + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return "the tensor reaches beyond its storage" if needed > thing.elements else ""


def _integer(heap: Heap, value: int) -> int | None:
    return heap.constants.number(value) if value >= 0 else None


def _integers(heap: Heap, value: int) -> list[int] | None:
    """Return the integers of a tuple; None if it has anything else, or more items than are remembered."""
    items = heap.items(value)
    if items is None or (items and heap.length(value) > len(items)):
        return None
    found = [_integer(heap, item) for item in items]
    return None if None in found else [one for one in found if one is not None]
