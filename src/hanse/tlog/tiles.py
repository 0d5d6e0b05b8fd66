"""C2SP tlog-tiles: a log as immutable files, and which files come into being when it grows.

Hash tiles hold up to 256 consecutive 32-byte tree hashes: leaf hashes at level 0, and at each level above the roots of the
full tiles below. Entry bundles hold up to 256 consecutive entries, each after its length as a big-endian uint16. Only the
rightmost file of a level may be partial; its name ends in `.p/<width>`.

The *edge* of a log is the set of its partial files: together with the size it is all one needs to append.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hanse.errors import BadFormat, BadProof, TooLarge
from hanse.tlog.hashing import HASH_BYTES, MAX_LOG_SIZE, Frontier, leaf_hash

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
MAX_ENTRY_BYTES = 65_535
MAX_BUNDLE_BYTES = WIDTH * (2 + MAX_ENTRY_BYTES)
MAX_LEVEL = 63
_MAX_PATH_CHARS = 120
_ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class TileName:
    """Which file of a log: level 0 to 63, or None for an entry bundle; index within the level; width 1 to 256."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Path such as `tile/0/x001/x234/067` or `tile/entries/000.p/17`."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{_ENTRIES if self.level is None else self.level}/{number}{suffix}"


def parse_tile_path(path: str) -> TileName:
    """Return the file of a log that `path` names.

    Raises BadFormat unless `path` is exactly how `TileName.path` writes it, with an index below 2^53.
    """
    folder, _, rest = path[:_MAX_PATH_CHARS].partition("/")
    level_text, _, rest = rest.partition("/")
    number, partial, width_text = rest.partition(".p/")
    index_text = number.replace("/x", "").replace("x", "", 1).replace("/", "")
    level = None if level_text == _ENTRIES else _decimal(level_text, path)
    name = TileName(level, _decimal(index_text, path), _decimal(width_text, path) if partial else WIDTH)
    bounded = (level is None or level <= MAX_LEVEL) and name.index <= MAX_LOG_SIZE and 1 <= name.width <= WIDTH
    # The round trip refuses every other spelling: missing zeros or x, a second .p, a trailing slash, .p/256.
    if folder != "tile" or not bounded or name.path != path:
        raise BadFormat(f"{path[:_MAX_PATH_CHARS]!r} is no tile path such as tile/0/x001/234 or tile/entries/000.p/17")
    return name


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entry bundle of up to 256 entries.

    Raises TooLarge if there are more or an entry has more than 65,535 bytes.
    """
    if len(entries) > WIDTH:
        raise TooLarge(f"an entry bundle has at most {WIDTH} entries, got {len(entries)}")
    return b"".join(map(_framed, entries))


def parse_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """Return the entries of a bundle that must have exactly `width` of them (1 to 256).

    Raises BadFormat on another number of entries or bytes left over, TooLarge beyond the largest possible bundle.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise TooLarge(f"an entry bundle has at most {MAX_BUNDLE_BYTES} bytes, got {len(data)}")
    entries, at = list[bytes](), 0
    while at < len(data) and len(entries) < width:
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    # `at` lies beyond the end if the last length or entry is cut, before it if there are more entries than there should be.
    if at != len(data) or len(entries) != width or not 1 <= width <= WIDTH:
        raise BadFormat(f"an entry bundle of width {width} does not parse: got {len(entries)} entries in {len(data)} bytes")
    return tuple(entries)


def parse_tile(data: bytes, width: int) -> tuple[bytes, ...]:
    """Return the hashes of a tile that must have exactly `width` of them (1 to 256); raises BadFormat."""
    if not 1 <= width <= WIDTH or len(data) != width * HASH_BYTES:
        raise BadFormat(f"a tile of width {width} has {width * HASH_BYTES} bytes, got {len(data)}")
    return _split(data)


