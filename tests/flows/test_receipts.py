"""Receipts are kept for their user alone, grow with what is pulled, and are found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.receipts import receipt

from hanse.errors import InputError, StorageError
from hanse.flows.local_files import Place
from hanse.flows.policies import load_policy
from hanse.flows.receipts import beside_path, find_receipt, keep_receipt, own_receipt, policy_digest, receipt_path
from hanse.model.receipt import HELD, Source, split_receipt
from hanse.model.repo import Origin

ONE = receipt({"a": b"1"})
TWO = receipt({"b": b"2"})


def test_it_is_kept_and_found(tmp_path: Path) -> None:
    """It is below HANSE_HOME and beside the folder, readable by nobody else, evidence and all."""
    kept, path = keep_receipt(tmp_path / "home", ONE, b"{}\n", tmp_path / "model")
    assert kept == ONE == own_receipt(tmp_path / "home", ONE.repo, ONE.rev)
    assert path == receipt_path(tmp_path / "home", ONE.repo, ONE.rev)
    for one in (path, beside_path(tmp_path / "model")):
        assert one.stat().st_mode & 0o777 == 0o600
        assert split_receipt(one.read_bytes()) == (ONE, b"{}\n")
    found = find_receipt(tmp_path / "home", Place(tmp_path / "model"))
    assert found == path.read_bytes()
    assert find_receipt(tmp_path / "home", Place(tmp_path / "other")) is None


def test_parts_add_up(tmp_path: Path) -> None:
    """A second pull of the same revision adds its files and sources; one of another revision replaces nothing of it."""
    keep_receipt(tmp_path, replace(ONE, sources=(Source("x", 1),)), None)
    kept, _ = keep_receipt(tmp_path, replace(TWO, sources=(Source(HELD, 1),)), None)
    assert [one.path for one in kept.files] == ["a", "b"]
    assert kept.sources == (Source("x", 1),)
    assert not kept.complete
    other, _ = keep_receipt(tmp_path, replace(TWO, tree="9" * 64), None)
    assert [one.path for one in other.files] == ["b"]


def test_the_last_part_completes_it(tmp_path: Path) -> None:
    """A receipt says that it has all files once the parts together are as many as the revision has."""
    assert not keep_receipt(tmp_path, replace(ONE, complete=False), None, listed=2)[0].complete
    assert keep_receipt(tmp_path, replace(TWO, complete=False), None, listed=2)[0].complete


def test_one_that_is_damaged_is_replaced(tmp_path: Path) -> None:
    """What cannot be read any more does not stop a pull, and one that others can write counts for nothing."""
    _, path = keep_receipt(tmp_path, ONE, None)
    path.write_bytes(path.read_bytes()[:-40])
    assert keep_receipt(tmp_path, TWO, None)[0] == TWO
    path.chmod(0o666)
    assert own_receipt(tmp_path, ONE.repo, ONE.rev) is None


def test_a_snapshot_of_a_cache_is_found_by_its_name(tmp_path: Path) -> None:
    """Case does not matter; where two origins have such a revision, nobody guesses."""
    snapshot = tmp_path / "cache" / "models--Org--Name" / "snapshots" / ONE.rev
    place = Place(snapshot, (), ONE.rev)
    assert find_receipt(tmp_path, place) is None
    _, path = keep_receipt(tmp_path, ONE, None)
    assert find_receipt(tmp_path, place) == path.read_bytes()
    keep_receipt(tmp_path, replace(ONE, repo=replace(ONE.repo, origin=Origin("other.example"))), None)
    with pytest.raises(InputError, match="2 origins"):
        find_receipt(tmp_path, place)


def test_a_disk_that_fails(tmp_path: Path) -> None:
    """What cannot be written is said."""
    (tmp_path / "receipts").write_text("a file")
    with pytest.raises(StorageError):
        keep_receipt(tmp_path, ONE, None)


def test_policies_differ_by_what_they_say(tmp_path: Path) -> None:
    """Two policies have one digest only if they say the same."""
    digests = {policy_digest(load_policy(name, tmp_path)) for name in ("open", "careful", "strict", None)}
    assert len(digests) == 3
