"""A reader's own policy is noticed wherever it can be, and never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.flows.own_policy import FILE, is_there


def test_what_cannot_be_looked_for_is_not_taken_for_missing(tmp_path: Path) -> None:
    """A file or a link that leads nowhere is there; a name that cannot be is not; what cannot be looked for is an error."""
    (tmp_path / FILE).symlink_to("nowhere")
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    assert is_there(tmp_path / FILE)
    assert not is_there(tmp_path / "none")
    assert not is_there(tmp_path / "file" / FILE)
    assert not is_there(tmp_path / ("x" * 300))
    with pytest.raises(StorageError):
        is_there(tmp_path / "loop" / FILE)
