"""Leaf records under arbitrary contents, cuts and bit flips."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.leaves import EVERY_KIND, signed

from hanse.errors import HanseError
from hanse.model.conceal import conceal
from hanse.model.digest import NO_SHA256, GitOid, Sha256
from hanse.model.leaf import MAX_OWN_LEAF_BYTES, KnownLeaf, encode_leaf, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RevKind
from hanse.model.repo import Origin, RepoType, branch_ref

SOME = settings(max_examples=100, deadline=None)
NAMES = st.from_regex(r"\A[a-z0-9]{1,30}\Z")
# Letters, accents and what JSON escapes, but nothing git forbids in a branch name.
BRANCHES = st.text(st.sampled_from('abcXYZ0/"é\u2028\U0001f600'), min_size=1, max_size=40).filter(
    lambda text: all(text.split("/")),
)


@st.composite
def _ref_leaves(draw: st.DrawFn) -> RefLeaf:
    seq = draw(st.integers(1, 2**53 - 1))
    return RefLeaf(
        time=draw(st.integers(0, 253_402_300_799)),
        origin=Origin(draw(NAMES)),
        type=draw(st.sampled_from(RepoType)),
        repo=f"{draw(NAMES)}/{draw(NAMES)}",
        ref=branch_ref(draw(BRANCHES)),
        seq=seq,
        prev=NO_SHA256 if seq == 1 else Sha256("ef" * 32),
        rev=GitOid(draw(st.binary(min_size=20, max_size=20)).hex()),
        rev_kind=draw(st.sampled_from(RevKind)),
        tree=Sha256(draw(st.binary(min_size=32, max_size=32)).hex()),
    )


@SOME
@given(_ref_leaves(), st.binary(min_size=32, max_size=32))
def test_leaves_round_trip(leaf: RefLeaf, salt: bytes) -> None:
    """Any ref leaf, in clear or concealed, signed or not, is read as it was written and stays below 2 KiB."""
    for form in (leaf, conceal(leaf, salt), signed(leaf), signed(conceal(leaf, salt))):
        data = encode_leaf(form)
        assert len(data) <= MAX_OWN_LEAF_BYTES
        assert parse_leaf(data) == form


@SOME
@given(_ref_leaves(), st.integers(0, 1 << 14))
def test_no_beginning_of_a_leaf_is_a_leaf(leaf: RefLeaf, at: int) -> None:
    """Cut anywhere, a leaf is refused with an error of ours."""
    data = encode_leaf(leaf)
    with pytest.raises(HanseError):
        parse_leaf(data[: at % len(data)])


@SOME
@given(_ref_leaves(), st.integers(0, 1 << 14))
def test_a_changed_bit_never_gives_the_same_leaf(leaf: RefLeaf, bit: int) -> None:
    """One flipped bit is refused or gives another leaf that has exactly those bytes."""
    data = bytearray(encode_leaf(leaf))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    with contextlib.suppress(HanseError):
        changed = parse_leaf(bytes(data))
        assert changed != leaf
        assert encode_leaf(changed) == bytes(data)


@SOME
@given(st.sampled_from(EVERY_KIND), st.integers(0, 1 << 14))
def test_a_changed_bit_gives_another_leaf_of_any_kind(leaf: KnownLeaf, bit: int) -> None:
    """One flipped bit in a leaf of any kind is refused or gives another leaf that has exactly those bytes."""
    data = bytearray(encode_leaf(leaf))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    with contextlib.suppress(HanseError):
        changed = parse_leaf(bytes(data))
        assert changed != leaf
        assert encode_leaf(changed) == bytes(data)


@SOME
@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    """Arbitrary bytes give a leaf with those bytes, or an error of ours."""
    with contextlib.suppress(HanseError):
        assert encode_leaf(parse_leaf(data)) == data
