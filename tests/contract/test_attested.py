"""A member's endpoint over HTTP, and somebody between who changes what it says."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial

import pytest
from tests.support.endpoints import KEY, MEMBER, NAME, TREE, Between, served_model, serving
from tests.support.openaiserver import Model, sums
from tests.support.openaiserver import serving as plain

from hanse.errors import BadSignature, HanseError, PeerMisbehaved, PeerRefused, VerificationFailed
from hanse.evals.endpoint import MAX_ATTESTATION_BYTES
from hanse.evals.engine import Ask
from hanse.evals.itemtable import Status
from hanse.evals.suite import Request
from hanse.flows.evaluate.attested import Believed, check
from hanse.model.decision import Signed
from hanse.peers.attested import Attested, AttestedEndpoint

SUITE = sums(20)
ASK = Ask(SUITE.items[0], 0, Request.CHAT, SUITE.decoding)
SIGNERS = Believed.of_signers([Signed(MEMBER, KEY.public.fingerprint)])


def _check(data: bytes, key: str, challenge: str) -> Attested:
    return check((data, key), challenge, TREE, SIGNERS, int(time.time()))


open_endpoint = partial(AttestedEndpoint, model=NAME, check=_check, pause=lambda _: None)


def test_answers_under_an_attestation() -> None:
    """What answers is what the member says that it observed, and every answer's signature was checked; so is a refusal's."""
    with serving(served_model(int(time.time())), key="s3cret") as url:
        with pytest.raises(PeerRefused):
            open_endpoint(url)
        with closing(open_endpoint(url, key="s3cret")) as engine:
            assert engine.observed().numerics["engine"] == "adder"
            answer = engine.answer(ASK)
            assert (answer.text, answer.rendered) == ("1", ASK.item.messages[-1][1])
            refused = engine.answer(Ask(SUITE.items[0], 0, Request.CHAT, SUITE.decoding.__class__(0.0, 1.0, 0)))
            assert refused.status is Status.OK, "0 tokens are as many as the server likes"


def test_an_answer_that_was_changed() -> None:
    """Another text, another status, a signature that is missing or of an earlier answer: each ends the run."""
    kept: list[tuple[bytes, bytes]] = []

    def replayed(path: str, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        signed = [one for one in headers if one[0] == b"x-hanse-answer-signature"]
        kept.extend(signed)
        return [one for one in headers if one not in signed] + kept[:1] if "completions" in path else headers

    lies = (
        Between(change=lambda path, body: body.replace(b'"content": "1"', b'"content": "2"') if "chat" in path else body),
        Between(headers=lambda _, headers: [one for one in headers if one[0] != b"x-hanse-answer-signature"]),
        Between(headers=lambda _, headers: [*headers, (b"x-hanse-answer-signature", b"%%%")]),
    )
    for lie in lies:
        with (
            serving(served_model(int(time.time())), lie) as url,
            closing(open_endpoint(url)) as engine,
            pytest.raises(BadSignature),
        ):
            engine.answer(ASK)
    with serving(served_model(int(time.time())), Between(headers=replayed)) as url, closing(open_endpoint(url)) as engine:
        engine.answer(ASK)
        with pytest.raises(BadSignature):
            engine.answer(ASK)


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: b"x" * (MAX_ATTESTATION_BYTES + 1),
        lambda _, body: body[:-10],
        lambda _, body: body.replace(b'"sig":"M', b'"sig":"A'),
        lambda *_: b"",
    ],
)
def test_an_attestation_that_is_none(change: object) -> None:
    """One that is huge, cut, or changed is refused before anything is asked."""
    with serving(served_model(int(time.time())), Between(change=change)) as url, pytest.raises(HanseError):  # type: ignore[arg-type]
        open_endpoint(url)


def test_one_of_before() -> None:
    """An attestation that was kept from another caller's challenge is refused, and so is one that has ended."""
    old = served_model(int(time.time())).attest("0" * 64)[0]
    with serving(served_model(int(time.time())), Between(change=lambda *_: old)) as url, pytest.raises(VerificationFailed):
        open_endpoint(url)
    with serving(served_model(int(time.time()) - 7200)) as url, pytest.raises(VerificationFailed):
        open_endpoint(url)


def test_a_server_that_attests_nothing() -> None:
    """Any other server is told apart: it has no such address, or answers something else."""
    with plain(Model()) as url, pytest.raises((PeerRefused, PeerMisbehaved)):
        open_endpoint(url)


def test_it_is_asked_again_before_it_ends() -> None:
    """Near its end a new attestation is asked for; one that names another key for answers ends the run."""
    now = int(time.time())
    model = served_model(now, seconds=30)
    with serving(model) as url, closing(open_endpoint(url)) as engine:
        first = engine.attested
        engine.answer(ASK)
        assert engine.attested.payload != first.payload
        model._answers = KEY  # type: ignore[assignment]
        with pytest.raises(VerificationFailed):
            engine.answer(ASK)
