"""Where a path leads is told from the path alone, the same on every system."""

from __future__ import annotations

import pytest

from hanse.scan.reach import INSIDE, is_outside, reach


@pytest.mark.parametrize("path", ["w.bin", "a/b/w.bin", "weights.v1..bin", "a b", "...", "100%.bin", "a$b"])
def test_inside(path: str) -> None:
    """Names and paths below the folder stay beside the model."""
    assert reach(path) == INSIDE
    assert not is_outside(path)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "anywhere"),
        ("\\x", "anywhere"),
        ("C:\\x", "anywhere"),
        ("c:/x", "anywhere"),
        ("file:/x", "anywhere"),
        (" /x", "anywhere"),
        ("a/../../x", "out of"),
        ("..\\x", "out of"),
        ("//host/x", "share"),
        ("\\\\host\\x", "share"),
        ("~/x", "home"),
        ("$HOME/x", "home"),
        ("%USERPROFILE%\\x", "home"),
        ("https://a/x", "address (https)"),
        ("gs://a/x", "address (gs)"),
        ("a\0b", "NUL"),
    ],
)
def test_outside(path: str, words: str) -> None:
    """Absolute paths, parents, shares, homes and addresses lead elsewhere, with either slash."""
    assert words in reach(path)
