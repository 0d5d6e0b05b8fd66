"""Offline proofs (C2SP tlog-proof)."""

from __future__ import annotations

import pytest
from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.errors import BadFormat, BadProof, BadSignature, TooLarge
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignatures
from hanse.tlog.lines import base64_text
from hanse.tlog.note import ED25519, NoteKey, encode_note, parse_note
from hanse.tlog.proof import inclusion_proof
from hanse.tlog.tlogproof import MAX_EXTRA_BYTES, TlogProof, parse_tlog_proof, verify_tlog_proof

LOG = TiledLog().append([f"entry {index}".encode() for index in range(1000)])
KEY = NoteKey(LOG.origin, signer("log").public, ED25519)
NOTE = sign_checkpoint(LOG.head(), signer("log"))
PROOF = TlogProof(17, inclusion_proof(17, 1000, LOG.read), NOTE)
DATA = PROOF.encode()


def test_a_proof_is_written_as_specified() -> None:
    """Header, index, hashes one a line, an empty line, the checkpoint verbatim."""
    lines = DATA.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "index 17", base64_text(LOG.hash(16))]
    assert lines[11:14] == [base64_text(PROOF.path[-1]), "", "log.example"]
    assert DATA.endswith(b"\n\n" + NOTE)


@pytest.mark.parametrize("extra", [None, b"x", bytes(MAX_EXTRA_BYTES)])
@pytest.mark.parametrize("path", [PROOF.path, (), (bytes(32),) * 63])
def test_proofs_round_trip(extra: bytes | None, path: tuple[bytes, ...]) -> None:
    """What is written is read, with and without extra data, from no hash to 63."""
    proof = TlogProof(0, path, NOTE, extra)
    assert parse_tlog_proof(proof.encode()) == proof


def test_a_proof_verifies_offline() -> None:
    """With the leaf and the log's key alone, the leaf is in the log; cosignatures are at hand for the policy."""
    signers = {"w1": signer("w1"), "w2": signer("w2", Scheme.ML_DSA_44)}
    lines = [cosign(LOG.head(), name, one, 1_800_000_000) for name, one in signers.items()]
    cosigned = encode_note(LOG.head().text, [*(line.text for line in parse_note(NOTE).signatures), *lines])
    verified = verify_tlog_proof(parse_tlog_proof(TlogProof(17, PROOF.path, cosigned).encode()), LOG.hash(17), KEY)
    keys = [cosigner_key(name, one.public) for name, one in signers.items()]
    found = verify_cosignatures(verified.checkpoint, verified.note.signatures, keys)
    assert verified.checkpoint == LOG.head()
    assert [one.key for one in found] == keys


def test_sizes_of_proofs() -> None:
    """With two Ed25519 cosignatures a proof is about a kilobyte, with ML-DSA-44 of both in addition below eight."""
    lines = [cosign(LOG.head(), name, signer(name), 1_800_000_000) for name in ("w1", "w2")]
    more = [cosign(LOG.head(), name, signer(name, Scheme.ML_DSA_44), 1_800_000_000) for name in ("w1", "w2")]
    own = [line.text for line in parse_note(NOTE).signatures]
    sizes = [len(TlogProof(17, PROOF.path, encode_note(LOG.head().text, own + some)).encode()) for some in (lines, lines + more)]
    assert sizes[0] < 1_100
    assert sizes[1] < 8_000


def test_another_leaf_index_log_or_root_is_refused() -> None:
    """The leaf, its place, the log's key and the signed root all count."""
    with pytest.raises(BadProof):
        verify_tlog_proof(PROOF, LOG.hash(18), KEY)
    with pytest.raises(BadProof):
        verify_tlog_proof(TlogProof(18, PROOF.path, NOTE), LOG.hash(17), KEY)
    with pytest.raises(BadProof):
        verify_tlog_proof(TlogProof(1000, PROOF.path, NOTE), LOG.hash(17), KEY)
    with pytest.raises(BadProof):
        verify_tlog_proof(TlogProof(17, PROOF.path[:-1], NOTE), LOG.hash(17), KEY)
    with pytest.raises(BadSignature):
        verify_tlog_proof(PROOF, LOG.hash(17), NoteKey(LOG.origin, signer("x").public, ED25519))
    with pytest.raises(BadSignature):
        verify_tlog_proof(PROOF, LOG.hash(17))


