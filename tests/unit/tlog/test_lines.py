"""Base64, numbers and hashes in C2SP text formats."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.tlog.lines import base64_text, parse_base64, parse_decimal, parse_hash, parse_path


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_round_trips(data: bytes) -> None:
    """Bytes of any length come back as they were."""
    assert parse_base64(base64_text(data), "x") == data


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "Q Q==", "-_8=", "QQ\u00e9=", "=", "Q==="])
def test_base64_has_one_form(text: str) -> None:
    """No padding, padding bits that are set, white space, the URL alphabet or anything behind the padding: refused."""
    with pytest.raises(BadFormat):
        parse_base64(text, "x")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("7", 7), ("9007199254740991", 2**53 - 1)])
def test_decimals(text: str, value: int) -> None:
    """Numbers below 2^53 in ASCII digits are read."""
    assert parse_decimal(text, "x") == value


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "+1", "-1", "1 ", " 1", "1\n", "1_0", "1.0", "\u0661", "\u00b2", "9007199254740992", "9" * 17, "1" * 10**6],
)
def test_other_numbers_are_refused(text: str) -> None:
    """Signs, leading zeros, other digits, spaces and numbers from 2^53 on are no sizes."""
    with pytest.raises(BadFormat):
        parse_decimal(text, "x")


def test_hashes_have_32_bytes() -> None:
    """One byte less or more, or a megabyte, is no hash."""
    assert parse_hash(base64_text(bytes(32)), "x") == bytes(32)
    for data in (b"", bytes(31), bytes(33), bytes(10**6)):
        with pytest.raises(BadFormat):
            parse_hash(base64_text(data), "x")


def test_a_proof_has_at_most_63_hashes() -> None:
    """The bound of tlog-witness holds; hashes keep their order."""
    lines = [base64_text(bytes([at]) * 32) for at in range(64)]
    assert parse_path(lines[:63])[62] == bytes([62]) * 32
    assert parse_path([]) == ()
    with pytest.raises(TooLarge):
        parse_path(lines)
    with pytest.raises(BadFormat):
        parse_path([""])
