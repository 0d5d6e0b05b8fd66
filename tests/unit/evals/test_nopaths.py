"""Folders that errors name."""

from __future__ import annotations

import pytest

from hanse.evals.nopaths import without_paths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file '/home/ann/models/m.gguf' there", "no file '.../m.gguf' there"),
        ("cannot start /opt/env/bin/python: no such file", "cannot start .../python: no such file"),
        ("failed: '/srv/hanse/evaluations/7/model/'", "failed: '.../'"),
        (r"C:\Users\ann\m.gguf is gone", ".../m.gguf is gone"),
        ("~ann/m.gguf (see https://example.org/a/b)", ".../m.gguf (see https://example.org/a/b)"),
        ("admin/m and 3/4 tokens/s, and / alone", "admin/m and 3/4 tokens/s, and / alone"),
    ],
)
def test_paths(text: str, shown: str) -> None:
    """Only absolute paths are cut to their last part."""
    assert without_paths(text) == shown


def test_long_texts() -> None:
    """A long text of slashes takes no longer than its length allows."""
    assert without_paths("/" * 100_000)
    assert without_paths("/a" * 100_000) == ".../a"