def edge_names(size: int) -> tuple[TileName, ...]:
    """Return the partial files of a log of `size` entries: the entry bundle first, then hash tiles from level 0 upwards.

    Raises BadFormat if the size is negative or not below 2^53.
    """
    if not 0 <= size <= MAX_LOG_SIZE:
        raise BadFormat(f"a log has 0 to 2^53 - 1 entries, got {size}")
    names = list[TileName]()
    if size % WIDTH:
        names.append(TileName(None, size // WIDTH, size % WIDTH))
    level, count = 0, size
    while count:
        if count % WIDTH:
            names.append(TileName(level, count // WIDTH, count % WIDTH))
        level, count = level + 1, count // WIDTH
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Growth:
    """What appending did: the new size and frontier, the files to store, and the edge for the next time.

    frontier: of the new size, with the root; objects: (path, bytes) of every new full file and of the new partial files,
    bundles first, each path new to the log; leaf_hashes: of the appended entries, in order; edge: partial files of the new
    size by path.
    """

    new_size: int
    frontier: Frontier
    objects: tuple[tuple[str, bytes], ...]
    leaf_hashes: tuple[bytes, ...]
    edge: Mapping[str, bytes]

    @property
    def root(self) -> bytes:
        """The 32-byte RFC 6962 root of the new size."""
        return self.frontier.root


def grow(size: int, partial_tiles: Mapping[str, bytes], entries: Sequence[bytes]) -> Growth:
    """Append `entries` to a log of `size` entries.

    partial_tiles: the bytes of each of `edge_names(size)` by path, such as `edge` of the last growth or what the store has;
    what comes from a store goes through `check_edge` first. Files of sizes in between are not made: partial files are
    owed only for sizes that get a checkpoint.

    Raises BadFormat if an edge file is missing or has the wrong length, TooLarge for an entry over 65,535 bytes.
    """
    edge = {name.path: _edge_file(name, partial_tiles) for name in edge_names(size)}
    framed = [_framed(entry) for entry in entries]
    leaf_hashes = tuple(map(leaf_hash, entries))
    new_names = edge_names(size + len(entries))
    objects = list[tuple[str, bytes]]()
    if entries:
        old = edge.get(TileName(None, size // WIDTH, size % WIDTH).path, b"")
        objects += _new_bundles(size, old, framed)
    # A level whose last tile is full has no edge file: nothing is found under width 0, and the next tile starts empty.
    level, start, hashes = 0, size, leaf_hashes
    while hashes:
        old = edge.get(TileName(level, start // WIDTH, start % WIDTH).path, b"")
        tiles = list(_new_tiles(level, start, old, hashes))
        objects += [(name.path, data) for name, data in tiles]
        hashes = tuple(_tile_root(data) for name, data in tiles if name.width == WIDTH)
        level, start = level + 1, start // WIDTH
    made = edge | dict(objects)
    edge = {name.path: made[name.path] for name in new_names}
    new_size = size + len(entries)
    return Growth(new_size, edge_frontier(new_size, edge), tuple(objects), leaf_hashes, edge)


def edge_frontier(size: int, partial_tiles: Mapping[str, bytes]) -> Frontier:
    """Return the frontier of a log of `size` entries from its partial hash tiles; raises BadFormat as `grow` does."""
    peaks = list[bytes]()
    for name in reversed(edge_names(size)):
        if name.level is None:
            continue
        row, at = _split(_edge_file(name, partial_tiles)), 0
        # The partial tile's hashes are perfect subtrees for each 1 bit of its width, largest first.
        for bit in (1 << shift for shift in range(7, -1, -1)):
            if name.width & bit:
                peaks.append(Frontier().append(row[at : at + bit]).root)
                at += bit
    return Frontier(size, tuple(peaks))


def check_edge(size: int, root: bytes, partial_tiles: Mapping[str, bytes]) -> None:
    """Check that the edge files belong to the log with this size and root, and the partial bundle to its level 0 tile.

    Raises BadProof if they do not, BadFormat if one is missing or malformed.
    """
    found = edge_frontier(size, partial_tiles).root
    if found != root:
        raise BadProof(f"the tiles of size {size} lead to root {found.hex()}, expected {root.hex()}", hint="run hanse admin fsck")
    if size % WIDTH:
        bundle, tile = (partial_tiles[name.path] for name in edge_names(size)[:2])
        if b"".join(map(leaf_hash, parse_bundle(bundle, size % WIDTH))) != tile:
            raise BadProof(f"the last entry bundle of size {size} is not what its tile says", hint="run hanse admin fsck")


def _new_bundles(size: int, old: bytes, framed: list[bytes]) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(framed):
        index, taken = divmod(size + at, WIDTH)
        part = framed[at : at + WIDTH - taken]
        yield TileName(None, index, taken + len(part)).path, (old if at == 0 else b"") + b"".join(part)
        at += len(part)


def _new_tiles(level: int, start: int, old: bytes, hashes: tuple[bytes, ...]) -> Iterator[tuple[TileName, bytes]]:
    at = 0
    while at < len(hashes):
        index, taken = divmod(start + at, WIDTH)
        part = hashes[at : at + WIDTH - taken]
        yield TileName(level, index, taken + len(part)), (old if at == 0 else b"") + b"".join(part)
        at += len(part)


def _edge_file(name: TileName, partial_tiles: Mapping[str, bytes]) -> bytes:
    data = partial_tiles.get(name.path)
    if data is None:
        raise BadFormat(f"the edge of the log lacks {name.path}")
    if name.level is None:
        parse_bundle(data, name.width)
    else:
        parse_tile(data, name.width)
    return data


def _tile_root(data: bytes) -> bytes:
    return Frontier().append(_split(data)).root


def _split(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def _framed(entry: bytes) -> bytes:
    if len(entry) > MAX_ENTRY_BYTES:
        raise TooLarge(f"a log entry has at most {MAX_ENTRY_BYTES} bytes, got {len(entry)}")
    return len(entry).to_bytes(2, "big") + entry


def _decimal(text: str, path: str) -> int:
    if not (1 <= len(text) <= 18 and text.isascii() and text.isdecimal()):
        raise BadFormat(f"{path[:_MAX_PATH_CHARS]!r} is no tile path: {text[:40]!r} is not a number")
    return int(text)
