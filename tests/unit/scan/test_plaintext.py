"""Text is known as text."""

from __future__ import annotations

import pytest
from tests.support.judging import judged, rules_of


@pytest.mark.parametrize("data", [b"*.bin filter=lfs\n", "größe\n".encode(), b"\xef\xbb\xbfa", b"a"])
def test_plain_text_is_safe(data: bytes) -> None:
    """A text file without an ending is no unknown format."""
    found = judged(data, ".gitattributes")
    assert "text" in found.formats
    assert rules_of(found) == set()


def test_bytes_are_no_text() -> None:
    """Binary content is not called text."""
    assert "text" not in judged(bytes(range(256)), "x").formats
