"""Go's checksum database code (golang.org/x/mod/sumdb) reads what Hanse makes, and the other way round."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.support.gosumdb import GoLog, Statement, check
from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.tlog.checkpoint import open_checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key
from hanse.tlog.hashing import EMPTY_ROOT, leaf_hash
from hanse.tlog.note import ED25519, NoteKey, encode_note, parse_note, parse_vkey
from hanse.tlog.proof import Tree, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from hanse.tlog.tiles import TileName, parse_bundle

SIZES = (1, 2, 255, 256, 257, 600, 70_000)
ENTRIES = [b'{"kind":"ref","seq":%d}' % index for index in range(SIZES[-1])]
KEY = NoteKey("log.example", signer("log").public, ED25519)
COSIGNER = cosigner_key("witness.example", signer("w").public)


@cache
def log() -> TiledLog:
    """Return a log of ours with checkpoints at SIZES."""
    made = TiledLog()
    for size in SIZES:
        made.append(ENTRIES[len(made.leaves) : size])
    return made


@pytest.fixture(name="tiles", scope="module")
def _tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every tile of `log`."""
    folder = tmp_path_factory.mktemp("log")
    for path, data in log().files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def signed(size: int) -> bytes:
    """Return our checkpoint of `size`."""
    return sign_checkpoint(log().head(size), signer("log"))


def included(index: int, size: int) -> Statement:
    """Return the true statement that an entry is in the log of `size`, with our proof."""
    return Statement(index, entry=ENTRIES[index], proof=inclusion_proof(index, size, log().read))


def continued(old: int, new: int) -> Statement:
    """Return the true statement that the log of `new` continues that of `old`, with our proof."""
    return Statement(old, root=log().roots[old], proof=consistency_proof(old, new, log().read))


