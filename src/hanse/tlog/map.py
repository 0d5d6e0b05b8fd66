"""The persistent Merkle map: one structure for the files of a revision, for all refs, and for active advisories.

A binary prefix tree over 256-bit keys, most significant bit first, SHA-256: leaf = H(0x00 || key || value hash), inner =
H(0x01 || left || right), a subtree with one leaf is that leaf, an empty one is 32 zero bytes. The root depends only on the
content, never on the order of changes. `docs/merkle-map.md` is the specification, with test vectors.

Keys and value hashes are SHA-256 of RFC 8785 arrays (DESIGN.md section 4). These arrays hold only texts and integers, so
they are written directly; a test holds them equal to a general RFC 8785 encoder.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from hashlib import sha256
from json.encoder import encode_basestring

from hanse.errors import BadDigest, BadFormat, BadRepoId
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoType
from hanse.tlog.mapproof import EMPTY, HASH_BYTES, MapProof, map_leaf_hash

_MAX_INT = 2**53 - 1
_BITS = tuple(1 << (255 - depth) for depth in range(256))


# Nodes are plain tuples because the garbage collector stops tracking exact tuples of untracked things, level by level: a map
# of 10^5 files soon costs it nothing, whereas as objects it doubled the time to build one and burdened later collections.
_Leaf = tuple[bytes, bytes, bytes]
"""(hash, key, value hash)"""
_Inner = tuple[bytes, "_Node | None", "_Node | None", int]
"""(hash, left, right, number of leaves): at least two leaves below; one side may be empty."""
_Node = _Leaf | _Inner


def _inner(left: _Node | None, right: _Node | None, size: int) -> _Inner:
    pair = (left[0] if left else EMPTY) + (right[0] if right else EMPTY)
    return sha256(b"\x01" + pair).digest(), left, right, size


def _size(node: _Node | None) -> int:
    if node is None:
        return 0
    return 1 if len(node) == 3 else node[3]


class MerkleMap:
    """An immutable map from 32-byte keys to 32-byte value hashes; changed copies share what did not change.

    Made by `MerkleMap.empty().apply(...)`. Safe to share between threads.
    """

    __slots__ = ("_top",)

    def __init__(self, top: _Node | None = None) -> None:
        self._top = top

    @classmethod
    def empty(cls) -> MerkleMap:
        """Return the map without keys; its root is 32 zero bytes."""
        return cls()

    @property
    def root(self) -> bytes:
        """The 32 bytes that commit to every key and value hash."""
        return self._top[0] if self._top else EMPTY

    def __len__(self) -> int:
        return _size(self._top)

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value hash) pairs in ascending order of keys."""
        stack = [self._top]
        while stack:
            node = stack.pop()
            if node is None:
                continue
            if len(node) == 3:
                yield node[1:]
            else:
                stack += (node[2], node[1])

    def get(self, key: bytes) -> bytes | None:
        """Return the value hash of `key`, or None if the map does not have it."""
        leaf, _ = self._walk(key)
        return leaf[2] if leaf is not None and leaf[1] == key else None

    def apply(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> MerkleMap:
        """Return the map without the keys in `deletes` and then with all (key, value hash) pairs in `puts`.

        Deleting a key that is not there changes nothing. Costs O(changes * log n) hashes; one call with many changes is
        much cheaper than many calls.

        Raises BadDigest unless keys and value hashes have 32 bytes, BadFormat if a key is put twice.
        """
        listed = list(puts)
        wanted = dict(listed)
        if len(wanted) != len(listed):
            raise BadFormat("a key is put twice in one change of a map")
        changes: dict[bytes, bytes | None] = dict.fromkeys(deletes)
        changes.update(wanted)
        if any(len(key) != HASH_BYTES or (value is not None and len(value) != HASH_BYTES) for key, value in changes.items()):
            raise BadDigest("keys and value hashes of a map have 32 bytes")
        if not changes:
            return self
        batch = _Batch(sorted(changes.items()))
        return MerkleMap(batch.update(self._top, 0, len(batch.keys), 0, 0))

    def prove(self, key: bytes) -> MapProof:
        """Return the proof that the map has `key`, or that it does not, for `verify_inclusion` or `verify_absence`."""
        leaf, siblings = self._walk(key)
        if leaf is not None and leaf[1] == key:
            return MapProof(siblings, included=True)
        return MapProof(siblings, included=False, other=None if leaf is None else leaf[1:])

    def _walk(self, key: bytes) -> tuple[_Leaf | None, tuple[bytes, ...]]:
        """Return the leaf (of any key) or emptiness at which the key's path ends, and the hashes beside the path."""
        if len(key) != HASH_BYTES:
            raise BadDigest(f"a map key has 32 bytes, got {len(key)}")
        bits, node, siblings = int.from_bytes(key, "big"), self._top, list[bytes]()
        while node is not None and len(node) == 4:
            _, left, right, _ = node
            node, beside = (right, left) if bits & _BITS[len(siblings)] else (left, right)
            siblings.append(beside[0] if beside else EMPTY)
        return node, tuple(siblings)


class _Batch:
    """Changes sorted by key: `keys` as integers for bisection, `leaves` with None where a key is deleted."""

    __slots__ = ("keys", "leaves")

    def __init__(self, changes: list[tuple[bytes, bytes | None]]) -> None:
        self.keys = [int.from_bytes(key, "big") for key, _ in changes]
        self.leaves = [None if value is None else (map_leaf_hash(key, value), key, value) for key, value in changes]

    def update(self, node: _Node | None, low: int, high: int, depth: int, prefix: int) -> _Node | None:
        """Return `node`, whose keys start with the first `depth` bits of `prefix`, after changes low to high, one at least."""
        if node is None or len(node) == 3:
            return self._fresh(node, low, high, depth, prefix)
        if high - low == 1 and (leaf := self.leaves[low]) is not None:
            return self._put(node, low, leaf, depth)
        _, old_left, old_right, _ = node
        middle = prefix | _BITS[depth]
        cut = bisect_left(self.keys, middle, low, high)
        # Most changes are alone on their way down, so a side without any is not even looked at.
        left = old_left if cut == low else self.update(old_left, low, cut, depth + 1, prefix)
        right = old_right if cut == high else self.update(old_right, cut, high, depth + 1, middle)
        if left is old_left and right is old_right:
            return node
        # A leaf left alone moves up to where its path first is alone.
        if left is None and (right is None or len(right) == 3):
            return right
        if right is None and left is not None and len(left) == 3:
            return left
        pair = (left[0] if left else EMPTY) + (right[0] if right else EMPTY)
        return sha256(b"\x01" + pair).digest(), left, right, _size(left) + _size(right)

    def _put(self, top: _Inner, at: int, leaf: _Leaf, depth: int) -> _Node:
        """Return the inner node `top` at `depth` after one change, which puts a leaf: what most changes come to soon.

        Nothing moves up: a node is only ever replaced by one with as many leaves or more.
        """
        key, path = self.keys[at], list[tuple[_Inner, int]]()
        old: _Node | None = top
        while old is not None and len(old) == 4:
            bit = key & _BITS[depth]
            path.append((old, bit))
            old = old[2] if bit else old[1]
            depth += 1
        if old == leaf:
            return top
        new = leaf if old is None or old[1] == leaf[1] else self._fresh(old, at, at + 1, depth, key & -_BITS[depth - 1])
        assert new is not None
        more = _size(new) - _size(old)
        for (_, left, right, size), bit in reversed(path):
            if bit:
                new = (sha256(b"\x01" + (left[0] if left else EMPTY) + new[0]).digest(), left, new, size + more)
            else:
                new = (sha256(b"\x01" + new[0] + (right[0] if right else EMPTY)).digest(), new, right, size + more)
        return new

    def _fresh(self, old: _Leaf | None, low: int, high: int, depth: int, prefix: int) -> _Node | None:
        """Return the subtree of changes low to high, and of the one leaf that was there, if any."""
        pairs = [(key, leaf) for key, leaf in zip(self.keys[low:high], self.leaves[low:high], strict=True) if leaf is not None]
        if old is not None:
            key = int.from_bytes(old[1], "big")
            at = bisect_left(self.keys, key, low, high)
            if at == high or self.keys[at] != key:
                insort(pairs, (key, old))
            elif self.leaves[at] == old:
                # Putting what is there already keeps the very node, so that everything above it is kept, too.
                pairs[bisect_left(pairs, (key, old))] = (key, old)
        if not pairs:
            return None
        return _Builder([key for key, _ in pairs], [leaf for _, leaf in pairs]).build(0, len(pairs), depth, prefix)


class _Builder:
    """Makes a subtree of leaves sorted by key, given with their keys as integers."""

    __slots__ = ("keys", "leaves")

    def __init__(self, keys: list[int], leaves: list[_Leaf]) -> None:
        self.keys = keys
        self.leaves = leaves

    def build(self, low: int, high: int, depth: int, prefix: int) -> _Node:
        """Return the subtree of leaves low to high (at least one), whose keys start with `depth` bits of `prefix`."""
        if high - low == 1:
            return self.leaves[low]
        middle = prefix | _BITS[depth]
        cut = bisect_left(self.keys, middle, low, high)
        left = self.build(low, cut, depth + 1, prefix) if low < cut else None
        right = self.build(cut, high, depth + 1, middle) if cut < high else None
        return _inner(left, right, high - low)


def tree_key(path: str) -> bytes:
    """Return the key of a file: SHA-256 of `["tree",path]`; the path is exact, without normalisation.

    Raises BadFormat if the path cannot be written in UTF-8.
    """
    return _hash(f'["tree",{encode_basestring(path)}]')


def tree_value(size: int, file_sha256: Sha256, xet: XetHash) -> bytes:
    """Return the value hash of a file: SHA-256 of `[size,sha256,xet]` (bytes, hex, Xet string form).

    Raises BadFormat if the size is negative or not below 2^53.
    """
    return _hash(f'[{_integer(size)},"{file_sha256}","{xet}"]')


def ref_key(origin: Origin, kind: RepoType, repo: str, ref: str) -> bytes:
    """Return the key of a ref: SHA-256 of `["ref",origin,type,repo,ref]`.

    repo: `namespace/name`, written in ASCII lower case; ref: full name. For a repository that is not public both are the
    hex of `conceal_value`. Raises BadRepoId if repo is not ASCII, BadFormat if ref cannot be written in UTF-8.
    """
    if not repo.isascii():
        raise BadRepoId(f"a repository id is ASCII, got {repo[:120]!r}")
    return _hash(f'["ref","{origin}","{kind.value}",{encode_basestring(repo.lower())},{encode_basestring(ref)}]')


def ref_value(seq: int, rev: str, tree: str) -> bytes:
    """Return the value hash of a ref: SHA-256 of `[seq,rev,tree]`, rev and tree in hex as the ref leaf has them.

    Raises BadFormat if seq is negative or not below 2^53.
    """
    return _hash(f'[{_integer(seq)},"{rev}","{tree}"]')


def advisory_key(advisory_id: str) -> bytes:
    """Return the key of an active advisory: SHA-256 of `["advisory",id]`; raises BadFormat if it is not UTF-8."""
    return _hash(f'["advisory",{encode_basestring(advisory_id)}]')


def advisory_value(payload_sha256: Sha256) -> bytes:
    """Return the value hash of an active advisory: SHA-256 of `[payload sha256]`."""
    return _hash(f'["{payload_sha256}"]')


def _hash(text: str) -> bytes:
    try:
        return sha256(text.encode("utf-8")).digest()
    except UnicodeEncodeError as error:
        raise BadFormat("a text in a map key must be valid UTF-8") from error


def _integer(number: int) -> int:
    if not 0 <= number <= _MAX_INT:
        raise BadFormat(f"an integer in a map value must be from 0 to 2^53 - 1, got {number}")
    return number
