"""Verified facts for policies, written in one line each: who signed, who cosigned, when."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from hanse.model.decision import Cosigned, EvidenceFacts, Known, LogFacts, NameKind, Scanned, Signed, Want
from hanse.model.finding import Coverage, Verdict

NOW = 1_800_000_000
HOME = "a.example"
OTHERS = ("b.example", "c.example", "d.example", "e.example")


def fingerprint(name: str) -> str:
    """Return a fingerprint that belongs to `name`."""
    return sha256(name.encode()).hexdigest()


def cosigned(member: str, age: int = 60) -> Cosigned:
    """Return a cosignature of a member, of `age` seconds ago."""
    return Cosigned(f"{member}/witness", fingerprint(f"{member} witness"), NOW - age, member)


def signed(member: str, *, owner: bool = False, held: bool = False, log: str | None = None) -> Signed:
    """Return a member's attestation, in its own log unless said otherwise."""
    return Signed(member, fingerprint(f"{member} attest"), member if log is None else log, owner, held)


def log(
    origin: str, *cosigners: str, age: int = 60, known: Known = Known.CONFIGURED, home: bool = False, current: bool = True
) -> LogFacts:
    """Return a log that so many others witnessed and mirrored, `age` seconds ago."""
    by = tuple(cosigned(one, age) for one in cosigners)
    return LogFacts(origin, 10, NOW - age, known, home, current, True, by, by)


def good(*members: str, age: int = 60) -> EvidenceFacts:
    """Return the facts of an owned name that its owner and these members signed, each log cosigned by all others of five."""
    everyone = (HOME, *OTHERS)
    logs = tuple(log(one, *(other for other in everyone if other != one), age=age, home=one == HOME) for one in (HOME, *members))
    return EvidenceFacts(
        now=NOW,
        want=Want.LATEST,
        kind=NameKind.OWNED,
        repo="a.example/org/m",
        rev="1" * 40,
        tree="2" * 64,
        signatures=(signed(HOME, owner=True), *(signed(one) for one in members)),
        logs=logs,
        scans=(Scanned("", Verdict.SAFE, Coverage.COMPLETE),),
        owner=Known.CONFIGURED,
    )


def with_log(facts: EvidenceFacts, origin: str, **changes: object) -> EvidenceFacts:
    """Return the facts with one log changed."""
    return replace(facts, logs=tuple(replace(one, **changes) if one.origin == origin else one for one in facts.logs))
