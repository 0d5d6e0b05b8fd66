"""RFC 6962 hashing and the frontier."""

from __future__ import annotations

import hashlib

import pytest
from tests.reference.rfc6962 import reference_root

from hanse.errors import BadFormat
from hanse.tlog.hashing import EMPTY_ROOT, MAX_LOG_SIZE, Frontier, leaf_hash, node_hash

ENTRIES = [f"entry {index}".encode() for index in range(301)]


def test_leaf_and_node_hashes_are_domain_separated() -> None:
    """A leaf is hashed after 0x00 and a node after 0x01, so one can never be taken for the other."""
    assert leaf_hash(b"ab") == hashlib.sha256(b"\x00ab").digest()
    assert node_hash(b"a", b"b") == hashlib.sha256(b"\x01ab").digest()


def test_known_roots_of_rfc_6962() -> None:
    """The roots of the reference data of certificate-transparency are met."""
    leaves = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    leaves.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
    assert Frontier().append(map(leaf_hash, leaves[:1])).root.hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert Frontier().append(map(leaf_hash, leaves)).root.hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


def test_roots_of_all_sizes_to_300_equal_the_definition() -> None:
    """Appending one by one gives the RFC's root at every size, starting with the empty log."""
    frontier = Frontier()
    assert frontier.root == EMPTY_ROOT == reference_root([])
    for size in range(1, 301):
        frontier = frontier.append([leaf_hash(ENTRIES[size - 1])])
        assert frontier.size == size
        assert frontier.root == reference_root(ENTRIES[:size])


def test_appending_at_once_equals_appending_in_pieces() -> None:
    """How leaves are batched does not change the frontier."""
    hashes = [leaf_hash(entry) for entry in ENTRIES]
    whole = Frontier().append(hashes)
    assert Frontier().append(hashes[:77]).append(hashes[77:256]).append(hashes[256:]) == whole


def test_encoding_round_trips() -> None:
    """What was encoded parses to an equal frontier, also for the empty log."""
    for size in (0, 1, 2, 3, 255, 256, 300):
        frontier = Frontier().append(map(leaf_hash, ENTRIES[:size]))
        assert Frontier.parse(frontier.encode()) == frontier


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(7),
        bytes(7) + b"\x01",
        bytes(7) + b"\x01" + bytes(31),
        bytes(7) + b"\x01" + bytes(64),
        bytes(8) + bytes(32),
        b"\xff" * 8 + bytes(32 * 64),
        bytes(8 + 32 * 65),
    ],
)
def test_hostile_encodings_are_refused(data: bytes) -> None:
    """A frontier whose hashes do not fit its size, or of a size beyond the bound, does not parse."""
    with pytest.raises(BadFormat):
        Frontier.parse(data)


def test_the_largest_size_is_bounded() -> None:
    """No log grows beyond what a JSON integer can say."""
    full = Frontier(MAX_LOG_SIZE, (bytes(32),) * 53)
    with pytest.raises(BadFormat):
        full.append([bytes(32)])
