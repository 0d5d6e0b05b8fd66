"""The evidence of an alarm convinces whoever knows the log's key, and nothing else does."""

from __future__ import annotations

import json

import pytest
from tests.support.signers import signer
from tests.support.tiledlog import TiledLog

from hanse.errors import BadFormat, BadProof, BadSignature, HanseError
from hanse.flows.foreign.proved import FalseLog, judge, replayed, two_roots
from hanse.model.repo import Origin
from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.note import ED25519, NoteKey

LOG = Origin("log.example")
KEYS = {LOG: (NoteKey(LOG, signer("log").public, ED25519),)}


def note(*leaves: bytes, by: str = "log") -> str:
    """Return the signed checkpoint of a log with these leaves."""
    return sign_checkpoint(TiledLog(LOG).append(leaves).head(), signer(by)).decode()


def evidence(*notes: object) -> bytes:
    """Return the evidence of an alarm."""
    return json.dumps({"checkpoints": notes}).encode()


def test_two_roots_of_one_size() -> None:
    """Both signed by the log, of one size: it is proved."""
    found = two_roots(evidence(note(b"a"), note(b"b")), KEYS)
    assert (found.origin, found.size) == (LOG, 1)
    assert found.roots[0] != found.roots[1]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (evidence(note(b"a"), note(b"a")), BadProof),
        (evidence(note(b"a"), note(b"a", b"b")), BadProof),
        (evidence(note(b"a"), note(b"b", by="x")), BadSignature),
        (evidence(note(b"a")), BadFormat),
        (evidence(note(b"a"), 1), BadFormat),
        (evidence("", "\ud800"), HanseError),
        (b"[]", HanseError),
        (b'{"checkpoint": ""}', BadFormat),
    ],
)
def test_what_proves_nothing(data: bytes, error: type[HanseError]) -> None:
    """The same root twice, a log that grew, somebody else's signature, and what is no such evidence."""
    with pytest.raises(error):
        two_roots(data, KEYS)


def test_an_unknown_log_is_told() -> None:
    """Without the log's key nobody is convicted."""
    with pytest.raises(BadSignature, match="is not known here"):
        two_roots(evidence(note(b"a"), note(b"b")), {})


def false(*leaves: bytes, start: object = 0, shown: list[object] | None = None, proof: object = ()) -> bytes:
    """Return the evidence of an alarm about a false log."""
    told = [one.decode() for one in leaves] if shown is None else shown
    return json.dumps({"checkpoint": note(*leaves), "from": start, "leaves": told, "proof": proof}).encode()


def test_a_log_that_is_false_from_its_beginning() -> None:
    """All its leaves are there, the log signed them, and they break its rules: whoever knows the key replays them."""
    found = judge(false(b'{"v":1,"kind":"unheard-of","must":true}'), KEYS)
    assert isinstance(found, FalseLog)
    assert (found.origin, found.size) == (LOG, 1)
    assert found.says


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (false(b"a", b"b", start=1), BadProof),
        (false(b"a", b"b", shown=["a"]), BadProof),
        (false(b"a", b"b", shown=["a", "c"]), BadProof),
        (false(), BadProof),
        (false(b"a", start="0"), BadFormat),
        (false(b"a", shown=[1]), BadFormat),
        (false(b"a", shown=[{"base64": "?"}]), BadFormat),
        (false(b"a", shown=[{"base64": 1}]), BadFormat),
        (false(b"a", proof="00"), BadFormat),
        (false(b"a", proof=["zz"]), BadFormat),
        (false(b"a", proof=["00" * 32]), BadProof),
    ],
)
def test_what_does_not_prove_that_a_log_is_false(data: bytes, error: type[HanseError]) -> None:
    """A part of a log, other leaves than were signed, a log that keeps its rules, and what is no such evidence."""
    with pytest.raises(error):
        replayed(data, KEYS)


def test_two_roots_are_judged_as_such() -> None:
    """The kind of evidence is told by what is in it."""
    assert judge(evidence(note(b"a"), note(b"b")), KEYS) == two_roots(evidence(note(b"a"), note(b"b")), KEYS)
