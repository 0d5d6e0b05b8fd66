"""Digests: exact length, lower case, and the two byte orders of Xet hashes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hanse.errors import BadDigest
from hanse.model.digest import is_git_oid, parse_git_oid, parse_sha256, parse_xet, xet_from_bytes, xet_to_bytes


@pytest.mark.parametrize(("parse", "length"), [(parse_sha256, 64), (parse_xet, 64), (parse_git_oid, 40)])
def test_only_lower_case_hex_of_the_right_length(parse: Callable[[str], str], length: int) -> None:
    """A digest has one spelling; everything else is refused."""
    assert parse("a1" * (length // 2)) == "a1" * (length // 2)
    for bad in ("a" * (length - 1), "a" * (length + 1), "A" * length, "g" * length, "", "٣" * length, " " + "a" * (length - 1)):
        with pytest.raises(BadDigest):
            parse(bad)


def test_xet_string_form_reverses_groups_of_eight() -> None:
    """Bytes 0..31 print as in the Xet specification."""
    text = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert xet_from_bytes(bytes(range(32))) == text
    assert xet_to_bytes(parse_xet(text)) == bytes(range(32))


def test_xet_hash_has_32_bytes() -> None:
    """Another length is refused, not padded."""
    with pytest.raises(BadDigest):
        xet_from_bytes(b"\0" * 31)


def test_is_git_oid() -> None:
    """Only 40 lower-case hex digits look like a commit id; anything else is a name."""
    assert is_git_oid("0" * 40)
    assert not is_git_oid("main")
    assert not is_git_oid("F" * 40)
