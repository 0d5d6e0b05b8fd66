"""Suites as folders: written, read, and what is no suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanse.errors import BadFormat, Conflict, NotFoundError, StorageError
from hanse.evals.builtin import HARMFUL
from hanse.flows.suites.folder import CARD, ITEMS, MANIFEST, card, read_suite, write_suite
from hanse.flows.suites.shipped import shipped


def test_written_and_read(tmp_path: Path) -> None:
    """A folder holds the suite, and a card that names its digest and licence."""
    suite = shipped("injection")
    write_suite(suite, tmp_path / "new" / "suite")
    assert read_suite(tmp_path / "new" / "suite") == suite
    text = (tmp_path / "new" / "suite" / CARD).read_text()
    assert suite.digest in text
    assert "license: cc0-1.0" in text
    assert (tmp_path / "new" / "suite" / ITEMS).stat().st_mode & 0o777 == 0o644


def test_requests_for_harm_are_for_their_owner(tmp_path: Path) -> None:
    """A suite that asks for harm is written so that only its owner reads it, and its card says what may be published."""
    suite = replace(shipped("injection"), risks=(HARMFUL,))
    write_suite(suite, tmp_path / "s")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()} == {0o600}
    assert "neither items nor answers" in card(suite)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder with anything in it is left as it is; a file is no folder."""
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(Conflict, match="not empty"):
        write_suite(shipped("canary"), tmp_path)
    with pytest.raises(StorageError, match="cannot write"):
        write_suite(shipped("canary"), tmp_path / "mine.txt")


def test_what_is_no_suite(tmp_path: Path) -> None:
    """A folder without a manifest, or with items that it does not name, is refused."""
    with pytest.raises(NotFoundError):
        read_suite(tmp_path)
    write_suite(shipped("canary"), tmp_path / "s")
    items = tmp_path / "s" / ITEMS
    items.write_bytes(items.read_bytes().replace(b"canary-001", b"canary-999"))
    with pytest.raises(BadFormat, match="says otherwise"):
        read_suite(tmp_path / "s")
    (tmp_path / "s" / MANIFEST).write_bytes(b"{}")
    with pytest.raises(BadFormat):
        read_suite(tmp_path / "s")