@pytest.mark.parametrize("size", SIZES)
def test_go_accepts_our_checkpoint_tiles_and_proofs(size: int, tiles: Path) -> None:
    """Go reads the note, verifies our proofs, and makes the same proofs from our tiles, which it authenticates first."""
    places = sorted({0, 1, 254, 255, 256, size // 2, size - 1} & set(range(size)))
    mine = [included(index, size) for index in places]
    older = [continued(old, size) for old in SIZES if old < size]
    said = check(
        signed(size),
        KEY.text,
        tiles=tiles,
        inclusion=[*mine, *(replace(one, proof=None) for one in mine)],
        consistency=[*older, *(replace(one, proof=None) for one in older)],
    )
    assert (said.error, said.origin, said.size, said.root) == ("", "log.example", size, log().roots[size])
    assert said.inclusion == tuple(("", one.proof) for one in mine) * 2
    assert said.consistency == tuple(("", one.proof) for one in older) * 2


def test_go_refuses_altered_proofs() -> None:
    """Another entry, index, size or root, a changed, missing, doubled or swapped hash: refused by both sides."""
    size, true, since = 600, included(300, 600), continued(257, 600)
    path, older = true.proof or (), since.proof or ()
    wrong = [replace(true, index=301), replace(true, index=600), replace(true, entry=ENTRIES[301])]
    wrong += [replace(true, proof=one) for one in altered(tuple(path))]
    false = [replace(since, index=256), replace(since, root=log().roots[256])]
    false += [replace(since, proof=one) for one in altered(tuple(older))]
    said = check(signed(size), KEY.text, inclusion=[*wrong, true], consistency=[*false, since])
    assert [bool(error) for error, _ in said.inclusion] == [True] * len(wrong) + [False]
    assert [bool(error) for error, _ in said.consistency] == [True] * len(false) + [False]
    for one in wrong:
        with pytest.raises(BadProof):
            verify_inclusion(leaf_hash(one.entry), one.index, size, log().roots[size], one.proof or ())
    for one in false:
        with pytest.raises(BadProof):
            verify_consistency(one.index, one.root, size, log().roots[size], one.proof or ())


def altered(path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """Return paths that differ from `path` in one place."""
    flipped = [(*path[:at], bytes([item[0] ^ 1]) + item[1:], *path[at + 1 :]) for at, item in enumerate(path)]
    return [*flipped, path[1:], path[:-1], (*path, bytes(32)), (path[0], *path), (path[1], path[0], *path[2:])]


@pytest.mark.parametrize(("name", "at"), [("tile/0/001", 7), ("tile/0/002.p/88", 5), ("tile/1/000.p/2", 32)])
def test_go_refuses_our_tiles_when_altered(name: str, at: int, tmp_path: Path) -> None:
    """A tile with one changed bit authenticates no entry below it."""
    for path, data in log().files.items():
        if not path.startswith("tile/entries"):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data if path != name else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    said = check(signed(600), KEY.text, tiles=tmp_path, inclusion=[replace(included(at, 600), proof=None) for at in (300, 590)])
    assert any(error for error, _ in said.inclusion)


def test_go_refuses_altered_checkpoints() -> None:
    """Another key, another text or a changed signature: Go and Hanse refuse alike."""
    note = signed(600)
    other = NoteKey("log.example", signer("other").public, ED25519)
    texts = [
        note.replace(b"600", b"601"),
        note.replace(b"log.example\n", b"log.example2\n"),
        note[:-1],
        note.replace(b"\n\n", b"\n"),
    ]
    texts.append(note[:-8] + (b"A" if note[-8:-7] != b"A" else b"B") + note[-7:])
    for text in texts:
        assert check(text, KEY.text).error
        with pytest.raises((BadFormat, BadSignature)):
            open_checkpoint(text, KEY)
    assert check(note, other.text).error
    assert check(note, KEY.text.replace("log.example", "log2.example")).error


def test_go_verifies_our_cosignatures() -> None:
    """A cosigned checkpoint names log and witness; the cosignature of another checkpoint spoils it."""
    own = parse_note(signed(600)).signatures[0].text
    line, stale = (cosign(log().head(size), COSIGNER.name, signer("w"), 1_800_000_000) for size in (600, 257))
    text = log().head(600).text
    said = check(encode_note(text, [own, line]), KEY.text, cosigners=[COSIGNER.text])
    assert (said.error, said.by) == ("", ("log.example", "witness.example"))
    assert check(encode_note(text, [own, stale]), KEY.text, cosigners=[COSIGNER.text]).error
    assert check(encode_note(text, [own, stale]), KEY.text).by == ("log.example",)


@pytest.fixture(name="theirs", scope="module")
def _theirs(tmp_path_factory: pytest.TempPathFactory) -> GoLog:
    """Return a log made by Go, with checkpoints at a few sizes; the earlier ones are kept beside it."""
    made = GoLog(tmp_path_factory.mktemp("go"), "go.example/log")
    done = 0
    for size in (0, 1, 300, 1000):
        made.append(ENTRIES[done:size])
        (made.folder / f"checkpoint.{size}").write_bytes(made.checkpoint)
        done = size
    return made


def test_hanse_opens_checkpoints_and_bundles_of_a_go_log(theirs: GoLog) -> None:
    """The note verifies under Go's key, and the entries under the tiles are the log's."""
    key = parse_vkey(theirs.vkey)
    assert key.text == theirs.vkey
    empty = open_checkpoint(theirs.read("checkpoint.0"), key).checkpoint
    head = open_checkpoint(theirs.checkpoint, key).checkpoint
    assert (empty.size, empty.root) == (0, EMPTY_ROOT)
    assert (head.origin, head.size) == ("go.example/log", 1000)
    assert head.root == TiledLog().append(ENTRIES[:1000]).roots[1000]
    assert parse_bundle(theirs.read("tile/entries/003.p/232"), 232) == tuple(ENTRIES[768:1000])
    with pytest.raises(BadSignature):
        open_checkpoint(theirs.checkpoint, KEY)


def test_hanse_proves_from_the_tiles_of_a_go_log(theirs: GoLog) -> None:
    """Inclusion and consistency are built from Go's tiles and hold under Go's signed roots; Go's own proof is the same."""
    key = parse_vkey(theirs.vkey)
    head = open_checkpoint(theirs.checkpoint, key).checkpoint
    tree = Tree(head.size, lambda name: theirs.read(name.path))
    for index in (0, 255, 256, 511, 767, 768, 999):
        verify_inclusion(leaf_hash(ENTRIES[index]), index, head.size, head.root, tree.inclusion(index))
    for size in (1, 300):
        old = open_checkpoint(theirs.read(f"checkpoint.{size}"), key).checkpoint
        verify_consistency(old.size, old.root, head.size, head.root, tree.consistency(size))
    assert tree.consistency(300) == theirs.prove(300)


def test_hanse_refuses_altered_tiles_of_a_go_log(theirs: GoLog) -> None:
    """A flipped bit in a tile of Go's leads to no signed root."""
    head = open_checkpoint(theirs.checkpoint, parse_vkey(theirs.vkey)).checkpoint

    def read(name: TileName) -> bytes:
        data = theirs.read(name.path)
        return bytes([data[0] ^ 1]) + data[1:]

    with pytest.raises(BadProof):
        verify_inclusion(leaf_hash(ENTRIES[600]), 600, head.size, head.root, inclusion_proof(600, head.size, read))
