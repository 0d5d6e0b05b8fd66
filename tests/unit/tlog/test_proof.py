"""Inclusion and consistency proofs (RFC 6962), built from tiles and verified."""

from __future__ import annotations

import json
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.reference.rfc6962 import ReferenceTree
from tests.support.tiledlog import TiledLog

from hanse.errors import BadFormat, BadProof
from hanse.tlog.hashing import EMPTY_ROOT, node_hash
from hanse.tlog.proof import (
    Tree,
    consistency_proof,
    consistency_tiles,
    inclusion_proof,
    inclusion_tiles,
    proven_prefix,
    verify_consistency,
    verify_inclusion,
)
from hanse.tlog.tiles import TileName

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle_proofs.json").read_text())
LAST = 300
ENTRIES = [f"entry {index}".encode() for index in range(LAST)]
REFERENCE = ReferenceTree(ENTRIES)


@cache
def log() -> TiledLog:
    """Return a log that stopped at every size to 300."""
    made = TiledLog()
    for entry in ENTRIES:
        made.append([entry])
    return made


def test_inclusion_for_all_leaves_of_all_sizes_to_300() -> None:
    """Every proof is the RFC's, leads to the RFC's root, and does not lead there from the next leaf or index."""
    for size in range(1, LAST + 1):
        tree, root = Tree(size, log().read), REFERENCE.root(0, size)
        for index in range(size):
            path = tree.inclusion(index)
            verify_inclusion(log().hash(index), index, size, root, path)
            if index % 7 == size % 7 or size > LAST - 2:
                assert list(path) == REFERENCE.inclusion(index, 0, size)


def test_consistency_of_all_sizes_to_300() -> None:
    """Every proof is the RFC's and leads from the RFC's old root to its new one."""
    for new in range(1, LAST + 1):
        tree = Tree(new, log().read)
        for old in range(1, new + 1):
            path = tree.consistency(old)
            verify_consistency(old, REFERENCE.root(0, old), new, REFERENCE.root(0, new), path)
            if old % 7 == new % 7 or new > LAST - 2:
                assert list(path) == REFERENCE.consistency(old, new)


def decoded(text: str | None) -> bytes:
    """Return what a published vector writes in base64."""
    return b64decode(text or "")


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda vector: vector["path"])
def test_published_inclusion_proofs(vector: dict[str, Any]) -> None:
    """Each published proof verifies or is refused as its authors say."""
    path = [decoded(item) for item in vector["proof"] or []]
    arguments = (decoded(vector["leafHash"]), vector["leafIdx"], vector["treeSize"], decoded(vector["root"]), path)
    if vector["wantErr"]:
        with pytest.raises(BadProof):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda vector: vector["path"])
def test_published_consistency_proofs(vector: dict[str, Any]) -> None:
    """Each published proof verifies or is refused as its authors say; roots that are no hashes are refused here as well."""
    path = [decoded(item) for item in vector["proof"] or []]
    arguments = (vector["size1"], decoded(vector["root1"]), vector["size2"], decoded(vector["root2"]), path)
    if vector["wantErr"] or len(decoded(vector["root1"])) != 32:
        with pytest.raises(BadProof):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)


def test_nothing_is_in_the_empty_log_and_nothing_continues_it_by_proof() -> None:
    """Verifiers refuse size 0; the builder gives the empty proof that a witness wants for old size 0."""
    with pytest.raises(BadProof):
        verify_inclusion(bytes(32), 0, 0, EMPTY_ROOT, [])
    for new in (0, 1):
        with pytest.raises(BadProof):
            verify_consistency(0, EMPTY_ROOT, new, log().roots[new], [])
    assert consistency_proof(0, 5, log().read) == ()
    assert consistency_proof(5, 5, log().read) == ()


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, -1), (0, 2**53), (2**53, 2**53)])
def test_impossible_inclusions(index: int, size: int) -> None:
    """An index at or beyond the size, or a size out of bounds, is neither proved nor believed."""
    with pytest.raises(BadFormat):
        inclusion_proof(index, size, log().read)
    with pytest.raises(BadProof):
        verify_inclusion(log().hash(0), index, size, log().hash(0), [])


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5), (1, 0), (1, 2**53), (2**53, 2**53)])
def test_impossible_consistencies(old: int, new: int) -> None:
    """A log that shrinks, or a size out of bounds, is neither proved nor believed."""
    with pytest.raises(BadFormat):
        consistency_proof(old, new, log().read)
    with pytest.raises(BadProof):
        verify_consistency(old, bytes(32), new, bytes(32), [])


def test_a_proof_of_one_place_proves_no_other() -> None:
    """With the path of leaf 123 of 300, no other leaf, index or size of up to 300 verifies."""
    path, root = inclusion_proof(123, LAST, log().read), log().roots[LAST]
    for other in range(LAST):
        if other != 123:
            with pytest.raises(BadProof):
                verify_inclusion(log().hash(other), 123, LAST, root, path)
            with pytest.raises(BadProof):
                verify_inclusion(log().hash(123), other, LAST, root, path)
        with pytest.raises(BadProof):
            verify_inclusion(log().hash(123), 123, other, log().roots[other], path)


def test_a_proof_of_consistency_fits_no_other_pair() -> None:
    """The path from 123 to 300 shows nothing about other sizes with their true roots."""
    path = consistency_proof(123, LAST, log().read)
    for other in range(1, LAST + 1):
        for old, new in ((other, LAST), (123, other)):
            if (old, new) != (123, LAST):
                with pytest.raises(BadProof):
                    verify_consistency(old, log().roots[old], new, log().roots[new], path)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 255, 256, 257, 300])
