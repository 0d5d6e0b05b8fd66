"""The log over HTTP: what C2SP tlog-tiles asks of a log."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.support.live import LiveNode
from tests.support.rawhttp import RawClient

from hanse.keys.custody import open_signer
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.proof import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from hanse.tlog.tiles import TileName, parse_bundle, parse_tile

ORIGIN = "log.example.org"


def _key(live: LiveNode) -> NoteKey:
    return NoteKey(ORIGIN, open_signer(Path(live.data) / "keys" / "log.key").public, ED25519)


def test_log_can_be_followed(live: LiveNode) -> None:
    """A stranger gets a signed checkpoint, all leaves below it, and the root they lead to; every older size is there, too."""
    with RawClient(live.port) as client:
        note = client("GET", "/log/checkpoint")
        assert note.headers["content-type"] == "text/plain; charset=utf-8"
        assert note.headers["cache-control"] == "no-cache"
        head = open_checkpoint(note.body, _key(live)).checkpoint
        assert (head.origin, head.size > 8) == (ORIGIN, True)
        leaves = parse_bundle(client("GET", f"/log/tile/entries/000.p/{head.size}").body, head.size)
        roots = [Frontier().append(map(leaf_hash, leaves[:size])).root for size in range(head.size + 1)]
        assert head.root == roots[-1]
        for size in range(1, head.size + 1):
            assert parse_bundle(client("GET", f"/log/tile/entries/000.p/{size}").body, size) == leaves[:size]
            tile = client("GET", f"/log/tile/0/000.p/{size}").body
            assert parse_tile(tile, size) == tuple(map(leaf_hash, leaves[:size]))

        def read(name: TileName) -> bytes:
            return client("GET", f"/log/{name.path}").body

        path = consistency_proof(3, head.size, read)
        verify_consistency(3, roots[3], head.size, head.root, path)
        verify_inclusion(leaf_hash(leaves[2]), 2, head.size, head.root, inclusion_proof(2, head.size, read))


def test_a_log_that_nobody_cosigned(live: LiveNode) -> None:
    """It has no checkpoint that enough others cosigned, which is no error of anybody."""
    with RawClient(live.port) as client:
        answer = client("GET", "/log/checkpoint/cosigned")
        assert (answer.status, b"nobody cosigned log.example.org yet" in answer.body) == (404, True)


def test_what_never_changes_says_so(live: LiveNode) -> None:
    """Tiles and bundles may be kept for ever and are confirmed by their ETag; bundles come compressed to those who ask."""
    with RawClient(live.port) as client:
        plain = client("GET", "/log/tile/entries/000.p/2")
        assert (plain.status, plain.headers["content-type"]) == (200, "application/octet-stream")
        assert "immutable" in plain.headers["cache-control"]
        assert client("GET", "/log/tile/entries/000.p/2", None, {"if-none-match": plain.headers["etag"]}).status == 304
        packed = client("GET", "/log/tile/entries/000.p/2", None, {"accept-encoding": "br, gzip;q=0.5"})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        refused = client("GET", "/log/tile/entries/000.p/2", None, {"accept-encoding": "gzip;q=0"})
        assert "content-encoding" not in refused.headers
        assert client("HEAD", "/log/tile/0/000.p/2").headers["content-length"] == "64"


@pytest.mark.parametrize(
    "path",
    [
        "0/000", "0/000.p/255", "0/001.p/1", "1/000.p/1", "entries/000", "0/000.p/0", "0/000.p/256", "0/0.p/1", "00/000.p/1",
        "64/000.p/1", "0/x000/000.p/1", "-1/000.p/1", "0/000.p/1/2", "0/000.p%2F1x", "..%2Fhead/1", "9" * 400,
    ],
)  # fmt: skip
def test_files_that_the_log_has_not_are_missing(live: LiveNode, path: str) -> None:
    """A file beyond the log's size, or any other spelling of a path, is 404."""
    with RawClient(live.port) as client:
        assert client("GET", f"/log/tile/{path}").status == 404
