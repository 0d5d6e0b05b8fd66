"""The heap: tuples, contents of dicts and things, each bounded."""

from __future__ import annotations

from hanse.scan.pickle import heap as heaps
from hanse.scan.pickle.heap import Heap
from hanse.scan.pickle.values import Constants, Thing
from hanse.scan.source import BytesSource


def heap_of(data: bytes) -> Heap:
    """Return a heap over `data`."""
    return Heap(Constants(BytesSource(data)))


def test_equal_things_are_one_value() -> None:
    """The same import has one value, so that sites can be counted."""
    heap = heap_of(b"")
    assert heap.thing(Thing("import", "a b")) == heap.thing(Thing("import", "a b")) != heap.thing(Thing("import", "a c"))


def test_things_are_bounded() -> None:
    """What is too much is the unknown value."""
    heap = heap_of(b"")
    for number in range(heaps.MAX_THINGS):
        heap.thing(Thing("import", str(number)))
    assert heap.thing(Thing("import", "one more")) == heap.unknown


def test_old_tuples_are_forgotten() -> None:
    """The newest tuples are remembered, the oldest have no known items."""
    heap = heap_of(b"\x85" * (heaps.MAX_TUPLES + 1))
    for at in range(heaps.MAX_TUPLES + 1):
        heap.keep_tuple(at, [0])
    heap.tidy()
    assert heap.items(0) is None
    assert heap.shape(0) == {"t": "tuple"}
    assert heap.items(heaps.MAX_TUPLES) == (0,)


def test_long_tuples_say_how_much_is_missing() -> None:
    """Sixteen items are shown, the rest is counted."""
    heap = heap_of(b"Nt")
    heap.keep_tuple(1, [0] * 20)
    assert heap.shape(1) == [*[None] * 16, {"more": 4}]


def test_dicts_show_keys_and_links() -> None:
    """A dict shows its text keys and which values are no plain data."""
    heap = heap_of(b"}\x8c\x01aN")
    heap.keep_pairs(0, [1, heap.thing(Thing("import", "m n"))], 2)
    assert heap.shape(0) == {"k": "dict", "n": 1, "keys": ["a"], "links": {"a": {"g": "m n"}}}
    heap.forget(0)
    assert heap.shape(0) == {"k": "dict"}


def test_contents_are_bounded() -> None:
    """Dicts without end do not stay in memory."""
    heap = heap_of(b"}" * 100)
    for at in range(2 * heaps.MAX_CONTENTS + 10):
        heap.keep_pairs(at, [], 0)
    assert not heap.wants(10**9)
    assert heap.wants(2 * heaps.MAX_CONTENTS + 9)


def test_rough_shapes_say_what_a_text_is_like() -> None:
    """The text is not kept, but whether it could be a name."""
    assert heap_of(b"\x8c\x01a").rough(0) == {"t": "str", "like": ["name", "word", "path"]}
    assert heap_of(b"K\x01").rough(0) == {"t": "int"}