def test_altered_paths_are_refused(size: int) -> None:
    """One hash changed, dropped, doubled or swapped, or one of another length, and nothing is proved."""
    old = (size + 1) // 2
    inclusion, consistency = inclusion_proof(old - 1, size, log().read), consistency_proof(old, size, log().read)
    for path in altered(inclusion):
        with pytest.raises(BadProof):
            verify_inclusion(log().hash(old - 1), old - 1, size, log().roots[size], path)
    for path in altered(consistency):
        with pytest.raises(BadProof):
            verify_consistency(old, log().roots[old], size, log().roots[size], path)


def altered(path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Return paths that differ from `path` in one place."""
    found = [(*path, bytes(32)), (bytes(32), *path), (*path, *[bytes(32)] * 64), (*path, b"")]
    for at, item in enumerate(path):
        before, after = path[:at], path[at + 1 :]
        found += [(*before, *after), (*before, item, item, *after)]
        found += [
            (*before, bytes([item[0] ^ 1]) + item[1:], *after),
            (*before, item[:-1], *after),
            (*before, item + b"\0", *after),
        ]
        if after:
            found.append((*before, after[0], item, *after[1:]))
    return found


def test_an_inner_node_is_no_leaf() -> None:
    """A path that begins at an inner node proves no entry: the tree has its depth."""
    root, path = log().roots[4], inclusion_proof(0, 4, log().read)
    inner = node_hash(log().hash(0), log().hash(1))
    verify_inclusion(log().hash(0), 0, 4, root, path)
    for index, size in ((0, 2), (0, 4), (0, 3)):
        with pytest.raises(BadProof):
            verify_inclusion(inner, index, size, log().roots[size], path[1:])


def test_a_fork_has_no_proof() -> None:
    """Two logs of one beginning and different middles cannot be shown to continue each other."""
    fork = TiledLog().append(ENTRIES[:100]).append([b"forged"]).append(ENTRIES[101:])
    path = consistency_proof(200, LAST, log().read)
    with pytest.raises(BadProof):
        verify_consistency(200, log().roots[200], LAST, fork.roots[LAST], consistency_proof(200, LAST, fork.read))
    with pytest.raises(BadProof):
        verify_consistency(200, log().roots[200], LAST, fork.roots[LAST], path)
    with pytest.raises(BadProof):
        verify_consistency(LAST, log().roots[LAST], LAST, fork.roots[LAST], [])
    verify_consistency(100, log().roots[100], LAST, fork.roots[LAST], consistency_proof(100, LAST, fork.read))


def test_only_tiles_of_the_size_are_read_and_can_be_told_before() -> None:
    """A reader is asked for the tiles that a log of that size has, each once; the list is known without reading."""
    asked = list[TileName]()

    def read(name: TileName) -> bytes:
        asked.append(name)
        return log().read(name)

    inclusion_proof(17, 299, read)
    assert tuple(asked) == inclusion_tiles(17, 299)
    assert sorted(name.path for name in asked) == ["tile/0/000", "tile/0/001.p/43"]
    asked.clear()
    consistency_proof(17, 299, read)
    assert tuple(asked) == consistency_tiles(17, 299)
    assert [name.path for name in inclusion_tiles(0, 1)] == []
    assert {name.path for name in inclusion_tiles(2**40, 2**53 - 1)} >= {"tile/0/x004/x294/x967/296", "tile/6/000.p/31"}


def test_a_wider_tile_serves_too() -> None:
    """Where the partial tile of an old size is gone, the fuller one at its place gives the same proof."""
    later = log().files | {"tile/0/001.p/9": log().files["tile/0/001.p/44"], "tile/1/000.p/1": log().files["tile/1/000.p/1"]}
    assert inclusion_proof(3, 265, lambda name: later[name.path]) == inclusion_proof(3, 265, log().read)


@pytest.mark.parametrize("length", [0, 8 * 32, 9 * 32 - 1, 9 * 32 + 1, 256 * 32 + 32])
def test_truncated_and_oversized_tiles_are_refused(length: int) -> None:
    """A tile has the hashes its name promises, or more up to 256, and not a byte beside them."""
    with pytest.raises(BadFormat):
        inclusion_proof(3, 265, lambda _: bytes(length))


def test_false_tiles_give_false_proofs_and_no_more() -> None:
    """What is built from another log's tiles does not verify under the signed root."""
    path = inclusion_proof(3, LAST, lambda name: bytes(name.width * 32))
    with pytest.raises(BadProof):
        verify_inclusion(log().hash(3), 3, LAST, log().roots[LAST], path)


def test_a_fork_is_proven_by_the_log_that_has_it() -> None:
    """A proof that leads to the new root says which root the old size had; one that does not, or of a power of two, says none."""
    fork = TiledLog().append(ENTRIES[:100]).append([b"forged"]).append(ENTRIES[101:])
    path = consistency_proof(200, LAST, fork.read)
    assert proven_prefix(200, LAST, fork.roots[LAST], path) not in (None, log().roots[200])
    assert proven_prefix(200, LAST, log().roots[LAST], consistency_proof(200, LAST, log().read)) == log().roots[200]
    for wrong in (*altered(path), (), consistency_proof(200, LAST, log().read)):
        assert proven_prefix(200, LAST, fork.roots[LAST], wrong) is None
    assert proven_prefix(128, LAST, fork.roots[LAST], consistency_proof(128, LAST, fork.read)) is None
