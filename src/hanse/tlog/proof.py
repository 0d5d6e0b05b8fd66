"""RFC 6962 proofs: that a leaf is in a log, and that one log continues another; made from tiles, checked without them.

A proof is a list of 32-byte hashes in the order of RFC 6962 section 2.1.1 and 2.1.2, from the bottom up. The verifiers follow RFC
9162 sections 2.1.3.2 and 2.1.4.2. They refuse size 0: nothing is in an empty log, and that every log continues it needs no
proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hanse.errors import BadFormat, BadProof
from hanse.tlog.hashing import HASH_BYTES, MAX_LOG_SIZE, Frontier, node_hash
from hanse.tlog.lines import MAX_PATH
from hanse.tlog.tiles import WIDTH, TileName

TileReader = Callable[[TileName], bytes]
"""Returns the bytes of a hash tile, or of a wider one at the same place; raises as its source does (BlobNotFound, PeerError)."""
_TILE_HEIGHT = 8


def inclusion_proof(index: int, size: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the proof that the leaf at `index` is in the log of `size` leaves (RFC 6962 section 2.1.1).

    Only tiles of the log of exactly that size are read. What they say is not checked: verify the proof against a signed root.

    Raises BadFormat unless 0 <= index < size, or if a tile has another length than it should.
    """
    if not 0 <= index < size <= MAX_LOG_SIZE:
        raise BadFormat(f"no leaf {index} is in a log of {size} leaves")
    tiles, path = _Tiles(size, read), list[bytes]()
    low, high = 0, size
    while high - low > 1:
        split = low + _split(high - low)
        if index < split:
            path.append(tiles.root(split, high))
            high = split
        else:
            path.append(tiles.root(low, split))
            low = split
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the proof that the log of `new` leaves begins with the log of `old` leaves (RFC 6962 section 2.1.2).

    It is empty for equal sizes, and for `old` 0, which needs no proof. Tiles are read as `inclusion_proof` does, of size `new`.

    Raises BadFormat unless 0 <= old <= new, or if a tile has another length than it should.
    """
    if not 0 <= old <= new <= MAX_LOG_SIZE:
        raise BadFormat(f"a log of {new} leaves does not continue one of {old}")
    if old in {0, new}:
        return ()
    tiles, path = _Tiles(new, read), list[bytes]()
    low, high = 0, new
    while high != old:
        split = low + _split(high - low)
        if old <= split:
            path.append(tiles.root(split, high))
            high = split
        else:
            path.append(tiles.root(low, split))
            low = split
    # The old log is one perfect subtree of the new: its hash is known to whoever checks.
    if low:
        path.append(tiles.root(low, high))
    return tuple(reversed(path))


def inclusion_tiles(index: int, size: int) -> tuple[TileName, ...]:
    """Return the tiles that `inclusion_proof` reads, each once, for those who fetch them beforehand; raises as it does."""
    return _recorded(lambda read: inclusion_proof(index, size, read))


def consistency_tiles(old: int, new: int) -> tuple[TileName, ...]:
    """Return the tiles that `consistency_proof` reads, each once; raises as it does."""
    return _recorded(lambda read: consistency_proof(old, new, read))


def verify_inclusion(leaf_hash: bytes, index: int, size: int, root: bytes, path: Sequence[bytes]) -> None:
    """Check that the leaf with this 32-byte hash is at `index` in the log of `size` leaves with this root.

    Raises BadProof if the proof does not lead from the one to the other, the index is not below the size, or the size is 0.
    """
    if not 0 <= index < size <= MAX_LOG_SIZE:
        raise BadProof(f"leaf {index} cannot be in a log of {size} leaves")
    _check_hashes((leaf_hash, root, *path), len(path))
    node, last, found = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise BadProof(f"the proof of leaf {index} in {size} has more hashes than the tree has levels")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            shift = _trailing_zeros(node)
            node, last = node >> shift, last >> shift
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last or found != root:
        raise BadProof(f"the proof of leaf {index} leads to root {found.hex()}, the log of {size} leaves has {root.hex()}")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Check that the log of `new_size` leaves with `new_root` begins with the log of `old_size` leaves with `old_root`.

    Raises BadProof if the proof does not show it, the new log is shorter, or a size is 0.
    """
    if not 0 < old_size <= new_size <= MAX_LOG_SIZE:
        raise BadProof(f"a log of {new_size} leaves cannot be shown to continue one of {old_size}")
    _check_hashes((old_root, new_root, *path), len(path))
    if old_size == new_size:
        if path or old_root != new_root:
            raise BadProof(
                f"two logs of {new_size} leaves must have one root and no proof, got {old_root.hex()}, {new_root.hex()}"
            )
        return
    shift = _trailing_zeros(old_size)
    node, last = (old_size >> shift) - 1, (new_size - 1) >> shift
    # An old log that is one perfect subtree of the new one is where the path begins; its hash is not repeated.
    hashes = (old_root, *path) if node == 0 else tuple(path)
    if not path:
        raise BadProof(f"nothing shows that the log of {new_size} leaves continues the one of {old_size}")
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise BadProof(f"the proof from {old_size} to {new_size} has more hashes than the tree has levels")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            shift = _trailing_zeros(node)
            node, last = node >> shift, last >> shift
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last or (old, new) != (old_root, new_root):
        raise BadProof(
            f"the proof from {old_size} to {new_size} leads to roots {old.hex()} and {new.hex()}, "
            f"expected {old_root.hex()} and {new_root.hex()}"
        )


