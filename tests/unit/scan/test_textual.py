"""What counts as text, and in which encoding it is read."""

from __future__ import annotations

import pytest

from hanse.scan.source import BytesSource
from hanse.scan.textual import decoded, encoding_of, first_text, is_plain, looks_like_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_text_is_told_and_read_in_every_encoding_that_readers_guess(encoding: str) -> None:
    """A document says the same whether it is UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    data = '{"key": "value"}'.encode(encoding)
    assert looks_like_text(data)
    assert decoded(data) == '{"key": "value"}'


@pytest.mark.parametrize("data", [b"", b"\x80\x04\x95" + bytes(20), b"GGUF\x03\x00\x00\x00", bytes(64), b"PK\x03\x04\x14\x00"])
def test_binary_is_not_text(data: bytes) -> None:
    """Control characters and zeros make content binary."""
    assert not looks_like_text(data)


def test_a_character_cut_at_the_end_of_the_head_is_still_text() -> None:
    """The head of a file may end inside a character."""
    assert looks_like_text("größe".encode()[:3])


def test_the_start_is_found_behind_any_number_of_blanks() -> None:
    """Readers skip blanks, so padding does not hide how a document begins."""
    data = b" " * 3_000_000 + b"{}"
    assert first_text(data[:4096], BytesSource(data)) == "{}"
    assert encoding_of(data) == ("utf-8", 0)


def test_plain_text_has_no_nul() -> None:
    """UTF-16 is text and not plain; bytes with control characters are neither."""
    assert is_plain(b"hello\n")
    assert not is_plain("hello, world".encode("utf-16-le"))
    assert not is_plain(b"\x0a\x12ab")
