"""Files of others are read up to a bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import NotFoundError, TooLarge
from hanse.flows.bounded import read_bounded


def test_up_to_the_bound(tmp_path: Path) -> None:
    """A file of exactly the limit is read, one byte more is refused, as is what is no file."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(TooLarge, match="4 bytes"):
        read_bounded(path, 4)
    for other in (tmp_path, tmp_path / "none", path / "below"):
        with pytest.raises(NotFoundError, match="cannot read"):
            read_bounded(other, 5)
