"""Small files go into the store together: all or none, each with the bytes that it was said to have."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.held import hold, pin_of, sha256_of

from hanse.errors import StorageFull
from hanse.store.held import Held
from hanse.store.held.batch import Batch

FILES = [bytes([number]) * (number + 1) for number in range(5)]


def _add(batch: Batch, data: bytes) -> None:
    pin = pin_of(data)
    batch.add(data, sha256_of(data), pin.xet, pin.git_oid)


def _names(held: Held) -> list[Path]:
    return [one for kind in ("files", "partial") for one in (held.folder / kind).rglob("*") if one.is_file()]


def test_all_are_held(held: Held) -> None:
    """What was committed is found by its digests, read-only, and nothing else is left; the same content is there once."""
    with held.batch(15) as batch:
        for data in (*FILES, FILES[0]):
            _add(batch, data)
        assert not held.find_all(pin_of(data) for data in FILES)
        committed = batch.commit()
    found = held.find_all(pin_of(data) for data in FILES)
    assert {one.path.read_bytes() for one in found.values()} == set(FILES)
    assert {one.sha256: one for one in found.values()} == committed
    assert {one.stat().st_mode & 0o777 for one in _names(held)} == {0o400}
    assert len(_names(held)) == len(FILES)


def test_nothing_is_left_of_what_was_given_up(held: Held) -> None:
    """Whoever ends without committing leaves no file; an empty batch is no error."""
    with held.batch(1) as batch:
        _add(batch, FILES[0])
    with held.batch(0) as batch:
        assert batch.commit() == {}
    assert _names(held) == []


def test_who_has_found_a_file_keeps_it(held: Held) -> None:
    """A file that another process stored meanwhile stays the very file that it is, for whoever is about to open it."""
    before = hold(held, FILES[3])
    with held.batch(4) as batch:
        _add(batch, FILES[3])
        after = batch.commit()[before.sha256]
    assert after.identity == before.identity
    assert len(_names(held)) == 1


def test_all_or_none_on_a_full_disk(held: Held) -> None:
    """Where the index has no room for all, no file has its name: each is where it was staged."""
    pages = held._index.rows("PRAGMA page_count")[0][0]
    held._index.rows(f"PRAGMA max_page_count = {pages}")
    many = [number.to_bytes(2) * 100 for number in range(300)]
    with held.batch(60_000) as batch:
        for data in many:
            _add(batch, data)
        with pytest.raises(StorageFull):
            batch.commit()
        assert len(list((held.folder / "partial").glob("*.small"))) == len(many)
    assert [one for one in _names(held) if one.parent.parent.name == "files"] == []
    assert not held.find_all(pin_of(data) for data in many)
