"""Canonical JSON of arbitrary values against the library that implements RFC 8785."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.errors import BadFormat
from hanse.model.canonical import canonical, parse_canonical

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\ud800\ue000\U0001f600')), max_size=8)
NUMBERS = st.one_of(st.integers(-(2**54), 2**54), st.floats(), st.booleans(), st.none())
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    """Either both give the same bytes or both refuse."""
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        expected = None
    try:
        found = canonical(value)
    except BadFormat:
        found = None
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans(), st.booleans())
def test_only_canonical_bytes_are_read(value: dict[str, Any], ascii_only: bool, spaced: bool) -> None:
    """Whatever an ordinary encoder writes is read exactly if it is the canonical form already."""
    with contextlib.suppress(UnicodeEncodeError):
        data = json.dumps(value, ensure_ascii=ascii_only, separators=(", ", ":") if spaced else (",", ":")).encode()
        try:
            read = parse_canonical(data, "a record", 65_535)
        except BadFormat:
            return
        assert data == rfc8785.dumps(read)
