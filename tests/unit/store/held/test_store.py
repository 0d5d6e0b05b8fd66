"""The held store: what is committed is found by any of its digests, by every process, and only while it is unchanged."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.held import Clock, hold, pin_of, sha256_of

from hanse.errors import BlobNotFound, Busy, DigestMismatch, StorageError, TooLarge
from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.store.held import Held, HeldFile, open_or_temporary
from hanse.store.held.heldfile import identify
from hanse.store.held.store import MAX_KEY_CHARS


def read(held: HeldFile) -> bytes:
    """Return what an opened held file says."""
    file = held.open()
    try:
        return os.read(file, 1 << 20)
    finally:
        os.close(file)


def test_found_by_each_digest(held: Held) -> None:
    """Xet hash, SHA-256, and git blob id with size each find the file; the id of an LFS pointer does not."""
    hold(held, b"abc")
    pin = pin_of(b"abc")
    for one in (pin, replace(pin, xet=None), replace(pin, sha256=None), replace(pin, xet=None, sha256=None)):
        found = held.find(one)
        assert found is not None
        assert read(found) == b"abc"
    assert held.find(replace(pin, xet=None, sha256=None, lfs=True)) is None
    assert held.find(replace(pin, xet=None, sha256=None, size=4)) is None


@pytest.mark.parametrize("wrong", [{"sha256": NO_SHA256}, {"git_oid": NO_GIT_OID}])
def test_found_only_if_every_known_digest_agrees(held: Held, wrong: dict[str, str]) -> None:
    """A pin whose xet hash is that of a held file and another of whose digests is not, is not satisfied by it."""
    hold(held, b"abc")
    assert held.find(replace(pin_of(b"abc"), **wrong)) is None  # type: ignore[arg-type]


def test_found_by_another_process(held: Held) -> None:
    """Two openings of one folder see each other's files at once."""
    with Held.open(held.folder) as other:
        hold(other, b"abc")
        assert held.find(pin_of(b"abc")) is not None


def test_wrong_bytes_are_not_committed(held: Held) -> None:
    """Digests other than the pin's are refused, and nothing is kept, neither as a file nor for resuming."""
    pin = pin_of(b"abc")
    partial = held.begin(pin)
    partial.write(0, b"abd")
    partial.mark(0, 3)
    with pytest.raises(DigestMismatch, match="SHA-256"):
        partial.commit(sha256_of(b"abd"), None, None)
    assert held.find(pin) is None
    with held.begin(pin) as again:
        assert again.done == []


def test_own_files_are_read_only_in_a_private_folder(held: Held) -> None:
    """Other users cannot look into the store, and its files cannot be written by accident."""
    found = hold(held, b"abc")
    assert found.path.stat().st_mode & 0o777 == 0o400
    assert held.folder.stat().st_mode & 0o777 == 0o700


def test_an_altered_file_is_not_found(held: Held) -> None:
    """A held file that somebody wrote to is hashed again and, being another, forgotten."""
    found = hold(held, b"abc")
    found.path.chmod(0o600)
    found.path.write_bytes(b"abd")
    with pytest.raises(BlobNotFound, match="changed"):
        found.open()
    assert held.find(pin_of(b"abc")) is None


def test_a_moved_store_is_hashed_again(held: Held, tmp_path: Path) -> None:
    """A store restored elsewhere has other inodes: its files are trusted once their bytes were read."""
    found = hold(held, b"abc")
    copy = tmp_path / "copy"
    copy.write_bytes(b"abc")
    copy.replace(found.path)
    again = held.find(pin_of(b"abc"))
    assert again is not None
    assert read(again) == b"abc"


def test_a_file_that_is_gone_is_forgotten(held: Held) -> None:
    """A removed file is not found, and one that was found before says so when it is opened."""
    found = hold(held, b"abc")
    found.path.unlink()
    with pytest.raises(BlobNotFound, match="not held any more"):
        found.open()
    assert held.find(pin_of(b"abc")) is None


def test_adopted_counts_while_unchanged(held: Held, tmp_path: Path) -> None:
    """A file elsewhere is found by its digests until anything about it changed, whatever its bytes then are."""
    pin = pin_of(b"abc")
    elsewhere = tmp_path / "cache" / "blob"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"abc")
    (tmp_path / "link").symlink_to(elsewhere)
    adopted = held.adopt(tmp_path / "link", sha256_of(b"abc"), pin.xet, pin.git_oid, 3)
    assert adopted.path == elsewhere
    found = held.find(pin)
    assert found == adopted
    assert found is not None
    assert found.adopted
    assert read(found) == b"abc"
    elsewhere.write_bytes(b"abd")
    assert held.find(pin) is None
    with pytest.raises(BlobNotFound):
        found.open()


