"""RFC 6962 proofs: that a leaf is in a log, and that one log continues another; made from tiles, checked without them.

A proof is a list of 32-byte hashes in the order of RFC 6962 section 2.1.1 and 2.1.2, from the bottom up. The verifiers follow RFC
9162 sections 2.1.3.2 and 2.1.4.2. They refuse size 0: nothing is in an empty log, and that every log continues it needs no
proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hanse.errors import BadFormat, BadProof
from hanse.tlog.hashing import HASH_BYTES, MAX_LOG_SIZE, node_hash
from hanse.tlog.lines import MAX_PATH
from hanse.tlog.tiles import WIDTH, TileName

TileReader = Callable[[TileName], bytes]
"""Returns the bytes of a hash tile, or of a wider one at the same place; raises as its source does (BlobNotFound, PeerError)."""
_TILE_HEIGHT = 8


class Tree:
    """A log of `size` leaves, of which proofs are made from tiles; each tile is read once and kept, so make one for a few proofs.

    Only tiles of the log of exactly that size are read. What they say is not checked: whoever did not write them verifies the
    proofs against a signed root.

    Raises BadFormat on construction if the size is not between 0 and 2^53 - 1.
    """

    def __init__(self, size: int, read: TileReader) -> None:
        if not 0 <= size <= MAX_LOG_SIZE:
            raise BadFormat(f"a log has 0 to 2^53 - 1 leaves, got {size}")
        self._size = size
        self._read = read
        self._rows = dict[tuple[int, int], bytes]()
        self._known = dict[tuple[int, int], bytes]()

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return the proof that the leaf at `index` is in the log (RFC 6962 section 2.1.1).

        Raises BadFormat unless 0 <= index < size, or if a tile has another length than it should.
        """
        if not 0 <= index < self._size:
            raise BadFormat(f"no leaf {index} is in a log of {self._size} leaves")
        path, low, high = list[bytes](), 0, self._size
        while high - low > 1:
            split = low + _split(high - low)
            if index < split:
                path.append(self._range(split, high))
                high = split
            else:
                path.append(self._range(low, split))
                low = split
        return tuple(reversed(path))

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the proof that the log begins with the log of `old` leaves (RFC 6962 section 2.1.2).

        It is empty for equal sizes, and for `old` 0, which needs no proof.

        Raises BadFormat unless 0 <= old <= size, or if a tile has another length than it should.
        """
        if not 0 <= old <= self._size:
            raise BadFormat(f"a log of {self._size} leaves does not continue one of {old}")
        if old in {0, self._size}:
            return ()
        path, low, high = list[bytes](), 0, self._size
        while high != old:
            split = low + _split(high - low)
            if old <= split:
                path.append(self._range(split, high))
                high = split
            else:
                path.append(self._range(low, split))
                low = split
        # Where the old log is one perfect subtree of the new, its hash is known to whoever checks.
        if low:
            path.append(self._range(low, high))
        return tuple(reversed(path))

    def _range(self, low: int, high: int) -> bytes:
        """Return the root of the leaves from `low` to before `high`, a range that RFC 6962's recursion meets."""
        peaks, at, count = list[bytes](), low, high - low
        while count:
            height = count.bit_length() - 1
            peaks.append(self._subtree(height, at >> height))
            at, count = at + (1 << height), count - (1 << height)
        root = peaks.pop()
        for left in reversed(peaks):
            root = node_hash(left, root)
        return root

    def _subtree(self, height: int, number: int) -> bytes:
        """Return the hash of the perfect subtree of 2^height leaves that begins at leaf number * 2^height."""
        level, rest = divmod(height, _TILE_HEIGHT)
        if rest == 0:
            tile, at = divmod(number, WIDTH)
            return self._row(level, tile)[at * HASH_BYTES : (at + 1) * HASH_BYTES]
        key = (height, number)
        if key not in self._known:
            self._known[key] = node_hash(self._subtree(height - 1, 2 * number), self._subtree(height - 1, 2 * number + 1))
        return self._known[key]

    def _row(self, level: int, index: int) -> bytes:
        if (level, index) not in self._rows:
            name = TileName(level, index, min(WIDTH, (self._size >> _TILE_HEIGHT * level) - index * WIDTH))
            data = self._read(name)
            if not name.width * HASH_BYTES <= len(data) <= WIDTH * HASH_BYTES or len(data) % HASH_BYTES:
                raise BadFormat(f"{name.path} has {name.width} to 256 hashes of 32 bytes, got {len(data)} bytes")
            self._rows[level, index] = data
        return self._rows[level, index]


def inclusion_proof(index: int, size: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the proof that the leaf at `index` is in the log of `size` leaves; raises as `Tree` and `Tree.inclusion` do."""
    return Tree(size, read).inclusion(index)


def consistency_proof(old: int, new: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the proof that the log of `new` leaves begins with the one of `old`; raises as `Tree` and `Tree.consistency` do."""
    return Tree(new, read).consistency(old)


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
    if not path:
        raise BadProof(f"nothing shows that the log of {new_size} leaves continues the one of {old_size}")
    # An old log that is one perfect subtree of the new one is where the path begins; its hash is not repeated.
    old, new = _roots(old_size, new_size, (old_root, *path) if _is_perfect(old_size) else path)
    if (old, new) != (old_root, new_root):
        raise BadProof(
            f"the proof from {old_size} to {new_size} leads to roots {old.hex()} and {new.hex()}, "
            f"expected {old_root.hex()} and {new_root.hex()}"
        )


def proven_prefix(old_size: int, new_size: int, new_root: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that the first `old_size` leaves of the log with `new_root` have, None if the proof does not show it.

    It never does for a power of two: the proof takes that root from whoever checks it.
    """
    if not 0 < old_size < new_size <= MAX_LOG_SIZE or _is_perfect(old_size) or not path:
        return None
    try:
        _check_hashes(path, len(path))
        old, new = _roots(old_size, new_size, path)
    except BadProof:
        return None
    return old if new == new_root else None


def _is_perfect(size: int) -> bool:
    return size & (size - 1) == 0


def _roots(old_size: int, new_size: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the old log and the new one that a proof leads to; raises BadProof if it has not as many hashes."""
    shift = _trailing_zeros(old_size)
    node, last = (old_size >> shift) - 1, (new_size - 1) >> shift
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
    if last:
        raise BadProof(f"the proof from {old_size} to {new_size} has less hashes than the tree has levels")
    return old, new


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
