"""Copies of logs leave with an export, and are logs again where it is taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.leaving.conftest import Left
from tests.support.leaving import a_node, check, fill

from hanse.db import witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BlobNotFound
from hanse.flows.leaving.export import export
from hanse.flows.leaving.log_copies import tile_names, write_copies
from hanse.flows.leaving.sources import open_export
from hanse.flows.leaving.taking_logs import add_logs, take_logs
from hanse.flows.logcopy import LogCopy
from hanse.flows.node import Node
from hanse.model.staticlayout import StaticPath
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note
from hanse.tlog.tiles import TileName


def test_a_copy_goes_on(left: Left, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one node mirrors of another leaves with its own export, is verified there, and mirrored by a third."""
    size = left.node.log.size
    with a_node(tmp_path / "second", "second.example.org") as second:
        with open_export(left.folder) as source:
            add_logs(second, [left.node.log.key.text], {})
            assert [(one.origin, one.size, one.says) for one in take_logs(second, source)] == [(left.node.origin, size, "")]
        fill(second)
        export(second, tmp_path / "out.tar")
        report = check(tmp_path / "out.tar", tmp_path / "home")
        assert report.failed == []
        assert report.logs == {second.origin: second.log.size, left.node.origin: size}
        with a_node(tmp_path / "third", "third.example.org") as third, open_export(tmp_path / "out.tar") as source:
            add_logs(third, [left.node.log.key.text, second.log.key.text], {})
            assert {one.origin: one.size for one in take_logs(third, source)} == report.logs
        monkeypatch.setattr(LogCopy, "read", _gone)
        export(second, tmp_path / "without")
        assert not (tmp_path / "without" / "mirror").exists()


@pytest.mark.soak
def test_a_copy_that_grows_meanwhile(tmp_path: Path) -> None:
    """Tiles and checkpoint are of one size, though the log was followed further while they were written."""
    with a_node(tmp_path / "first", "first.example.org") as first, a_node(tmp_path / "second", "second.example.org") as second:
        fill(first)
        export(first, tmp_path / "before")
        add_logs(second, [first.log.key.text], {})
        with open_export(tmp_path / "before") as source:
            assert [one.says for one in take_logs(second, source)] == [""]
        fill(first, name="bob/m")
        export(first, tmp_path / "after")
        slow = Slow(second, tmp_path / "after")
        write_copies(second, slow)
        assert [one.mirrored for one in slow.grown] == [first.log.size]
        assert slow.size < first.log.size
    assert slow.names == {name.path for name in tile_names(slow.size)}


class Slow:
    """Keeps files in memory; the logs of a node grow after the first one, up to what an export has."""

    def __init__(self, node: Node, newer: Path) -> None:
        self.node = node
        self.newer = newer
        self.files: dict[str, bytes] = {}
        self.grown: list[WitnessedLog] = []

    def holds(self, path: StaticPath, size: int) -> bool:
        """Hold nothing."""
        del path, size
        return False

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Keep a file."""
        assert isinstance(content, bytes)
        if not self.files:
            with open_export(self.newer) as source:
                assert [one.says for one in take_logs(self.node, source)] == [""]
            with self.node.db.read() as conn:
                self.grown = witnesses.every(conn)
        self.files[path.split("/", 2)[2]] = content
        return True

    def settle(self) -> None:
        """Make nothing durable."""

    @property
    def size(self) -> int:
        """Leaves under the checkpoint that was written."""
        return parse_checkpoint(parse_note(self.files["checkpoint"])).claimed.size

    @property
    def names(self) -> set[str]:
        """Paths of the tiles that were written."""
        return self.files.keys() - {"checkpoint"}


def _gone(_: LogCopy, name: TileName, size: int) -> bytes:
    raise BlobNotFound(f"{name.path} of {size}")


@given(st.integers(0, 200_000))
def test_every_file_of_a_log(size: int) -> None:
    """The names are those of all bundles, and of as many hashes as there are on each level."""
    names = list(tile_names(size))
    assert sum(one.width for one in names if one.level is None) == size
    assert sum(one.width for one in names if one.level == 0) == size
    assert sum(one.width for one in names if one.level == 1) == size >> 8
    assert len(set(names)) == len(names)
