"""The engine on PyTorch: what it says where its packages are missing (real runs: tests/interop)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hanse.errors import EngineFailed
from hanse.jobs.engine import EngineLimits, LocalEngine


def test_without_its_packages(tmp_path: Path) -> None:
    """An engine that is not installed is named, with what to do."""
    with pytest.raises(EngineFailed, match="torch") as caught:
        LocalEngine("transformers", tmp_path / "m.gguf", EngineLimits(), sys.executable)
    assert "--python" in caught.value.hint
