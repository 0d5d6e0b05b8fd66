"""Looking after the store: what it has, what is damaged, and what nobody needs any more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.support.held import Clock, hold, pin_of, sha256_of

from hanse.store.held import Held
from hanse.store.held.stock import KEEP_SECONDS


def test_listed(held: Held, clock: Clock, tmp_path: Path) -> None:
    """Every file is listed with its revisions and whether a pin keeps it, the least recently used first."""
    hold(held, b"own")
    clock.now += 10
    path = tmp_path / "blob"
    path.write_bytes(b"adopted")
    held.adopt(path, sha256_of(b"adopted"), None, None, 7)
    held.use("hub/org/name@1", "a", sha256_of(b"own"))
    held.use("hub/org/name@2", "a", sha256_of(b"own"))
    held.pin("hub/org/name@2")
    first, second = held.stock().listed()
    assert (first.sha256, first.size, first.adopted, first.pinned) == (sha256_of(b"own"), 3, False, True)
    assert first.revisions == ("hub/org/name@1", "hub/org/name@2")
    assert (second.path, second.adopted, second.pinned, second.used) == (path, True, False, int(clock.now))


def test_damaged_files_are_removed(held: Held) -> None:
    """Reading everything again finds a file that rotted although nobody wrote to it, and keeps the others."""
    good, bad = hold(held, b"good"), hold(held, b"bad")
    bad.path.chmod(0o600)
    bad.path.write_bytes(b"bat")
    assert dict(held.stock().verify()) == {good.path: True, bad.path: False}
    assert not bad.path.exists()
    assert held.find(pin_of(b"good")) is not None
    assert held.find(pin_of(b"bad")) is None


def test_left_overs(held: Held) -> None:
    """Parts that nobody went on with for a week, and files without a row, go; younger ones and those being fetched stay."""
    old = time.time() - KEEP_SECONDS - 10
    with held.begin(pin_of(b"x" * 1000)) as partial:
        partial.write(0, b"x")
        partial.mark(0, 1)
    held.begin(pin_of(b"y" * 1000)).abandon()
    stray = held.folder / "files" / "00" / ("0" * 64)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"stray")
    kept = hold(held, b"kept")
    for path in (*(held.folder / "partial").glob("*.data"), stray, kept.path):
        os.utime(path, (old, old))
    fetching = held.begin(pin_of(b"z" * 1000))
    os.utime(fetching.path, (old, old))
    count, _ = held.stock().sweep()
    assert count == 3
    assert not stray.exists()
    assert [one.name for one in (held.folder / "partial").glob("*.data")] == [fetching.path.name]
    fetching.abandon()
    assert held.find(pin_of(b"kept")) is not None


def test_parts_go_where_there_is_no_room(held: Held) -> None:
    """With a limit parts that nobody is fetching go, the oldest first, until all takes no more, and nothing stays beside them."""
    kept = hold(held, b"kept")
    for number in range(3):
        with held.begin(pin_of(bytes([number]) * 8192)) as partial:
            partial.write(0, bytes([number]) * 8192)
            partial.mark(0, 8192)
        os.utime(partial.path, (number, number + time.time()))
    fetching = held.begin(pin_of(b"z" * 8192))
    fetching.write(0, b"z" * 8192)
    assert held.stock().sweep(limit=2 * 8192 + 4) == (2, 2 * 8192)
    assert held.stock().sweep(limit=0) == (1, 8192)
    assert {one.name for one in (held.folder / "partial").iterdir()} == {
        fetching.path.with_suffix(f".{kind}").name for kind in ("data", "lock", "done.new")
    }
    fetching.abandon()
    assert kept.path.exists()
