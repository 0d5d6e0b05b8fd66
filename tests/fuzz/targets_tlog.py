"""Fuzz targets of the log's text formats: what is accepted has one form, and nothing false verifies."""

from __future__ import annotations

from functools import cache

from tests.fuzz.runner import Target
from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.errors import HanseError
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import parse_checkpoint as parse
from hanse.tlog.checkpoint import sign_checkpoint, verify_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key, verify_cosignatures
from hanse.tlog.note import ED25519, NoteKey, encode_note, parse_note, parse_vkey
from hanse.tlog.proof import inclusion_proof
from hanse.tlog.tlogproof import TlogProof, parse_tlog_proof, verify_tlog_proof

_TIME = 1_800_000_000
_COSIGNERS = {"w1.example": Scheme.ED25519, "w2.example": Scheme.ML_DSA_44}
_KEYS = [cosigner_key(name, signer(name, scheme).public) for name, scheme in _COSIGNERS.items()]
_LOG_KEY = NoteKey("log.example", signer("log").public, ED25519)
_WORDS = (b"\n", b"\n\n", b"\xe2\x80\x94 ", b" ", b"+", b"=", b"==", b"\r", b"\t", b"\xc2\xa0", b"\xff", b"0", b"AAAA")


@cache
def _log() -> TiledLog:
    return TiledLog().append([b"entry %d" % index for index in range(300)])


@cache
def _note() -> bytes:
    head = _log().head()
    own = parse_note(sign_checkpoint(head, signer("log"))).signatures[0].text
    return encode_note(head.text, [own, *(cosign(head, name, signer(name, kind), _TIME) for name, kind in _COSIGNERS.items())])


def _proof(extra: bytes | None = None) -> bytes:
    return TlogProof(17, inclusion_proof(17, 300, _log().read), _note(), extra).encode()


def checkpoint(data: bytes) -> None:
    """Read a cosigned checkpoint: one value has one form; only the genuine head verifies, with genuine times."""
    note = parse_note(data)
    assert note.data == data
    verified = verify_checkpoint(parse(note), _LOG_KEY)
    assert verified.checkpoint == _log().head()
    found = verify_cosignatures(verified.checkpoint, note.signatures, _KEYS)
    assert all(one.time == _TIME for one in found)


def tlog_proof(data: bytes) -> None:
    """Read an offline proof: one value has one form; the leaf is proved at its place and nowhere else."""
    proof = parse_tlog_proof(data)
    assert proof.encode() == data
    try:
        verify_tlog_proof(proof, _log().hash(18), _LOG_KEY)
    except HanseError:
        verify_tlog_proof(proof, _log().hash(17), _LOG_KEY)
        assert proof.index == 17
    else:
        raise AssertionError("a leaf was proved that is elsewhere")


def vkey(data: bytes) -> None:
    """Read a vkey: one key has one form."""
    text = data.decode("utf-8", "replace")
    assert parse_vkey(text).text == text


TLOG_TARGETS: dict[str, Target] = {
    "checkpoint": Target(checkpoint, [_note(), sign_checkpoint(_log().head(), signer("log"))], _WORDS),
    "tlog_proof": Target(tlog_proof, [_proof(), _proof(b"extra data")], (*_WORDS, b"index ", b"extra QQ==\n")),
    "vkey": Target(vkey, [key.text.encode() for key in (*_KEYS, _LOG_KEY)], _WORDS),
}
