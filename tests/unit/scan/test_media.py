"""Inert formats are known by their first bytes."""

from __future__ import annotations

import pytest
from tests.support.judging import judged

from hanse.scan.media import kind_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "png"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"XXXX\x00\x00\x00\x00WAVEfmt ", None),
        (b"PAR1\x15\x04", "parquet"),
        (b"\x00\x00\x00\x20ftypisom", "mp4"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_first_bytes(head: bytes, kind: str | None) -> None:
    """Each format is told by its magic number, RIFF ones also by their frame."""
    assert kind_of(head) == kind


def test_a_picture_is_safe() -> None:
    """A picture under its own name has no finding."""
    assert judged(b"\x89PNG\r\n\x1a\n" + bytes(60), "cat.png").findings == ()
