"""Every file of an export is read once, and compared."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.flows.leaving.conftest import Left

from hanse.flows.leaving.hashed import hash_files
from hanse.flows.leaving.sources import FolderSource
from hanse.model.digest import Sha256
from hanse.model.staticlayout import StaticPath


def _digests(folder: Path) -> dict[StaticPath, Sha256]:
    files = [one for one in folder.rglob("*") if one.is_file()]
    return {StaticPath(one.relative_to(folder).as_posix()): Sha256(hashlib.sha256(one.read_bytes()).hexdigest()) for one in files}


def test_what_is_right(left: Left) -> None:
    """Xorbs that make up their name have a table; nothing fails, and all bytes are told."""
    failed: list[tuple[str, str]] = []
    told: list[tuple[int, int]] = []
    source = FolderSource(left.folder)
    tables = hash_files(source, _digests(left.folder), lambda *one: failed.append(one), lambda *one: told.append(one))
    assert failed == []
    assert {str(one) for one in tables} == {one.name for one in (left.folder / "xorbs").iterdir()}
    assert max(told) == (sum(source.sizes.values()),) * 2


def test_what_is_false(copied: Path) -> None:
    """A file with another digest is told; a xorb with altered bytes is false whatever its listed digest is."""
    digests = _digests(copied)
    first, second, *_ = sorted((copied / "xorbs").iterdir())
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    second.write_bytes(second.read_bytes() + b"?")
    (copied / "hanse.json").write_bytes(b"{}")
    failed: list[tuple[str, str]] = []
    tables = hash_files(FolderSource(copied), digests, lambda *one: failed.append(one), lambda *_: None)
    assert len(failed) == 3
    assert not {first.name, second.name} & {str(one) for one in tables}
    failed.clear()
    hash_files(FolderSource(copied), _digests(copied), lambda *one: failed.append(one), lambda *_: None)
    assert len(failed) == 2
