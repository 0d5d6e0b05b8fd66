"""Notes, checkpoints, cosignatures and proofs with any content, and hostile bytes in their place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.rfc6962 import ReferenceTree
from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.errors import BadFormat, BadProof, HanseError
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignature
from hanse.tlog.hashing import Frontier, leaf_hash, node_hash
from hanse.tlog.note import (
    ED25519,
    NoteKey,
    SignatureLine,
    encode_note,
    is_key_name,
    parse_note,
    parse_signature_line,
    parse_vkey,
    sign_note,
    verify_note,
)
from hanse.tlog.proof import Tree, inclusion_proof, verify_consistency, verify_inclusion
from hanse.tlog.tiles import TileName
from hanse.tlog.tlogproof import TlogProof, parse_tlog_proof

SOME = settings(max_examples=100, deadline=None)
FEW = settings(max_examples=25, deadline=None)
HASHES = st.binary(min_size=32, max_size=32)
CHARS = st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32))))
TEXTS = st.lists(st.text(CHARS, max_size=20), max_size=6).map(lambda lines: "".join(f"{line}\n" for line in ["", *lines]))
NAMES = st.text(CHARS, min_size=1, max_size=40).filter(is_key_name)
CHECKPOINTS = st.builds(Checkpoint, st.text(CHARS, min_size=1, max_size=50), st.integers(0, 2**53 - 1), HASHES)
LINES = st.builds(SignatureLine, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90))
LOG = signer("log")


@SOME
@given(TEXTS, NAMES, st.lists(LINES, max_size=5))
def test_any_text_and_name_make_a_note(text: str, name: str, strangers: list[SignatureLine]) -> None:
    """Whatever lines a text has, its note says the text, beside any signatures of others, and is written back byte for byte."""
    key = NoteKey(name, LOG.public, ED25519)
    own = parse_note(sign_note(text, name, LOG)).signatures[0]
    others = [line.text for line in strangers if (line.name, line.key_id) != (name, key.key_id)]
    data = encode_note(text, [*others, own.text])
    note = parse_note(data)
    assert verify_note(note, [key]).text == text
    assert note.data == data
    assert parse_vkey(key.text) == key


@SOME
@given(CHECKPOINTS, st.integers(1, 2**63 - 1))
def test_checkpoints_and_cosignatures_round_trip(head: Checkpoint, time: int) -> None:
    """Any origin, size, root and time come back from what was signed."""
    assert parse_checkpoint(parse_note(sign_note(head.text, "log", LOG))).claimed == head
    for scheme in (Scheme.ED25519, Scheme.ML_DSA_44):
        one = signer("w", scheme)
        assert verify_cosignature(head, cosign(head, "w", one, time), cosigner_key("w", one.public)) == time


@SOME
@given(st.integers(0, 2**53 - 1), st.lists(HASHES, max_size=63), st.binary(min_size=1, max_size=100), st.binary(max_size=90))
def test_tlog_proofs_round_trip(index: int, path: list[bytes], checkpoint: bytes, extra: bytes) -> None:
    """A proof holds any index, hashes and data; the checkpoint is carried verbatim, whatever it is."""
    proof = TlogProof(index, tuple(path), checkpoint, extra or None)
    assert parse_tlog_proof(proof.encode()) == proof


@SOME
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    """Arbitrary bytes are what they are written as again, or raise an error of ours."""
    with contextlib.suppress(HanseError):
        assert parse_note(data).data == data
    with contextlib.suppress(HanseError):
        assert parse_tlog_proof(data).encode() == data
    with contextlib.suppress(HanseError):
        open_checkpoint(data, NoteKey("log", LOG.public, ED25519))
    for parse in (parse_vkey, parse_signature_line):
        with contextlib.suppress(HanseError):
            assert parse(data.decode("latin-1")).text == data.decode("latin-1")


@SOME
@given(st.data())
def test_no_change_of_a_checkpoint_says_something_else(data: st.DataObject) -> None:
    """Bytes inserted, removed or replaced anywhere: the note is refused, or says what the log signed."""
    head = Checkpoint("log.example", 300, bytes(range(32)))
    note = sign_checkpoint(head, LOG)
    start = data.draw(st.integers(0, len(note)))
    end = data.draw(st.integers(start, min(start + 4, len(note))))
    pieces = st.one_of(st.binary(max_size=6), st.sampled_from([b"\n", b"\n\n", b"\xe2\x80\x94 ", b" ", b"0", b"="]))
    changed = note[:start] + data.draw(pieces) + note[end:]
    with contextlib.suppress(HanseError):
        assert open_checkpoint(changed, NoteKey("log.example", LOG.public, ED25519)).checkpoint == head


@FEW
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=700), st.data())
def test_proofs_of_logs_of_any_content(leaves: list[bytes], data: st.DataObject) -> None:
    """From any leaf and any earlier size a proof equals the RFC's and leads to the RFC's root."""
    size = len(leaves)
    log, reference = TiledLog().append(leaves), ReferenceTree(leaves)
    tree, root = Tree(size, log.read), reference.root(0, size)
    for _ in range(5):
        index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
        path = tree.inclusion(index)
        assert list(path) == reference.inclusion(index, 0, size)
        verify_inclusion(log.hash(index), index, size, root, path)
        path = tree.consistency(old)
        assert list(path) == reference.consistency(old, size)
        verify_consistency(old, reference.root(0, old), size, root, path)


@SOME
@given(st.integers(1, 2**53 - 1), st.data())
def test_proofs_of_logs_of_any_size(size: int, data: st.DataObject) -> None:
    """In a log whose leaves are all the same every proof can be foretold, up to 2^53 leaves: at most 53 hashes, all used."""
    tree, root = Tree(size, _same), _same_root(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path = tree.inclusion(index)
    assert len(path) <= 53
    verify_inclusion(_LEVELS[0], index, size, root, path)
    with pytest.raises(BadProof):
        verify_inclusion(leaf_hash(b"other"), index, size, root, path)
    path = tree.consistency(old)
    assert len(path) <= 54
    verify_consistency(old, _same_root(old), size, root, path)


_LEVELS = [leaf_hash(b"same")]
for _ in range(56):
    _LEVELS.append(node_hash(_LEVELS[-1], _LEVELS[-1]))


def _same(name: TileName) -> bytes:
    assert name.level is not None
    return _LEVELS[8 * name.level] * name.width


def _same_root(size: int) -> bytes:
    return Frontier(size, tuple(_LEVELS[bit] for bit in range(53, -1, -1) if size >> bit & 1)).root


@SOME
@given(st.integers(1, 2**53), st.integers(0, 2**53), st.lists(HASHES, max_size=64), HASHES, HASHES)
def test_made_up_proofs_prove_nothing(size: int, other: int, path: list[bytes], one: bytes, two: bytes) -> None:
    """Hashes that nobody computed lead nowhere: the only error is ours, whatever sizes they go with."""
    root = bytes([one[0] ^ 1]) + two[1:]
    with pytest.raises(BadProof):
        verify_inclusion(one, other, size, root, path)
    with pytest.raises(BadProof):
        verify_consistency(other, one, size, root, path)


@FEW
@given(st.integers(0, 8), st.integers(2, 300))
def test_tiles_of_any_false_length_are_refused(length: int, size: int) -> None:
    """A reader that returns too little, or not whole hashes, stops the proof."""
    with pytest.raises(BadFormat):
        inclusion_proof(0, size, lambda name: bytes(min(name.width, 2) * 32 - 1 - length))