class _Tiles:
    """The tree of a log of `size` leaves, read from its tiles, each at most once."""

    def __init__(self, size: int, read: TileReader) -> None:
        self._size = size
        self._read = read
        self._rows = dict[tuple[int, int], bytes]()

    def root(self, low: int, high: int) -> bytes:
        """Return the root of the leaves from `low` to before `high`, a range that RFC 6962's recursion meets."""
        peaks = list[bytes]()
        at, count = low, high - low
        while count:
            height = count.bit_length() - 1
            peaks.append(self._subtree(height, at >> height))
            at, count = at + (1 << height), count - (1 << height)
        return Frontier(high - low, tuple(peaks)).root

    def _subtree(self, height: int, number: int) -> bytes:
        """Return the hash of the perfect subtree of 2^height leaves that begins at leaf number * 2^height."""
        level, rest = divmod(height, _TILE_HEIGHT)
        tile, at = divmod(number << rest, WIDTH)
        row = self._row(level, tile)[at * HASH_BYTES : (at + (1 << rest)) * HASH_BYTES]
        return Frontier().append(row[cut : cut + HASH_BYTES] for cut in range(0, len(row), HASH_BYTES)).root

    def _row(self, level: int, index: int) -> bytes:
        if (level, index) not in self._rows:
            name = TileName(level, index, min(WIDTH, (self._size >> _TILE_HEIGHT * level) - index * WIDTH))
            data = self._read(name)
            if not name.width * HASH_BYTES <= len(data) <= WIDTH * HASH_BYTES or len(data) % HASH_BYTES:
                raise BadFormat(
                    f"{name.path} has at least {name.width} and at most 256 hashes of 32 bytes, got {len(data)} bytes"
                )
            self._rows[level, index] = data
        return self._rows[level, index]


def _recorded(prove: Callable[[TileReader], object]) -> tuple[TileName, ...]:
    names = list[TileName]()

    def read(name: TileName) -> bytes:
        names.append(name)
        return bytes(name.width * HASH_BYTES)

    prove(read)
    return tuple(names)


def _check_hashes(hashes: Sequence[bytes], length: int) -> None:
    if length > MAX_PATH or any(len(item) != HASH_BYTES for item in hashes):
        raise BadProof(f"a proof has at most {MAX_PATH} hashes of 32 bytes each, got {length}")


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is above 1."""
    return 1 << ((count - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    """Return how often 2 divides `number`; 0 for 0, where the algorithms of RFC 9162 stop shifting as well."""
    return (number & -number).bit_length() - 1 if number else 0
