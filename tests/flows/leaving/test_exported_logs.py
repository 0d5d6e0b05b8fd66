"""Which logs an export has."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import BadFormat
from hanse.flows.leaving.exported_logs import copy_path, exported_logs
from hanse.flows.leaving.sources import FolderSource


def test_the_own_log_comes_first(tmp_path: Path) -> None:
    """Copies are found by their checkpoint, in a fixed order; what else lies there is none."""
    for name in ("b" * 64, "a" * 64):
        path = tmp_path / copy_path(name, "checkpoint")
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (tmp_path / "mirror" / "x").mkdir()
    (tmp_path / "mirror" / "x" / "checkpoint").write_text("x")
    _, *copies = exported_logs(FolderSource(tmp_path))
    assert [one.checkpoint() for one in copies] == [b"a" * 64, b"b" * 64]


def test_paths_stay_inside() -> None:
    """A file of a copy has a path of the layout."""
    with pytest.raises(BadFormat):
        copy_path("a" * 64, "../../x")
