"""Rows about files: digests that disagree with a pin, and rows of files that are gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.held import Clock, hold, pin_of, sha256_of

from hanse.model.digest import NO_SHA256, GitOid
from hanse.store.held import Held
from hanse.store.held.copies import Digests


def test_agreement() -> None:
    """Digests that are not known contradict nothing; a known one that differs does; a pointer's id is not the content's."""
    pin = pin_of(b"abc")
    own = Digests(sha256_of(b"abc"), pin.xet, pin.git_oid)
    assert own.agrees(pin)
    assert Digests(own.sha256).agrees(pin)
    assert not own.agrees(replace(pin, sha256=NO_SHA256))
    assert not own.agrees(replace(pin, git_oid=GitOid("1" * 40)))
    assert own.agrees(replace(pin, git_oid=GitOid("1" * 40), lfs=True))


def test_rows_of_files_that_are_gone_are_removed(held: Held, tmp_path: Path) -> None:
    """What is gone, own or adopted, is looked for once."""
    pin = pin_of(b"abc")
    hold(held, b"abc").path.unlink()
    path = tmp_path / "blob"
    path.write_bytes(b"abc")
    held.adopt(path, sha256_of(b"abc"), pin.xet, pin.git_oid, 3)
    path.unlink()
    assert held.find(pin) is None
    assert held.adopted() == {}
    assert held._copies.listed(own=True) == []


def test_many_are_found_as_one_is(held: Held, tmp_path: Path, clock: Clock) -> None:
    """Whichever digest a pin has, and wherever the file lies, many are found as one is, and their use is noted."""
    hold(held, b"abc")
    for name, data in (("b", b"bcd"), ("c", b"cde")):
        (tmp_path / name).write_bytes(data)
        held.adopt(tmp_path / name, sha256_of(data), None, pin_of(data).git_oid, 3)
    (tmp_path / "c").write_bytes(b"cdf")
    full = [pin_of(data) for data in (b"abc", b"bcd", b"cde", b"def")]
    pins = [*full, *(replace(one, xet=None, sha256=None) for one in full), replace(full[0], size=4)]
    clock.now += 100
    found = held.find_all(pins)
    assert [copy.used for copy in held._copies.listed(own=True)] == [int(clock.now)]
    assert [found.get(pin) for pin in pins] == [held.find(pin) for pin in pins]
    assert {pin.path for pin in found} == {"model.bin"}
    assert len(found) == 4


def test_an_unchanged_copy_beside_a_changed_one(held: Held, tmp_path: Path) -> None:
    """Of several copies with one digest, one that changed does not hide the others."""
    pin = pin_of(b"abc")
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"abc")
        held.adopt(tmp_path / name, sha256_of(b"abc"), pin.xet, pin.git_oid, 3)
    (tmp_path / "a").write_bytes(b"abd")
    found = held.find(pin)
    assert found is not None
    assert found.path == tmp_path / "b"
