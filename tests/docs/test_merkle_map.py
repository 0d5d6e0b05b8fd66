"""docs/merkle-map.md, its vectors and the code say the same."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from tests.reference.merkle_map import reference_root

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
from hanse.tlog.mapproof import MapProof, verify_absence, verify_inclusion

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/merkle-map.md").read_text()
VECTORS: dict[str, Any] = json.loads((ROOT / "tests/vectors/merkle_map.json").read_text())
MAPS = {item["name"]: {bytes.fromhex(key): bytes.fromhex(value) for key, value in item["entries"]} for item in VECTORS["maps"]}


def test_the_vectors_cover_the_promised_maps() -> None:
    """There are maps of 0, 1, 2 and 3 entries and one whose keys share prefixes up to the last bit."""
    assert {len(entries) for entries in MAPS.values()} >= {0, 1, 2, 3, 4}
    assert len(VECTORS["proofs"]) >= 6


@pytest.mark.parametrize("item", VECTORS["maps"], ids=lambda item: item["name"])
def test_roots_of_the_vectors(item: dict[str, Any]) -> None:
    """Each map has its root, by the code and by the naive reference."""
    entries = MAPS[item["name"]]
    assert MerkleMap.empty().apply(entries.items()).root.hex() == item["root"]
    assert reference_root(entries).hex() == item["root"]


@pytest.mark.parametrize("item", VECTORS["arrays"], ids=lambda item: item["canonical"][:30])
def test_arrays_of_the_vectors(item: dict[str, Any]) -> None:
    """Each array has its RFC 8785 text and SHA-256, and the function for it gives the same."""
    array = item["array"]
    assert rfc8785.dumps(array).decode() == item["canonical"]
    assert hashlib.sha256(item["canonical"].encode()).hexdigest() == item["sha256"]
    assert _written(array).hex() == item["sha256"]


def _written(array: list[Any]) -> bytes:
    match array:
        case ["tree", path]:
            return tree_key(path)
        case ["ref", origin, kind, repo, ref]:
            return ref_key(Origin(origin), RepoType(kind), repo, ref)
        case ["advisory", advisory]:
            return advisory_key(advisory)
        case [int(seq), rev, tree] if len(rev) == 40:
            return ref_value(seq, rev, tree)
        case [int(size), digest, xet]:
            return tree_value(size, Sha256(digest), XetHash(xet))
        case _:
            return advisory_value(Sha256(array[0]))


@pytest.mark.parametrize("item", VECTORS["proofs"], ids=lambda item: f"{item['map']} {item['key'][:4]}")
def test_proofs_of_the_vectors(item: dict[str, Any]) -> None:
    """Each proof is the one the code makes, and verifies."""
    entries, key = MAPS[item["map"]], bytes.fromhex(item["key"])
    root = reference_root(entries)
    proof = MapProof.parse(bytes.fromhex(item["proof"]))
    assert MerkleMap.empty().apply(entries.items()).prove(key) == proof
    if item["included"]:
        verify_inclusion(root, key, entries[key], proof)
    else:
        verify_absence(root, key, proof)


def test_the_page_shows_the_vectors() -> None:
    """The maps and arrays on the page are those of the vector file, all of them and no others."""
    shown = re.findall(r"\*\*([a-z ]+)\*\*\n\n```text\n((?:[0-9a-f]{64} [0-9a-f]{64}\n)*)root ([0-9a-f]{64})\n```", PAGE)
    assert [(name, [line.split() for line in lines.splitlines()], root) for name, lines, root in shown] == [
        (item["name"], item["entries"], item["root"]) for item in VECTORS["maps"]
    ]
    rows = re.findall(r"^\| `(\[.*\])` \| `([0-9a-f]{64})` \|$", PAGE, re.MULTILINE)
    assert rows == [(item["canonical"], item["sha256"]) for item in VECTORS["arrays"]]
