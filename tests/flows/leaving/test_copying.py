"""Copying and hashing at the same time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.flows.leaving.copying import Copier


@pytest.mark.parametrize("size", [0, 10, 20_000_001])
def test_what_is_copied_has_its_digest(tmp_path: Path, size: int) -> None:
    """Bytes of a file, or bytes at hand, arrive as they are, with their number and SHA-256."""
    data = bytes(range(251)) * (size // 251) + bytes(size % 251)
    (tmp_path / "source").write_bytes(data)
    with Copier() as copier, (tmp_path / "target").open("wb") as target:
        told = copier.write(tmp_path / "source", target.fileno())
        assert told == copier.write(data, target.fileno()) == (size, hashlib.sha256(data).hexdigest())
    assert (tmp_path / "target").read_bytes() == data + data


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    """A file that is not there, and a target that takes nothing, raise."""
    (tmp_path / "source").write_bytes(b"x" * 100)
    reading = os.open(tmp_path / "source", os.O_RDONLY)
    with Copier() as copier:
        with pytest.raises(StorageError):
            copier.write(tmp_path / "none", reading)
        with pytest.raises(StorageError):
            copier.write(tmp_path / "source", reading)
    os.close(reading)
