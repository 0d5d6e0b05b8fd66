"""A member's endpoint, whose every answer is signed by a key that the member's attestation names (`hanse.evals.endpoint`).

What is checked here: the attestation, by `check`, against a challenge drawn for it; that a later one, which is asked for when the
first has nearly ended, is by the same key and names the same key for answers; and the signature under each answer, also under a
refusal of an item, against a challenge of its own. What is not signed so is no answer.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from hanse.clock import SystemClock
from hanse.errors import BadSignature, PeerMisbehaved, PeerRefused, VerificationFailed
from hanse.evals.endpoint import (
    CHALLENGE_HEADER,
    KEY_HEADER,
    MAX_ATTESTATION_BYTES,
    SHOWN,
    SIGNATURE_HEADER,
    Attestation,
    answer_bytes,
)
from hanse.evals.engine import Answer, Observed
from hanse.evals.openaiform import parse_answer
from hanse.model.digest import Sha256
from hanse.peers.client import Answer as Reply
from hanse.peers.client import PeerClient
from hanse.peers.openai import MAX_ANSWER_BYTES, Endpoint

RENEW_SECONDS = 60
"""So long before an attestation ends another one is asked for."""
_SIGNED = frozenset({200, 400})
_MAX_SIGNATURE = 200
_MAX_IDS = 65_536


@dataclass(frozen=True, slots=True)
class Attested:
    """An attestation that was checked. key: fingerprint of the member's; bundle: as it came; payload: SHA-256 of its text."""

    attestation: Attestation
    key: Sha256
    bundle: bytes
    payload: Sha256


Check = Callable[[bytes, str, str], Attested]
"""Takes a bundle, the text of the key that it is said to be by, and the challenge; raises for what is not to be believed."""


class AttestedEndpoint(Endpoint):
    """An engine behind a member's address. key, pause: as for `Endpoint`; check: judges an attestation.

    Raises PeerRefused where nothing is attested, and what `check` raises.
    """

    def __init__(
        self, base: str, model: str, check: Check, *, key: str = "", pause: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(base, model, key=key, pause=pause)
        self._check = check
        try:
            self.attested = self._attestation()
        except BaseException:
            self.close()
            raise

    def observed(self) -> Observed:
        """Return the engine, as the member says that it observed it."""
        return self.attested.attestation.observed

    def _attestation(self) -> Attested:
        challenge = secrets.token_hex(32)
        url = f"{self._base}/attestation/{challenge}"
        # A client of its own, which does not wait as long as for an answer.
        with closing(PeerClient()) as client:
            answer = client.request("GET", url, limit=MAX_ATTESTATION_BYTES, headers=self._headers)
        if answer.status != 200:
            raise PeerRefused(f"{self._base} attests nothing: it answers {answer.status}", status=answer.status)
        return self._check(answer.body, answer.headers.get(KEY_HEADER, ""), challenge)

    def _renewed(self) -> Attestation:
        """Return the attestation in force; raises VerificationFailed if the endpoint is another one by now."""
        before = self.attested
        if SystemClock().now() + RENEW_SECONDS >= before.attestation.until:
            found = self._attestation()
            if found.key != before.key or found.attestation.answers != before.attestation.answers:
                raise VerificationFailed(
                    "the endpoint is another one than before: it was started anew, or another member answers",
                    failed=("another key signs its attestation, or its answers",),
                    hint="the same command goes on, under an attestation of the engine that runs now",
                )
            self.attested = found
        return self.attested.attestation

    def _send(self, path: str, data: bytes) -> Reply:
        attestation, challenge = self._renewed(), secrets.token_hex(32)
        headers = self._headers | {CHALLENGE_HEADER: challenge}
        answer = self._client.request("POST", f"{self._base}/{path}", data, limit=MAX_ANSWER_BYTES, headers=headers)
        if answer.status in _SIGNED:
            signature = _signature(answer.headers.get(SIGNATURE_HEADER, ""))
            try:
                attestation.answers.verify(signature, answer_bytes(challenge, path, data, answer.status, answer.body))
            except BadSignature as error:
                raise BadSignature(
                    "an answer is not signed by the key that the endpoint's attestation names",
                    hint="the endpoint was started anew, and the same command goes on; or somebody between changed an answer",
                ) from error
        return answer

    def _body(self, body: dict[str, Any], *, chat: bool) -> dict[str, Any]:
        return body | {"logprobs": True if chat else 1}

    def _parse(self, said: Mapping[str, Any], rendered: str, *, chat: bool) -> Answer:  # noqa: ARG002 the member says it
        shown = said.get(SHOWN)
        if type(shown) is not dict or type(shown.get("rendered")) is not str:
            raise PeerMisbehaved("the answer does not say which prompt the model saw")
        return replace(parse_answer(said, shown["rendered"], chat=chat), prompt_ids=_ids(shown.get("promptIds")))


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text[:_MAX_SIGNATURE], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("the signature of an answer is no base64") from error


def _ids(value: object) -> tuple[int, ...]:
    if type(value) is not list or len(value) > _MAX_IDS or any(type(one) is not int or not 0 <= one < 2**32 for one in value):
        return ()
    return tuple(value)
