"""What a member says of a model that it serves: an answer to a caller's challenge, and a signature under every answer.

1. The caller draws a challenge. The member answers with a signed statement (`ENDPOINT`) about the tree of the files that it
   hashed and loaded: the challenge, the engine as it was observed after loading, until when this holds, and a key for answers,
   which is made anew whenever the engine is started.
2. With each request the caller sends another challenge. That key signs challenge, request and answer, so that no answer can be
   changed, exchanged or used again on its way, whoever passes it on.

That the member tells the truth about what it loaded is its word: this shows whose word it is, and that it is about these answers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat, VerificationFailed
from hanse.evals.engine import Observed
from hanse.evals.record import CLASS_FIELDS
from hanse.evals.recordform import parse_texts
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin, parse_origin

ENDPOINT = "https://hanse/endpoint/v1"
MAX_SECONDS = 12 * 3600
"""Longest time for which an attestation holds."""
MAX_SKEW = 300
"""Seconds by which the clocks of caller and member may differ."""
MAX_ATTESTATION_BYTES = 64 * 1024
CHALLENGE_HEADER = "x-hanse-challenge"
KEY_HEADER = "x-hanse-key"
"""Of an attestation: the public key that signed it, in base64 of DER. Whose it is, the caller must know."""
SIGNATURE_HEADER = "x-hanse-answer-signature"
SHOWN = "hanse"
"""Field of an answer with what the OpenAI form has no place for: `rendered` and `promptIds`."""
_CHALLENGE = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"member", "challenge", "answers", "numerics", "hardware", "from", "until"}
_MAX_TIME = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a member says of its endpoint.

    member: its origin; answers: the key that signs answers; numerics, hardware: as in a record; start, until: seconds since 1970.
    """

    member: Origin
    challenge: str
    answers: PublicKey
    numerics: Mapping[str, str]
    hardware: Mapping[str, str]
    start: int
    until: int

    @property
    def observed(self) -> Observed:
        """The engine, as the member says that it observed it."""
        gaps = tuple(f"numerics.{name}" for name in CLASS_FIELDS if name not in self.numerics)
        return Observed(dict(self.numerics), dict(self.hardware), gaps)

    def predicate(self) -> dict[str, Any]:
        """Return the predicate of the statement."""
        said: dict[str, Any] = {"member": str(self.member), "challenge": self.challenge, "answers": self.answers.text}
        said |= {"numerics": dict(self.numerics), "hardware": dict(self.hardware)}
        return said | {"from": self.start, "until": self.until}


def parse_challenge(text: str) -> str:
    """Return a challenge, 32 bytes in lower-case hex; raises BadFormat for anything else."""
    if _CHALLENGE.fullmatch(text) is None:
        raise BadFormat(f"a challenge is 64 lower-case hex digits, got {text[:80]!r}")
    return text


def parse_attestation(predicate: Mapping[str, Any]) -> Attestation:
    """Return what a predicate says; raises BadFormat or BadRepoId for one that is not of this form."""
    if predicate.keys() != _FIELDS:
        raise BadFormat(f"an attestation of an endpoint has the fields {', '.join(sorted(_FIELDS))}")
    texts = {name: predicate[name] for name in ("member", "challenge", "answers")}
    if any(type(one) is not str for one in texts.values()):
        raise BadFormat("member, challenge and answers of an attestation are texts")
    start, until = predicate["from"], predicate["until"]
    if any(type(one) is not int or not 0 <= one <= _MAX_TIME for one in (start, until)) or not 0 < until - start <= MAX_SECONDS:
        raise BadFormat(f"an attestation holds from a time until a later one, {MAX_SECONDS:,} seconds at most")
    return Attestation(
        parse_origin(texts["member"]),
        parse_challenge(texts["challenge"]),
        PublicKey.from_text(texts["answers"]),
        parse_texts(predicate["numerics"], "numerics"),
        parse_texts(predicate["hardware"], "hardware"),
        start,
        until,
    )


def check_attestation(one: Attestation, challenge: str, now: int) -> None:
    """Check that an attestation answers this challenge and holds now; raises VerificationFailed with every reason against it."""
    failed = []
    if one.challenge != challenge:
        failed.append("it answers another challenge than the one that was sent: it is one from before, or for somebody else")
    if now < one.start - MAX_SKEW:
        failed.append(f"it begins {one.start - now:,} seconds from now: compare the clocks of both machines")
    if now >= one.until:
        failed.append(f"it ended {now - one.until:,} seconds ago")
    if failed:
        raise VerificationFailed("the attestation does not hold", failed=tuple(failed))


def answer_bytes(challenge: str, path: str, request: bytes, status: int, answer: bytes) -> bytes:
    """Return what is signed under an answer. path: the last parts of the address, such as `chat/completions`."""
    asked, said = hashlib.sha256(request).hexdigest(), hashlib.sha256(answer).hexdigest()
    return f"hanse-endpoint-answer/v1\n{challenge}\n{path}\n{asked}\n{status}\n{said}\n".encode()
