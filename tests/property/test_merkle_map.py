"""Algebra of the Merkle map and hostility towards its proofs."""

from __future__ import annotations

import contextlib
from hashlib import sha256
from random import Random

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.merkle_map import reference_root

from hanse.errors import BadProof, HanseError
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoType
from hanse.tlog import map as keys
from hanse.tlog.map import MerkleMap
from hanse.tlog.mapproof import MapProof, verify_absence, verify_inclusion

FEW = settings(max_examples=60, deadline=None)
HASHES = st.binary(min_size=32, max_size=32)
# Keys from a small space share long prefixes, at the front, in the middle and up to the last bit.
CLOSE = st.builds(
    lambda front, shift, tail: (front << 248 | tail << shift).to_bytes(32, "big"),
    st.sampled_from([0, 1, 128, 255]),
    st.sampled_from([0, 100, 244]),
    st.integers(0, 7),
)
KEYS = CLOSE | HASHES
ENTRIES = st.dictionaries(KEYS, HASHES, max_size=24)


def made(entries: dict[bytes, bytes]) -> MerkleMap:
    """Return the map of `entries`."""
    return MerkleMap.empty().apply(entries.items())


def flipped(data: bytes, bit: int) -> bytes:
    """Return `data` with one bit changed, counted modulo its length."""
    at = bit % (8 * len(data))
    return data[: at // 8] + bytes([data[at // 8] ^ 0x80 >> at % 8]) + data[at // 8 + 1 :]


@FEW
@given(ENTRIES)
def test_the_root_is_the_one_of_the_specification(entries: dict[bytes, bytes]) -> None:
    """Any map has the root that the naive reference computes from the page."""
    assert made(entries).root == reference_root(entries)


@FEW
@given(ENTRIES, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_and_batches_do_not_matter(entries: dict[bytes, bytes], random: Random, pieces: int) -> None:
    """The same content gives the same root, in whatever order and batches it was put."""
    shuffled = list(entries.items())
    random.shuffle(shuffled)
    tree = MerkleMap.empty()
    for piece in range(pieces):
        tree = tree.apply(shuffled[piece::pieces])
    assert tree.root == made(entries).root
    assert dict(tree.items()) == entries


@FEW
@given(ENTRIES, ENTRIES, st.lists(KEYS, max_size=5))
def test_a_change_is_what_it_does_to_a_dictionary(old: dict[bytes, bytes], puts: dict[bytes, bytes], more: list[bytes]) -> None:
    """Deletions, then puts, as with a plain dictionary; length, content and root follow."""
    deletes = [*more, *list(old)[::2]]
    after = {key: value for key, value in old.items() if key not in deletes} | puts
    tree = made(old).apply(puts.items(), deletes)
    assert (len(tree), dict(tree.items()), tree.root) == (len(after), after, reference_root(after))


@FEW
@given(ENTRIES, ENTRIES)
def test_deleting_undoes_putting(before: dict[bytes, bytes], more: dict[bytes, bytes]) -> None:
    """After new keys were put and deleted again the root is the old one."""
    fresh = {key: value for key, value in more.items() if key not in before}
    tree = made(before)
    assert tree.apply(fresh.items()).apply([], fresh).root == tree.root


@FEW
@given(ENTRIES, KEYS)
def test_every_key_has_a_proof(entries: dict[bytes, bytes], key: bytes) -> None:
    """Each key that is there proves its value hash, any other its absence, also after encoding and parsing."""
    tree = made(entries)
    for present, value in entries.items():
        verify_inclusion(tree.root, present, value, MapProof.parse(tree.prove(present).encode()))
    if key not in entries:
        verify_absence(tree.root, key, MapProof.parse(tree.prove(key).encode()))


@FEW
@given(ENTRIES.filter(bool), st.data())
def test_one_changed_bit_breaks_a_proof_of_inclusion(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    """A flipped bit in the root, key, value hash or encoded proof never verifies and never raises a foreign error."""
    tree = made(entries)
    key = data.draw(st.sampled_from(sorted(entries)))
    proof = tree.prove(key)
    for _ in range(12):
        bit = data.draw(st.integers(0, 1 << 16))
        with pytest.raises(BadProof):
            verify_inclusion(flipped(tree.root, bit), key, entries[key], proof)
        with pytest.raises(BadProof):
            verify_inclusion(tree.root, flipped(key, bit), entries[key], proof)
        with pytest.raises(BadProof):
            verify_inclusion(tree.root, key, flipped(entries[key], bit), proof)
        with pytest.raises(HanseError):
            verify_inclusion(tree.root, key, entries[key], MapProof.parse(flipped(proof.encode(), bit)))


@FEW
@given(ENTRIES, KEYS, st.lists(st.integers(0, 1 << 16), min_size=12, max_size=12))
def test_one_changed_bit_breaks_a_proof_of_absence(entries: dict[bytes, bytes], key: bytes, bits: list[int]) -> None:
    """A flipped bit in the root, the encoded proof or the walked part of the key never verifies."""
    entries.pop(key, None)
    tree = made(entries)
    proof = tree.prove(key)
    for bit in bits:
        with pytest.raises(BadProof):
            verify_absence(flipped(tree.root, bit), key, proof)
        with pytest.raises(HanseError):
            verify_absence(tree.root, key, MapProof.parse(flipped(proof.encode(), bit)))
        if proof.siblings:
            with pytest.raises(BadProof):
                verify_absence(tree.root, flipped(key, bit % len(proof.siblings)), proof)


@FEW
@given(ENTRIES.filter(bool), st.data())
def test_what_is_there_cannot_be_shown_absent(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    """No prefix of the path and no other leaf of the map makes a proof of absence for a key that is there."""
    tree = made(entries)
    key, other = (data.draw(st.sampled_from(sorted(entries))) for _ in range(2))
    for siblings in (tree.prove(key).siblings, tree.prove(other).siblings):
        cut = siblings[: data.draw(st.integers(0, len(siblings)))]
        for end in (None, (other, entries[other])):
            with pytest.raises(BadProof):
                verify_absence(tree.root, key, MapProof(cut, included=False, other=end))


@FEW
@given(
    st.binary(max_size=400) | st.builds(lambda kind, rest: bytes([kind, 0]) + rest, st.integers(0, 2), st.binary(max_size=200))
)
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    """Arbitrary bytes give a proof that encodes to them again, or an error of ours."""
    with contextlib.suppress(HanseError):
        assert MapProof.parse(data).encode() == data


@FEW
@given(ENTRIES, KEYS)
def test_cut_proofs_are_refused(entries: dict[bytes, bytes], key: bytes) -> None:
    """No beginning of an encoded proof is a proof."""
    data = made(entries).prove(key).encode()
    for cut in range(0, len(data), 7):
        with pytest.raises(HanseError):
            MapProof.parse(data[:cut])


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(0, 2**53 - 1))
def test_directly_written_arrays_are_canonical(text: str, number: int) -> None:
    """For every text and integer the arrays written directly are those of an RFC 8785 library."""
    digest, xet, origin = Sha256("ab" * 32), XetHash("cd" * 32), Origin("o")
    pairs: list[tuple[bytes, list[str | int]]] = [
        (keys.tree_key(text), ["tree", text]),
        (keys.tree_value(number, digest, xet), [number, digest, xet]),
        (keys.ref_key(origin, RepoType.MODEL, "a/b", text), ["ref", "o", "model", "a/b", text]),
        (keys.ref_value(number, digest, digest), [number, digest, digest]),
        (keys.advisory_key(text), ["advisory", text]),
    ]
    for found, array in pairs:
        assert found == sha256(rfc8785.dumps(array)).digest()