def test_adopted_again_keeps_what_is_known(held: Held, tmp_path: Path) -> None:
    """An audit, which computes only SHA-256, does not take away that a file is found by its xet hash."""
    pin = pin_of(b"abc")
    path = tmp_path / "blob"
    path.write_bytes(b"abc")
    held.adopt(path, sha256_of(b"abc"), pin.xet, pin.git_oid, 3)
    held.adopt(path, sha256_of(b"abc"), None, None, 3)
    assert held.find(replace(pin, sha256=None)) is not None
    path.write_bytes(b"abd")
    held.adopt(path, sha256_of(b"abd"), None, None, 3)
    assert held.find(replace(pin, sha256=None)) is None


def test_adoption_needs_the_file_that_was_hashed(held: Held, tmp_path: Path) -> None:
    """A file that changed since it was hashed, is a folder, or has another size, is not adopted."""
    path = tmp_path / "blob"
    path.write_bytes(b"abc")
    seen = identify(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(StorageError, match="not the file"):
        held.adopt(path, sha256_of(b"abc"), None, None, 3, seen=seen)
    with pytest.raises(StorageError, match="not the file"):
        held.adopt(path, sha256_of(b"abc"), None, None, 4)
    with pytest.raises(StorageError, match="not the file"):
        held.adopt(tmp_path, sha256_of(b"abc"), None, None, 3)


def test_own_copy_comes_first(held: Held, tmp_path: Path) -> None:
    """Of an own and an adopted copy the own is served: nobody else writes to it."""
    pin = pin_of(b"abc")
    path = tmp_path / "blob"
    path.write_bytes(b"abc")
    held.adopt(path, sha256_of(b"abc"), pin.xet, pin.git_oid, 3)
    own = hold(held, b"abc")
    assert held.find(pin) == own


def test_one_fetches_at_a_time(held: Held) -> None:
    """Who begins what somebody else is fetching is told so, in one process as in two."""
    pin = pin_of(b"abc")
    with held.begin(pin), Held.open(held.folder) as other:
        assert other.waits(pin)
        for one in (held, other):
            with pytest.raises(Busy):
                one.begin(pin)
    assert not held.waits(pin)
    held.begin(pin).abandon()


def test_records(held: Held) -> None:
    """A record is had back with its time, replaced by the next of its name, listed, and removed."""
    held.put("ref", "b", b"1", 10)
    held.put("ref", "a", b"2", 11)
    held.put("ref", "a", b"3", 12)
    held.put("rev", "c", b"4", 13)
    assert held.get("ref", "a") == (b"3", 12)
    assert held.keys("ref") == ["a", "b"]
    held.delete("ref", "a")
    assert held.get("ref", "a") is None


def test_records_are_bounded(held: Held) -> None:
    """Names from outside cannot grow the index without bound."""
    with pytest.raises(TooLarge):
        held.put("ref", "x" * (MAX_KEY_CHARS + 1), b"", 0)


def test_scan_facts_belong_to_their_rules(held: Held) -> None:
    """What one set of rules found says nothing about what another would."""
    held.put_verdict(NO_SHA256, "r1", b"facts")
    assert held.facts(NO_SHA256, "r1") == b"facts"
    assert held.facts(NO_SHA256, "r2") is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The refusal says which folder, and how to name another."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        Held.open(tmp_path / "file" / "held")
    assert "HANSE_STORE" in caught.value.hint


def test_a_temporary_store_instead(tmp_path: Path) -> None:
    """Where the home cannot be written there is a store that goes when it is closed."""
    (tmp_path / "file").write_bytes(b"")
    with open_or_temporary(tmp_path / "file" / "held") as held:
        assert held.temporary
        hold(held, b"abc")
    assert not held.folder.exists()
    with open_or_temporary(tmp_path / "held") as held:
        assert not held.temporary


def test_nothing_takes_the_place_of_a_store_that_was_named(tmp_path: Path) -> None:
    """A file in the place of the named folder is refused, and stays what it is."""
    (tmp_path / "file").write_bytes(b"x")
    for folder in (tmp_path / "file", tmp_path / "file" / "held"):
        with pytest.raises(StorageError, match=r"file is no folder"):
            open_or_temporary(folder, named=True)
    assert (tmp_path / "file").read_bytes() == b"x"


def test_an_index_that_is_no_index(tmp_path: Path) -> None:
    """A damaged index is an error that says what to do, not an empty store: pins at first use are in it."""
    (tmp_path / "index.sqlite3").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        Held.open(tmp_path)


def test_use_is_noted(held: Held, clock: Clock) -> None:
    """Finding a file counts as using it, at most once a minute."""
    hold(held, b"abc")
    clock.now += 100
    held.find(pin_of(b"abc"))
    assert held._copies.listed(own=True)[0].used == int(clock.now)
