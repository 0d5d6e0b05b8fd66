"""Making room: the least recently used go first; what is pinned, read, fetched or adopted stays."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.held import Clock, hold, pin_of, sha256_of

from hanse.store.held import Held
from hanse.store.held.eviction import GRACE_SECONDS

FILES = [bytes([number]) * 100 for number in range(5)]


def fill(held: Held, clock: Clock) -> None:
    """Hold five files of 100 bytes, each later than the one before, and let some time pass."""
    for data in FILES:
        hold(held, data)
        clock.now += 10
    clock.now += GRACE_SECONDS


def left(held: Held) -> list[int]:
    """Return which of the files are still held."""
    return [number for number, data in enumerate(FILES) if held.find(pin_of(data))]


def test_least_recently_used_first(held: Held, clock: Clock) -> None:
    """The files that were not used for longest go, no more than must, and their bytes with them."""
    fill(held, clock)
    held.find(pin_of(FILES[0]))
    clock.now += GRACE_SECONDS + 1
    removed = held.evict(250)
    assert (removed.files, removed.size) == (3, 300)
    assert left(held) == [0, 4]
    assert len([one for one in (held.folder / "files").rglob("*") if one.is_file()]) == 2


def test_a_clock_that_was_ahead(held: Held, clock: Clock) -> None:
    """What was used while the clock was ahead may go once it is right again, unless it is used then."""
    clock.now += 10**9
    fill(held, clock)
    clock.now -= 10**9
    assert held.find(pin_of(FILES[0]))
    assert held.evict(0).files == 4
    assert left(held) == [0]


def test_room_is_made_before_fetching(tmp_path: Path, clock: Clock) -> None:
    """With a limit, what begins to be fetched fits beside what stays."""
    with Held.open(tmp_path / "held", limit=500, clock=clock) as held:
        fill(held, clock)
        held.begin(pin_of(b"x" * 150)).abandon()
        assert left(held) == [2, 3, 4]


def test_pinned_stays(held: Held, clock: Clock) -> None:
    """A pinned file, and every file of a pinned revision, stays, until the pin is taken back."""
    fill(held, clock)
    held.use("hub/org/name@1", "a.bin", sha256_of(FILES[1]))
    held.pin("hub/org/name@1")
    held.pin(sha256_of(FILES[2]))
    held.evict(0)
    assert left(held) == [1, 2]
    assert held.pins() == sorted(["hub/org/name@1", sha256_of(FILES[2])])
    clock.now += GRACE_SECONDS + 1
    assert held.unpin("hub/org/name@1")
    assert not held.unpin("hub/org/name@1")
    held.evict(0)
    assert left(held) == [2]


def test_being_read_stays(held: Held, clock: Clock) -> None:
    """A file that somebody reads is not removed under him."""
    fill(held, clock)
    found = held.find(pin_of(FILES[3]))
    assert found is not None
    file = found.open()
    clock.now += GRACE_SECONDS + 1
    held.evict(0)
    assert left(held) == [3]
    os.close(file)
    clock.now += GRACE_SECONDS + 1
    held.evict(0)
    assert left(held) == []


def test_found_a_moment_ago_stays(held: Held, clock: Clock) -> None:
    """Between being found and being opened a file is not removed."""
    fill(held, clock)
    held.find(pin_of(FILES[0]))
    held.evict(0)
    assert left(held) == [0]


def test_adopted_is_never_removed(held: Held, clock: Clock, tmp_path: Path) -> None:
    """What belongs to others neither counts nor goes."""
    path = tmp_path / "blob"
    path.write_bytes(b"a" * 1000)
    held.adopt(path, sha256_of(b"a" * 1000), None, None, 1000)
    fill(held, clock)
    assert held.evict(500).files == 0
    held.evict(0)
    assert path.exists()
