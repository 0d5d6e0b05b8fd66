"""What an endpoint's attestation says, and when it holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.signers import signer

from hanse.errors import BadFormat, InputError, VerificationFailed
from hanse.evals.endpoint import (
    MAX_SECONDS,
    MAX_SKEW,
    Attestation,
    answer_bytes,
    check_attestation,
    parse_attestation,
    parse_challenge,
)
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin

NOW = 1_800_000_000
KEY = signer("answers", Scheme.ECDSA_P256).public
ONE = Attestation(Origin("uni.example"), "a" * 64, KEY, {"engine": "llama.cpp"}, {"os": "Linux"}, NOW, NOW + 3600)


def test_what_is_written_is_read() -> None:
    """A predicate is read as what was written; what the member did not say of the engine is a gap."""
    assert parse_attestation(ONE.predicate()) == ONE
    assert ONE.observed.numerics == {"engine": "llama.cpp"}
    assert "numerics.kv" in ONE.observed.gaps
    assert "numerics.engine" not in ONE.observed.gaps


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"member": "no origin!"},
        {"member": 1},
        {"challenge": "A" * 64},
        {"answers": "AAAA"},
        {"numerics": {"engine": 1}},
        {"hardware": {f"h{at}": "" for at in range(100)}},
        {"until": NOW},
        {"until": NOW + MAX_SECONDS + 1},
        {"from": -1},
        {"from": True},
        {"until": float(NOW + 60)},
    ],
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    """A field of another form, one too many, and a time that is too long make it no attestation."""
    with pytest.raises(InputError):
        parse_attestation(ONE.predicate() | change)


def test_when_it_holds() -> None:
    """It holds for its own challenge, from its begin, with some skew of clocks, until its end."""
    check_attestation(ONE, "a" * 64, NOW - MAX_SKEW)
    check_attestation(ONE, "a" * 64, NOW + 3599)
    for challenge, now in (("b" * 64, NOW), ("a" * 64, NOW - MAX_SKEW - 1), ("a" * 64, NOW + 3600)):
        with pytest.raises(VerificationFailed):
            check_attestation(ONE, challenge, now)
    with pytest.raises(VerificationFailed) as caught:
        check_attestation(replace(ONE, challenge="b" * 64), "a" * 64, NOW + 9999)
    assert len(caught.value.failed) == 2, "every reason is told"


def test_everything_about_an_answer_is_signed() -> None:
    """Challenge, path, request, status and answer each change what is signed."""
    plain: list[Any] = ["a" * 64, "completions", b"asked", 200, b"said"]
    changed: list[Any] = ["b" * 64, "chat/completions", b"other", 400, b"said it"]
    signed = {answer_bytes(*(changed[n] if n == at else plain[n] for n in range(5))) for at in range(5)}
    assert len(signed | {answer_bytes(*plain)}) == 6
    with pytest.raises(BadFormat):
        parse_challenge("a" * 63 + "\n")
