"""A folder as a site: whole files only, one writer, and nothing removed that was not the site's."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import Conflict, StorageError
from hanse.flows.static.folder import FolderSink
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath

ORIGIN = Origin("hub.example.org")
A, B = StaticPath("xorbs/a"), StaticPath("o/x/refs/b.json")


def test_put_and_prune(tmp_path: Path) -> None:
    """Files are taken from bytes and from files, the same bytes are not written again, and what is not kept goes."""
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    sink = FolderSink(tmp_path / "deep" / "site")
    with sink.claimed(ORIGIN):
        assert sink.put(A, b"1")
        assert not sink.put(A, b"1")
        assert sink.put(A, b"2")
        assert sink.put(B, source)
        sink.settle()
        assert (sink.root / B).read_bytes() == b"from a file"
        assert (sink.root / B).stat().st_mode & 0o777 == 0o644
        assert sink.holds(A, 1)
        assert not sink.holds(A, 2)
        assert not sink.holds(StaticPath("none"), 0)
        assert sink.prune({A}) == 1
    assert [path.name for path in sorted(sink.root.iterdir())] == [".hanse-incoming", ".hanse-static", "xorbs"]


def test_one_writer(tmp_path: Path) -> None:
    """Two processes do not write to one folder at the same time."""
    first, second = FolderSink(tmp_path), FolderSink(tmp_path)
    with first.claimed(ORIGIN), pytest.raises(Conflict, match="another process"), second.claimed(ORIGIN):
        pass
    with FolderSink(tmp_path).claimed(ORIGIN):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """What stands where the folder should be is a storage error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError), FolderSink(tmp_path / "file").claimed(ORIGIN):
        pass
