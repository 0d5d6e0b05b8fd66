"""An export written as one archive: resumed behind what is recorded, written anew from where it differs."""

from __future__ import annotations

import tarfile
from pathlib import Path

from hanse.flows.leaving.archive import ArchiveExport
from hanse.flows.leaving.sources import open_export
from hanse.model.staticlayout import StaticPath

A, B = StaticPath("xorbs/a"), StaticPath(f"o/{'o' * 200}/evidence/models/{'n' * 90}/m.jsonl")


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: file.read() for one in archive if (file := archive.extractfile(one)) is not None}


def _begun(path: Path, source: Path) -> None:
    """Write two files and record them, and a part of a third."""
    first = ArchiveExport(path)
    assert first.put(A, source)
    assert first.put(B, b"evidence")
    first.settle()
    first.put(StaticPath("lost"), b"x" * 3000)
    first.close()


def test_resumed_behind_what_is_recorded(tmp_path: Path) -> None:
    """What an earlier try recorded is not written again, and what it did not record is cut off."""
    source, path = tmp_path / "source", tmp_path / "out.tar"
    source.write_bytes(b"xorb" * 1000)
    _begun(path, source)
    again = ArchiveExport(path)
    assert again.holds(A, 4000)
    assert not again.put(B, b"evidence")
    assert again.put(StaticPath("c"), b"new")
    again.settle()
    again.finish(b"sums", b"index")
    again.close()
    assert _members(path) == {A: b"xorb" * 1000, B: b"evidence", "c": b"new", "SHA256SUMS": b"sums", "export.json": b"index"}
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("out")] == ["out.tar"]
    with open_export(path) as read:
        assert read.sizes == {name: len(data) for name, data in _members(path).items()}
        assert read.read(B) == b"evidence"
        assert read.read(A, 3998, 10) == b"rb"


def test_written_anew_from_where_it_differs(tmp_path: Path) -> None:
    """Where the node moved on since, the rest of the archive is written again."""
    source, path = tmp_path / "source", tmp_path / "out.tar"
    source.write_bytes(b"xorb" * 1000)
    _begun(path, source)
    again = ArchiveExport(path)
    assert not again.holds(A, 3)
    assert not again.put(A, source)
    assert again.put(B, b"EVIDENCE")
    again.settle()
    again.finish(b"", b"")
    again.close()
    assert _members(path) == {A: b"xorb" * 1000, B: b"EVIDENCE", "SHA256SUMS": b"", "export.json": b""}


def test_a_cut_archive_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    """A power loss that took the end of the archive, and not of the record, costs the files behind it."""
    source, path = tmp_path / "source", tmp_path / "out.tar"
    source.write_bytes(b"xorb" * 1000)
    _begun(path, source)
    part = path.with_name("out.tar.part")
    part.write_bytes(part.read_bytes()[:5000])
    again = ArchiveExport(path, private=True)
    assert again.holds(A, 4000)
    assert again.put(B, b"evidence")
    again.settle()
    again.finish(b"", b"")
    again.close()
    assert _members(path)[B] == b"evidence"
