"""Tile paths, entry bundles and the files a growing log consists of (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.reference.rfc6962 import reference_root, reference_tile

from hanse.errors import BadFormat, BadProof, TooLarge
from hanse.tlog.hashing import Frontier
from hanse.tlog.tiles import (
    Growth,
    TileName,
    check_edge,
    edge_names,
    encode_bundle,
    grow,
    parse_bundle,
    parse_tile,
    parse_tile_path,
)

ENTRIES = [f"entry {index}".encode() for index in range(700)]


def grow_in_steps(entries: Sequence[bytes], sizes: Sequence[int]) -> tuple[Growth, dict[str, bytes]]:
    """Return the last growth and all files of a log that had a checkpoint at each of `sizes`."""
    files: dict[str, bytes] = {}
    growth = Growth(0, Frontier(), (), (), {})
    for size in sizes:
        growth = grow(growth.new_size, growth.edge, entries[growth.new_size : size])
        files |= dict(growth.objects)
    return growth, files


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0), "tile/0/000"),
        (TileName(0, 1234067), "tile/0/x001/x234/067"),
        (TileName(63, 999, 1), "tile/63/999.p/1"),
        (TileName(None, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_paths_are_written_and_read_as_specified(name: TileName, path: str) -> None:
    """Levels are plain decimals, indexes groups of three digits with x before all but the last, partial ones end in .p/W."""
    assert name.path == path
    assert parse_tile_path(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1.p/1",
        "tile/0/000/",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/entry/000",
        "/tile/0/000",
        "tile/0/" + "x999/" * 5 + "999",
        "tile/0/" + "x001/" * 40 + "001",
    ],
)
def test_other_spellings_of_paths_are_refused(path: str) -> None:
    """Every file has one path; all else is malformed."""
    with pytest.raises(BadFormat):
        parse_tile_path(path)


def test_bundles_round_trip() -> None:
    """Entries of any length from 0 to 65,535 bytes come back as they were."""
    entries = (b"", b"a", b"x" * 65_535)
    data = encode_bundle(entries)
    assert data[:5] == b"\x00\x00\x00\x01a"
    assert parse_bundle(data, 3) == entries


def test_bundles_of_another_width_or_length_are_refused() -> None:
    """A bundle has exactly the entries its name says and not one byte more or less."""
    data = encode_bundle([b"abc", b"de"])
    for width in (0, 1, 3, 256, 257):
        with pytest.raises(BadFormat):
            parse_bundle(data, width)
    for cut in range(len(data)):
        with pytest.raises(BadFormat):
            parse_bundle(data[:cut], 2)
    with pytest.raises(BadFormat):
        parse_bundle(b"", 0)


def test_bundles_are_bounded() -> None:
    """An entry over 65,535 bytes, a 257th entry and an impossible size are refused."""
    with pytest.raises(TooLarge):
        encode_bundle([b"x" * 65_536])
    with pytest.raises(TooLarge):
        encode_bundle([b""] * 257)
    with pytest.raises(TooLarge):
        parse_bundle(bytes(256 * 65_537 + 1), 256)
    with pytest.raises(TooLarge):
        grow(0, {}, [b"x" * 65_536])


def test_tiles_have_exactly_the_width_of_their_name() -> None:
    """A tile of width W has W times 32 bytes, W from 1 to 256."""
    assert parse_tile(b"a" * 32 + b"b" * 32, 2) == (b"a" * 32, b"b" * 32)
    for data, width in ((b"", 0), (bytes(32), 2), (bytes(33), 1), (bytes(32 * 257), 257)):
        with pytest.raises(BadFormat):
            parse_tile(data, width)


def test_the_edge_of_a_log_of_70000() -> None:
    """The example of the specification: partial tiles of width 112, 17 and 1."""
    names = [name.path for name in edge_names(70_000)]
    assert names == ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert [name.path for name in edge_names(256)] == ["tile/1/000.p/1"]
    assert edge_names(0) == ()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 700])
def test_files_equal_the_definition(size: int) -> None:
    """Grown from nothing, every tile is what the formula of the specification gives, and the root is the RFC's."""
    growth, files = grow_in_steps(ENTRIES, [size])
    assert growth.root == reference_root(ENTRIES[:size])
    check_edge(size, growth.root, growth.edge)
    for path, data in files.items():
        name = parse_tile_path(path)
        if name.level is None:
            low = name.index * 256
            assert parse_bundle(data, name.width) == tuple(ENTRIES[low : low + name.width])
        else:
            assert data == reference_tile(ENTRIES[:size], name.level, name.index)
            assert len(data) == 32 * name.width
    tiles = {path for path in files if "entries" not in path}
    full = {name.path for level in (0, 1) for name in (TileName(level, at) for at in range(size // 256 ** (level + 1)))}
    assert tiles == full | {name.path for name in edge_names(size) if name.level is not None}


def test_level_two_begins_at_65536_entries() -> None:
    """256 full tiles below make a full tile of level 1 and the first hash of level 2."""
    entries = [b"%d" % index for index in range(65_537)]
    growth, _ = grow_in_steps(entries, [65_000, 65_537])
    assert sorted(growth.edge) == ["tile/0/256.p/1", "tile/2/000.p/1", "tile/entries/256.p/1"]
    assert growth.edge["tile/2/000.p/1"] == reference_root(entries[:65_536])
    assert growth.root == reference_root(entries)


def test_nothing_appended_makes_nothing() -> None:
    """An empty batch has no files and keeps the root."""
    growth, _ = grow_in_steps(ENTRIES, [300])
    again = grow(300, growth.edge, [])
    assert (again.objects, again.root, again.edge) == ((), growth.root, growth.edge)


def test_a_missing_or_cut_edge_file_is_refused() -> None:
    """Without each partial file in full length nothing is appended."""
    growth, _ = grow_in_steps(ENTRIES, [300])
    for path, data in growth.edge.items():
        with pytest.raises(BadFormat):
            grow(300, {key: value for key, value in growth.edge.items() if key != path}, [b"more"])
        with pytest.raises(BadFormat):
            grow(300, {**growth.edge, path: data[:-1]}, [b"more"])


def test_an_altered_edge_file_is_caught() -> None:
    """One changed bit in any partial file, the entry bundle included, is not carried into the log."""
    growth, _ = grow_in_steps(ENTRIES, [300])
    check_edge(300, growth.root, growth.edge)
    for path, data in growth.edge.items():
        altered = data[:-1] + bytes([data[-1] ^ 1])
        with pytest.raises(BadProof):
            check_edge(300, growth.root, {**growth.edge, path: altered})
    with pytest.raises(BadProof):
        check_edge(300, bytes(32), growth.edge)


def test_sizes_out_of_bounds_are_refused() -> None:
    """A log has 0 to 2^53 - 1 entries."""
    for size in (-1, 2**53):
        with pytest.raises(BadFormat):
            edge_names(size)
