"""An export written as a folder: whole or not there, gone on with after any end, never something else's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import InputError
from hanse.flows.leaving.folder import PROGRESS, FolderExport
from hanse.model.exportindex import encode_sums
from hanse.model.staticlayout import StaticPath

A, B, C = StaticPath("xorbs/a"), StaticPath("log/checkpoint"), StaticPath("c")


def _finish(target: FolderExport) -> None:
    target.settle()
    target.finish(encode_sums({path: one.sha256 for path, one in target.done.items()}), b"{}")
    target.close()


def _names(root: Path) -> set[str]:
    return {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()}


def test_what_was_interrupted_goes_on(tmp_path: Path) -> None:
    """Files that were recorded are there and not written again; others are; the index comes last."""
    (tmp_path / "source").write_bytes(b"xorb")
    root = tmp_path / "out"
    first = FolderExport(root)
    assert not first.holds(A, 4)
    assert first.put(A, tmp_path / "source")
    first.settle()
    first.put(B, b"later")
    first.close()  # killed before B was recorded
    assert not (root / "export.json").exists()
    second = FolderExport(root)
    assert second.holds(A, 4)
    assert not second.holds(A, 5)
    assert not second.holds(B, 5)
    assert second.put(B, b"later")
    assert second.holds(A, 4)
    _finish(second)
    assert _names(root) == {A, B, "SHA256SUMS", "export.json"}


def test_a_whole_export_is_brought_up_to_date(tmp_path: Path) -> None:
    """What did not change is left as it is, what changed is replaced, what does not belong to it any more goes."""
    root = tmp_path / "out"
    first = FolderExport(root)
    for path in (A, B, C):
        first.put(path, path.encode())
    _finish(first)
    inode = (root / A).stat().st_ino
    second = FolderExport(root)
    assert not (root / "export.json").exists()
    assert not second.put(A, A.encode())
    assert second.put(B, b"moved on")
    _finish(second)
    assert (root / A).stat().st_ino == inode
    assert (root / B).read_bytes() == b"moved on"
    assert not (root / C).exists()


def test_what_was_damaged_meanwhile_is_written_again(tmp_path: Path) -> None:
    """A recorded file of another size, or a link in its place, is not there."""
    root = tmp_path / "out"
    first = FolderExport(root)
    first.put(A, b"four")
    first.put(B, b"four")
    first.settle()
    first.close()
    (root / A).write_bytes(b"fo")
    (root / B).unlink()
    (tmp_path / "elsewhere").write_bytes(b"four")
    (root / B).symlink_to(tmp_path / "elsewhere")
    second = FolderExport(root)
    assert not second.holds(A, 4)
    assert not second.holds(B, 4)
    second.put(B, b"mine")
    second.settle()
    second.close()
    assert (tmp_path / "elsewhere").read_bytes() == b"four"
    assert not (root / B).is_symlink()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing is removed or replaced in a folder that no export was begun in."""
    (tmp_path / "precious").write_text("x")
    with pytest.raises(InputError):
        FolderExport(tmp_path)
    assert not (tmp_path / PROGRESS).exists()


def test_what_is_not_public_is_for_its_owner(tmp_path: Path) -> None:
    """Files and folders of a private part can be read by nobody else."""
    root = tmp_path / "out"
    made = FolderExport(root, private=True)
    made.put(A, b"secret")
    _finish(made)
    assert root.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o077 for one in root.rglob("*")} == {0}
