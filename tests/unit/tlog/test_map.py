"""The persistent Merkle map: shape, changes, sharing, keys and value hashes."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable

import pytest
import rfc8785
from tests.reference.merkle_map import reference_root

from hanse.errors import BadDigest, BadFormat, BadRepoId
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoType
from hanse.tlog.map import (
    MerkleMap,
    advisory_key,
    advisory_value,
    ref_key,
    ref_value,
    tree_key,
    tree_value,
)

ORIGIN = Origin("models.example.org")


def key(number: int) -> bytes:
    """Return a key spread over the whole key space."""
    return hashlib.sha256(b"%d" % number).digest()


def filled(count: int) -> dict[bytes, bytes]:
    """Return `count` keys with value hashes."""
    return {key(number): key(-number - 1) for number in range(count)}


def made(entries: dict[bytes, bytes]) -> MerkleMap:
    """Return the map of `entries`."""
    return MerkleMap.empty().apply(entries.items())


def test_the_empty_map_is_zeros() -> None:
    """The empty map has root zero, no keys and finds nothing."""
    empty = MerkleMap.empty()
    assert (empty.root, len(empty), list(empty), empty.get(key(1))) == (bytes(32), 0, [], None)


def test_a_subtree_with_one_leaf_is_that_leaf() -> None:
    """The root of a map with one key is the leaf's hash."""
    assert made({key(1): key(2)}).root == hashlib.sha256(b"\x00" + key(1) + key(2)).digest()


def test_keys_that_differ_in_the_last_bit_only() -> None:
    """Two leaves hang below 255 inner nodes with one empty side, and deleting one brings the other back to the top."""
    low, high = bytes(32), bytes(31) + b"\x01"
    both = made({low: key(1), high: key(2)})
    assert both.root == reference_root({low: key(1), high: key(2)})
    assert len(both.prove(low).siblings) == 256
    assert both.apply([], [high]).root == made({low: key(1)}).root


def test_roots_equal_the_reference_for_many_sizes() -> None:
    """The root is the one of the specification, whatever the number of keys."""
    for count in (*range(40), 257, 1000):
        assert made(filled(count)).root == reference_root(filled(count))


def test_lookup_and_iteration() -> None:
    """Every key is found with its value hash, others are not, and iteration is in order of keys."""
    entries = filled(100)
    tree = made(entries)
    assert len(tree) == 100
    assert all(tree.get(item) == value for item, value in entries.items())
    assert tree.get(key(100)) is None
    assert list(tree.items()) == sorted(entries.items())
    assert list(tree) == sorted(entries)


def test_a_changed_copy_leaves_the_original_alone() -> None:
    """A map never changes: earlier copies keep their content and root."""
    before = made(filled(50))
    root = before.root
    after = before.apply([(key(7), key(0)), (key(99), key(0))], [key(3)])
    assert (before.root, len(before), before.get(key(3))) == (root, 50, key(-4))
    assert (len(after), after.get(key(3)), after.get(key(7)), after.get(key(99))) == (50, None, key(0), key(0))


def test_putting_what_is_there_shares_the_whole_map() -> None:
    """A change without effect costs no new node."""
    tree = made(filled(50))
    for same in (tree.apply(filled(50).items()), tree.apply([], [key(50)]), tree.apply([])):
        assert same._top is tree._top


def test_a_key_deleted_and_put_in_one_change_is_there() -> None:
    """Deletions come before puts."""
    tree = made(filled(5)).apply([(key(2), key(0))], [key(2)])
    assert tree.get(key(2)) == key(0)


def test_a_key_put_twice_is_refused() -> None:
    """One change says one thing about a key, also if it is deleted in it as well."""
    for deletes in ([], [key(1)]):
        with pytest.raises(BadFormat):
            MerkleMap.empty().apply([(key(1), key(1)), (key(1), key(2))], deletes)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_and_values_of_other_lengths_are_refused(length: int) -> None:
    """Keys and value hashes have 32 bytes everywhere."""
    odd, tree = bytes(length), made(filled(3))
    for attempt in (
        lambda: tree.apply([(odd, key(1))]),
        lambda: tree.apply([(key(1), odd)]),
        lambda: tree.apply([], [odd]),
        lambda: tree.get(odd),
        lambda: tree.prove(odd),
    ):
        with pytest.raises(BadDigest):
            attempt()


@pytest.mark.soak
def test_the_garbage_collector_does_not_track_a_map() -> None:
    """A large map in a cache does not make every collection slower."""
    tree = made(filled(8))
    for _ in range(12):  # it lets go of the leaves first, then of one level at a time
        gc.collect()
    assert not gc.is_tracked(tree._top)


@pytest.mark.parametrize("text", ["", "a", 'q"\\/', "\x00\x1f\x7f\b\t\n\f\r", "é\u2028\U0001f600", "models/Ω/model.bin"])
def test_written_arrays_equal_a_general_encoder(text: str) -> None:
    """The arrays written directly are those of an RFC 8785 library."""
    digest, xet = Sha256("ab" * 32), XetHash("cd" * 32)

    def hashed(*items: str | int) -> bytes:
        return hashlib.sha256(rfc8785.dumps(list(items))).digest()

    assert tree_key(text) == hashed("tree", text)
    assert tree_value(2**53 - 1, digest, xet) == hashed(2**53 - 1, digest, xet)
    assert ref_key(ORIGIN, RepoType.DATASET, "org/name", text) == hashed("ref", ORIGIN, "dataset", "org/name", text)
    assert ref_value(7, "ab" * 20, digest) == hashed(7, "ab" * 20, digest)
    assert advisory_key(text) == hashed("advisory", text)
    assert advisory_value(digest) == hashed(digest)


def test_repositories_are_compared_in_lower_case_and_paths_exactly() -> None:
    """Spelling of a repository does not matter to its refs; every byte of a path matters, without normalisation."""
    spelled, folded = (ref_key(ORIGIN, RepoType.MODEL, repo, "refs/heads/main") for repo in ("Org/Name", "org/name"))
    assert spelled == folded
    assert len({tree_key(path) for path in ("A", "a", "\u00e9", "e\u0301")}) == 4


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: tree_key("\ud800"),
        lambda: advisory_key("\udfff"),
        lambda: ref_key(ORIGIN, RepoType.MODEL, "org/name", "refs/heads/\ud800"),
        lambda: tree_value(-1, Sha256("0" * 64), XetHash("0" * 64)),
        lambda: tree_value(2**53, Sha256("0" * 64), XetHash("0" * 64)),
        lambda: ref_value(2**53, "0" * 40, "0" * 64),
    ],
)
def test_what_rfc_8785_cannot_say_is_refused(attempt: Callable[[], bytes]) -> None:
    """Unpaired surrogates and integers from 2^53 on have no canonical form."""
    with pytest.raises(BadFormat):
        attempt()


def test_a_repository_outside_ascii_is_refused() -> None:
    """Only ASCII has the lower case that the specification means."""
    with pytest.raises(BadRepoId):
        ref_key(ORIGIN, RepoType.MODEL, "org/\u0130", "refs/heads/main")
