"""Logs grown in any steps, and hostile tiles, bundles, paths and frontiers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.rfc6962 import reference_root

from hanse.errors import HanseError
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.tiles import (
    WIDTH,
    TileName,
    check_edge,
    edge_names,
    encode_bundle,
    grow,
    parse_bundle,
    parse_tile,
    parse_tile_path,
)

SOME = settings(max_examples=100, deadline=None)
ENTRIES = [b"%d" % index * (index % 5) for index in range(1100)]
BUNDLES = st.lists(st.binary(max_size=300), min_size=1, max_size=8)


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, len(ENTRIES)), max_size=6))
def test_tiles_are_the_same_from_any_split(stops: set[int]) -> None:
    """However a log was cut into batches, its root, edge and full files are those of one batch; no file is ever replaced."""
    once = grow(0, {}, ENTRIES)
    files: dict[str, bytes] = {}
    size, edge = 0, once.edge
    for stop in (*sorted(stops), len(ENTRIES)):
        growth = grow(size, edge if size else {}, ENTRIES[size:stop])
        for path, data in growth.objects:
            assert files.setdefault(path, data) == data
        size, edge = growth.new_size, growth.edge
        check_edge(size, growth.root, edge)
    assert (growth.root, growth.edge) == (once.root, once.edge)
    assert dict(once.objects).items() <= files.items()
    assert growth.root == Frontier().append(map(leaf_hash, ENTRIES)).root


@SOME
@given(st.lists(st.binary(max_size=40), max_size=70), st.integers(0, 70))
def test_a_frontier_resumes_anywhere(entries: list[bytes], split: int) -> None:
    """A frontier that was stored and read again goes on to the RFC's root."""
    hashes = [leaf_hash(entry) for entry in entries]
    stored = Frontier().append(hashes[:split]).encode()
    assert Frontier.parse(stored).append(hashes[split:]).root == reference_root(entries)


@SOME
@given(BUNDLES)
def test_bundles_round_trip_and_no_beginning_is_one(entries: list[bytes]) -> None:
    """A bundle gives back its entries; cut anywhere it is refused, for every width."""
    data = encode_bundle(entries)
    assert parse_bundle(data, len(entries)) == tuple(entries)
    for cut in range(0, len(data), 5):
        with pytest.raises(HanseError):
            parse_bundle(data[:cut], len(entries))


@SOME
@given(st.binary(max_size=600), st.integers(-1, 300))
def test_any_bytes_parse_or_are_refused(data: bytes, width: int) -> None:
    """Arbitrary bytes give what encodes to them again, or an error of ours."""
    with contextlib.suppress(HanseError):
        assert encode_bundle(parse_bundle(data, width)) == data
    with contextlib.suppress(HanseError):
        assert b"".join(parse_tile(data, width)) == data
    with contextlib.suppress(HanseError):
        assert Frontier.parse(data).encode() == data


@SOME
@given(st.none() | st.integers(0, 63), st.integers(0, 2**53 - 1), st.integers(1, WIDTH))
def test_every_name_has_one_path(level: int | None, index: int, width: int) -> None:
    """A path reads back as the name it was made from."""
    name = TileName(level, index, width)
    assert parse_tile_path(name.path) == name


@SOME
@given(st.text(max_size=60) | st.from_regex(r"\Atile/[0-9e]{1,3}/(x[0-9]{3}/){0,8}[0-9]{1,4}(\.p/[0-9]{1,4})?\Z"))
def test_any_path_reads_back_or_is_refused(path: str) -> None:
    """Arbitrary text is the path of the name it parses to, or an error of ours."""
    with contextlib.suppress(HanseError):
        assert parse_tile_path(path).path == path


@SOME
@given(st.integers(0, 2**53 - 1))
def test_the_edge_has_the_widths_of_the_specification(size: int) -> None:
    """The partial tile of level L has floor(size / 256^L) mod 256 hashes, and there is none where that is 0."""
    widths = {level: size // 256**level % 256 for level in range(8)}
    found = {name.level: name.width for name in edge_names(size)}
    assert found == {level: width for level, width in widths.items() if width} | ({None: size % 256} if size % 256 else {})
