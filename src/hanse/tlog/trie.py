"""A persistent dictionary: changed copies share what did not change, so that a copy of a log's whole state costs nothing.

A hash trie: inner nodes are tuples of 32 children chosen by five bits of the key's hash, small dictionaries hang below. A change
copies one tuple a level and one dictionary, whatever the number of entries.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

_BITS = 5
_FANOUT = 1 << _BITS
_BUCKET = 12
"""Entries that a bucket holds before it is split."""
_MAX_DEPTH = 12
"""Below that all bits of a hash are used up."""
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")
_Node = Any  # dict of entries, or tuple of _FANOUT children, or None
_EMPTY: dict[Any, Any] = {}


class Trie(Generic[_K, _V]):
    """An immutable mapping; `put` and `remove` return changed copies. Safe to share between threads.

    Iteration has no particular order.
    """

    __slots__ = ("_size", "_top")

    def __init__(self, top: _Node = None, size: int = 0) -> None:
        self._top = top
        self._size = size

    @classmethod
    def of(cls, entries: Mapping[_K, _V]) -> Trie[_K, _V]:
        """Return a dictionary with these entries: as putting one after another, and much cheaper."""
        return cls(_made(dict(entries), 0) if entries else None, len(entries))

    def __len__(self) -> int:
        return self._size

    def get(self, key: _K) -> _V | None:
        """Return the value of `key`, or None if it is not there."""
        node, bits = self._top, hash(key)
        while type(node) is tuple:
            node = node[bits & (_FANOUT - 1)]
            bits >>= _BITS
        return None if node is None else cast("_V | None", node.get(key))

    def put(self, key: _K, value: _V) -> Trie[_K, _V]:
        """Return a copy in which `key` has `value`."""
        top, grown = _put(self._top, key, value, hash(key), 0)
        return Trie(top, self._size + grown)

    def remove(self, key: _K) -> Trie[_K, _V]:
        """Return a copy without `key`; the same one if it is not there."""
        top, found = _remove(self._top, key, hash(key))
        return Trie(top, self._size - 1) if found else self

    def __iter__(self) -> Iterator[_K]:
        return (key for key, _ in self.items())

    def items(self) -> Iterator[tuple[_K, _V]]:
        """Yield all (key, value) pairs."""
        stack = [self._top]
        while stack:
            node = stack.pop()
            if type(node) is tuple:
                stack.extend(node)
            elif node is not None:
                yield from node.items()


def _put(node: _Node, key: Any, value: Any, bits: int, depth: int) -> tuple[_Node, bool]:
    """Return the node with the entry, and whether it has one entry more."""
    if type(node) is not tuple:
        bucket = {**(node or _EMPTY), key: value}
        grown = node is None or len(bucket) > len(node)
        if len(bucket) <= _BUCKET or depth >= _MAX_DEPTH:
            return bucket, grown
        return _split(bucket, depth), grown
    at = bits & (_FANOUT - 1)
    child, grown = _put(node[at], key, value, bits >> _BITS, depth + 1)
    return (*node[:at], child, *node[at + 1 :]), grown


def _split(bucket: dict[Any, Any], depth: int) -> _Node:
    """Return an inner node in place of a bucket that is at `depth`."""
    children: list[dict[Any, Any] | None] = [None] * _FANOUT
    for key, value in bucket.items():
        at = (hash(key) >> (_BITS * depth)) & (_FANOUT - 1)
        children[at] = {**(children[at] or _EMPTY), key: value}
    return tuple(children)


def _made(entries: dict[Any, Any], depth: int) -> _Node:
    """Return the node at `depth` that holds entries, at least one."""
    if len(entries) <= _BUCKET or depth >= _MAX_DEPTH:
        return entries
    children: list[dict[Any, Any] | None] = [None] * _FANOUT
    for key, value in entries.items():
        at = (hash(key) >> (_BITS * depth)) & (_FANOUT - 1)
        child = children[at]
        if child is None:
            children[at] = {key: value}
        else:
            child[key] = value
    return tuple(None if child is None else _made(child, depth + 1) for child in children)


def _remove(node: _Node, key: Any, bits: int) -> tuple[_Node, bool]:
    """Return the node without the entry, and whether it was there."""
    if node is None:
        return None, False
    if type(node) is not tuple:
        if key not in node:
            return node, False
        return {other: value for other, value in node.items() if other != key} or None, True
    at = bits & (_FANOUT - 1)
    child, found = _remove(node[at], key, bits >> _BITS)
    if not found:
        return node, False
    return (*node[:at], child, *node[at + 1 :]), True
