"""Proofs of inclusion and absence in a Merkle map, and attempts to cheat with them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hanse.errors import BadFormat, BadProof
from hanse.tlog.map import MerkleMap
from hanse.tlog.mapproof import MAX_PROOF_BYTES, MapProof, map_leaf_hash, verify_absence, verify_inclusion

ZERO = bytes(32)


def key(number: int) -> bytes:
    """Return a key spread over the whole key space."""
    return hashlib.sha256(b"%d" % number).digest()


@pytest.fixture(name="tree")
def _tree() -> MerkleMap:
    return MerkleMap.empty().apply((key(number), key(-number - 1)) for number in range(64))


def test_every_key_is_proved_and_no_other(tree: MerkleMap) -> None:
    """A key's inclusion and another key's absence verify; the opposite claims do not."""
    for number in range(64):
        proof = tree.prove(key(number))
        verify_inclusion(tree.root, key(number), key(-number - 1), proof)
        with pytest.raises(BadProof):
            verify_absence(tree.root, key(number), proof)
    for number in range(64, 128):
        proof = tree.prove(key(number))
        verify_absence(tree.root, key(number), proof)
        with pytest.raises(BadProof):
            verify_inclusion(tree.root, key(number), key(0), proof)


def test_the_empty_map_proves_absence() -> None:
    """In the empty map everything is absent, by a proof without siblings."""
    proof = MerkleMap.empty().prove(key(1))
    assert proof == MapProof((), included=False)
    verify_absence(ZERO, key(1), proof)


def test_the_key_itself_is_no_other_leaf(tree: MerkleMap) -> None:
    """A key cannot be shown absent by its own leaf."""
    proof = replace(tree.prove(key(5)), included=False, other=(key(5), key(-6)))
    with pytest.raises(BadProof, match="itself"):
        verify_absence(tree.root, key(5), proof)


def test_a_leaf_from_elsewhere_proves_no_absence(tree: MerkleMap) -> None:
    """The path of another leaf that does not share the walked prefix is refused, though it leads to the root."""
    target = key(5)
    for number in range(64):
        if number == 5:
            continue
        forged = MapProof(tree.prove(key(number)).siblings, included=False, other=(key(number), key(-number - 1)))
        with pytest.raises(BadProof):
            verify_absence(tree.root, target, forged)


def test_the_prefix_rule_is_what_refuses_it() -> None:
    """Where both sides are equal the hashes alone would not notice a leaf on the wrong side."""
    here, there = bytes(32), b"\x80" + bytes(31)
    leaf = map_leaf_hash(there, ZERO)
    root = hashlib.sha256(b"\x01" + leaf + leaf).digest()
    with pytest.raises(BadProof, match="shares 0 bits"):
        verify_absence(root, here, MapProof((leaf,), included=False, other=(there, ZERO)))


def test_a_path_that_should_have_ended_earlier_is_refused() -> None:
    """A leaf or emptiness beside an empty subtree does not occur in a well-formed map."""
    leaf = map_leaf_hash(ZERO, ZERO)
    root = hashlib.sha256(b"\x01" + leaf + ZERO).digest()
    with pytest.raises(BadProof, match="last sibling"):
        verify_inclusion(root, ZERO, ZERO, MapProof((ZERO,), included=True))


def test_proofs_against_another_root_fail(tree: MerkleMap) -> None:
    """A proof is worth nothing for a map that changed on its path."""
    changed = tree.apply([(key(5), key(0))])
    with pytest.raises(BadProof, match="leads to root"):
        verify_inclusion(changed.root, key(5), key(-6), tree.prove(key(5)))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hashes_of_other_lengths_are_refused(tree: MerkleMap, length: int) -> None:
    """Root, key and value hash have 32 bytes, so that no boundary between them can be moved."""
    odd, proof = bytes(length), tree.prove(key(5))
    with pytest.raises(BadProof):
        verify_inclusion(odd, key(5), key(-6), proof)
    with pytest.raises(BadProof):
        verify_inclusion(tree.root, odd, key(-6), proof)
    with pytest.raises(BadProof):
        verify_inclusion(tree.root, key(5), odd, proof)
    with pytest.raises(BadProof):
        verify_absence(tree.root, odd, tree.prove(key(99)))
    with pytest.raises(BadFormat):
        MapProof((odd,), included=True)


def test_encoding_round_trips(tree: MerkleMap) -> None:
    """Each of the three kinds of proof parses to what was encoded."""
    kinds = set()
    for number in range(128):
        proof = tree.prove(key(number))
        data = proof.encode()
        assert MapProof.parse(data) == proof
        kinds.add(data[0])
    assert kinds == {0, 1, 2}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"\x03\x00\x00",
        b"\x00\x00\x01",
        b"\x02\x00\x00",
        b"\x00\x00\x00\x00",
        b"\x00\x01\x01" + bytes(257 * 32),
        b"\x00\xff\xff",
        bytes(MAX_PROOF_BYTES + 1),
    ],
)
def test_hostile_encodings_are_refused(data: bytes) -> None:
    """An unknown kind, a count that does not fit the length and more than 256 siblings do not parse."""
    with pytest.raises(BadFormat):
        MapProof.parse(data)


def test_a_proof_of_inclusion_has_no_other_leaf() -> None:
    """What would mean two things at once cannot be made."""
    with pytest.raises(BadFormat):
        MapProof((), included=True, other=(ZERO, ZERO))
