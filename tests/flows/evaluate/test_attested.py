"""Whose attestation of an endpoint is believed, and about what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.endpoints import KEY, MEMBER, NAME, TREE, public_key, served_model
from tests.support.openaiserver import Adder, Model, sums
from tests.support.signers import signer

from hanse.errors import BadFormat, BadSignature, NotAllowed, VerificationFailed
from hanse.evals.endpoint import ENDPOINT
from hanse.evals.record import Record, WeightsClass
from hanse.flows.evaluate.attested import ATTESTATION, Believed, check, check_kept, keep, runner_of
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.serving import ServedModel
from hanse.flows.evaluate.subject import Subject as Files
from hanse.model.decision import Signed
from hanse.model.digest import Sha256
from hanse.model.publickey import Scheme
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement, Subject

NOW, CHALLENGE = 1_800_000_000, "c" * 64
SIGNERS = Believed.of_signers([Signed(MEMBER, KEY.public.fingerprint)])


def test_a_member_who_signed_the_revision(tmp_path: Path) -> None:
    """His attestation is believed, by his name or by a file with his key; the record names it, and the folder keeps it."""
    shown = served_model(NOW).attest(CHALLENGE)
    found = check(shown, CHALLENGE, TREE, SIGNERS, NOW + 60)
    assert check(shown, CHALLENGE, TREE, Believed.of_file(public_key(tmp_path)), NOW) == found
    assert runner_of(found) == {"attestation": found.payload, "attestedBy": "uni.example", "attestedKey": found.key}
    keep(tmp_path, found)
    assert (tmp_path / ATTESTATION).read_bytes() == shown[0]


def test_another_key_member_model_challenge_or_time() -> None:
    """Each of them is refused, and so is a bundle that somebody else signed."""
    shown = served_model(NOW).attest(CHALLENGE)
    stranger = Believed.of_signers([Signed(MEMBER, "0" * 64)])
    with pytest.raises(NotAllowed):
        check(shown, CHALLENGE, TREE, stranger, NOW)
    other = Believed.of_signers([Signed("lab.example", KEY.public.fingerprint)])
    with pytest.raises(VerificationFailed):
        check(shown, CHALLENGE, TREE, other, NOW)
    for challenge, tree, now in (("d" * 64, TREE, NOW), (CHALLENGE, Sha256("8" * 64), NOW), (CHALLENGE, TREE, NOW + 3600)):
        with pytest.raises(VerificationFailed):
            check(shown, challenge, tree, SIGNERS, now)
    forged = make_bundle(Statement((Subject("x", {"sha256": TREE}),), ENDPOINT, {}), signer("eve", Scheme.ECDSA_P256))
    with pytest.raises(BadSignature):
        check((forged.encode(), shown[1]), CHALLENGE, TREE, SIGNERS, NOW)


def test_what_is_no_attestation() -> None:
    """Another statement by the right key, a huge one, and what is no bundle, are none."""
    about = (Subject("x", {"sha256": TREE}),)
    for predicate in ("https://hanse/evaluation/v1", ENDPOINT):
        with pytest.raises(BadFormat):
            check((make_bundle(Statement(about, predicate, {}), KEY).encode(), KEY.public.text), CHALLENGE, TREE, SIGNERS, NOW)
    for data in (b"x" * 100_000, b"{}", b"<html>"):
        with pytest.raises(BadFormat):
            check((data, KEY.public.text), CHALLENGE, TREE, SIGNERS, NOW)


def _bound(folder: Path, model: ServedModel) -> Record:
    """Return the record of a run under an attestation, which is kept beside it."""
    found = check(model.attest(CHALLENGE), CHALLENGE, TREE, SIGNERS, NOW)
    files = Files(TREE, NAME, WeightsClass.BOUND)
    record = evaluate(Order(sums(20), files, folder, MEMBER, attested=runner_of(found)), Adder(Model()))
    keep(folder, found)
    return record


def test_what_is_kept_is_what_the_record_names(tmp_path: Path) -> None:
    """A record is held against the attestation beside it, if there is one: digest, files, member, engine and device."""
    model = served_model(NOW)
    record = _bound(tmp_path / "run", model)
    check_kept(tmp_path / "run", record)
    check_kept(tmp_path, record)
    others = [{"runner": dict(record.runner) | {name: "x"}} for name in ("attestation", "attestedBy")]
    for changed in (*others, {"model": Sha256("8" * 64)}, {"numerics": dict(record.numerics) | {"backend": "gpu"}}):
        with pytest.raises(VerificationFailed, match="not the attestation"):
            check_kept(tmp_path / "run", replace(record, **changed))  # type: ignore[arg-type]
    check_kept(tmp_path / "run", replace(record, weights=WeightsClass.CLAIMED, runner={}))
    (tmp_path / "run" / ATTESTATION).write_bytes(
        make_bundle(Statement((Subject("x", {"sha256": TREE}),), "x:y", {}), KEY).encode()
    )
    with pytest.raises(BadFormat):
        check_kept(tmp_path / "run", record)
