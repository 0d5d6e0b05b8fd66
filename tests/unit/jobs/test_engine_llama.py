"""The program that runs llama.cpp: what it says where its package or the model is missing (real runs: tests/interop)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hanse.errors import EngineFailed
from hanse.jobs.engine import EngineLimits, LocalEngine


def test_without_its_package(tmp_path: Path) -> None:
    """An engine that is not installed is named, with what to do."""
    with pytest.raises(EngineFailed, match="does not load") as caught:
        LocalEngine("xllamacpp", tmp_path / "m.gguf", EngineLimits(), sys.executable)
    assert "hanse[evals]" in caught.value.hint