def test_extra_data_proves_nothing() -> None:
    """Whatever stands in the extra line, the proof is as good as without it."""
    verify_tlog_proof(TlogProof(17, PROOF.path, NOTE, b"trust me"), LOG.hash(17), KEY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        DATA.replace(b"@v1", b"@v2"),
        DATA.replace(b"c2sp.org/tlog-proof@v1\n", b""),
        b"\n" + DATA,
        DATA.replace(b"index 17\n", b""),
        DATA.replace(b"index 17", b"index 017"),
        DATA.replace(b"index 17", b"index -1"),
        DATA.replace(b"index 17", b"index"),
        DATA.replace(b"index 17", b"index  17"),
        DATA.replace(b"index 17", b"index 17 "),
        DATA.replace(b"index 17", b"index 9007199254740992"),
        DATA.replace(b"index 17", b"extra \nindex 17"),
        DATA.replace(b"index 17", b"extra QQ\nindex 17"),
        DATA.replace(b"index 17", b"extra QQ==\nextra QQ==\nindex 17"),
        DATA.replace(b"index 17", b"index 17\nextra QQ=="),
        DATA.replace(b"index 17", b"index 17\nindex 17"),
        DATA.replace(b"index 17\n", b"index 17\r\n"),
        DATA.replace(b"index 17\n", b"index 17\nQQ==\n"),
        DATA.replace(b"index 17\n", "index 17\n\u00e9\n".encode()),
        DATA.partition(b"\n\n")[0],
        DATA.partition(b"\n\n")[0] + b"\n\n",
        b"c2sp.org/tlog-proof@v1\n\n" + NOTE,
    ],
)
def test_malformed_proofs_are_refused(data: bytes) -> None:
    """Each rule of the form has a proof that breaks it alone."""
    with pytest.raises(BadFormat):
        parse_tlog_proof(data)


def test_every_cut_proof_is_refused() -> None:
    """A proof that was cut anywhere does not verify."""
    for cut in range(len(DATA)):
        with pytest.raises((BadFormat, BadSignature)):
            verify_tlog_proof(parse_tlog_proof(DATA[:cut]), LOG.hash(17), KEY)


def test_proofs_are_bounded() -> None:
    """A 64th hash, extra data beyond 64 KiB, a head or a file beyond their bounds are refused."""
    line = base64_text(bytes(32)).encode() + b"\n"
    with pytest.raises(TooLarge):
        parse_tlog_proof(b"c2sp.org/tlog-proof@v1\nindex 1\n" + line * 64 + b"\n" + NOTE)
    for size in (MAX_EXTRA_BYTES + 1, 3 * MAX_EXTRA_BYTES):
        with pytest.raises(BadFormat):
            parse_tlog_proof(DATA.replace(b"index", b"extra " + base64_text(bytes(size)).encode() + b"\nindex"))
    with pytest.raises(TooLarge):
        parse_tlog_proof(DATA + bytes(2_000_000))


@pytest.mark.parametrize(
    ("index", "path", "checkpoint", "extra"),
    [
        (-1, (), NOTE, None),
        (2**53, (), NOTE, None),
        (0, (bytes(31),), NOTE, None),
        (0, (bytes(32),) * 64, NOTE, None),
        (0, (), b"", None),
        (0, (), NOTE, b""),
    ],
)
def test_impossible_proofs_are_not_made(index: int, path: tuple[bytes, ...], checkpoint: bytes, extra: bytes | None) -> None:
    """Every part is in its bounds, whoever makes the value."""
    with pytest.raises(BadFormat):
        TlogProof(index, path, checkpoint, extra)
