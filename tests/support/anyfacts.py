"""Facts and policies at random, half of them near what is accepted; the same seed gives the same ones."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TypeVar

from tests.support.facts import HOME, NOW, OTHERS, fingerprint, good

from hanse.model.decision import (
    Cosigned,
    EvidenceFacts,
    Known,
    LogFacts,
    NameKind,
    OwnerChange,
    Quorum,
    Rung,
    Scanned,
    Signed,
    Want,
)
from hanse.model.finding import Coverage, Verdict
from hanse.policy import rules
from hanse.policy.presets import PRESETS
from hanse.policy.rules import Consequence, Group, Policy, Threshold

T = TypeVar("T")
MEMBERS = (HOME, *OTHERS[:3])
KEYS = tuple(fingerprint(name) for name in MEMBERS)
GROUPS = ("anyone", "anyone", "north", "south", "keys")


def some(random: Random, make: T, rate: float, other: T) -> T:
    """Return `make` with this probability, else `other`."""
    return make if random.random() < rate else other


def any_time(random: Random) -> int:
    """Return a time about now."""
    return random.choice((0, NOW, NOW - 3600, NOW - 86_400, NOW - random.randrange(200_000), NOW + random.randrange(9000)))


def any_cosigned(random: Random) -> tuple[Cosigned, ...]:
    """Return cosignatures, some of them of unknown members or with shared keys."""
    found = []
    for _ in range(random.randrange(5)):
        member = random.choice(MEMBERS)
        found.append(Cosigned(f"{member}/w", random.choice(KEYS), any_time(random), some(random, member, 0.8, "")))
    return tuple(found)


def any_quorum_fact(random: Random) -> Quorum | None:
    """Return how a log stands to its own tlog-policy."""
    return random.choice((None, Quorum(None), Quorum(any_time(random)), Quorum(NOW)))


def any_log(random: Random, origin: str = "") -> LogFacts:
    """Return a log about which anything may be known."""
    return LogFacts(
        origin=origin or random.choice(MEMBERS),
        size=9,
        time=some(random, any_time(random), 0.7, None),
        known=random.choice(list(Known)),
        home=random.random() < 0.5,
        current=random.random() < 0.5,
        advisories=random.random() < 0.5,
        witnesses=any_cosigned(random),
        mirrors=any_cosigned(random),
        witness=any_quorum_fact(random),
        mirror=any_quorum_fact(random),
        keys=frozenset({random.choice(KEYS)}) if random.random() < 0.3 else frozenset(),
        silent_since=some(random, NOW, 0.1, None),
    )


def any_signed(random: Random) -> Signed:
    """Return a signature of anybody, in any log or none."""
    member = random.choice((*MEMBERS, ""))
    return Signed(member, random.choice(KEYS), some(random, member, 0.8, ""), random.random() < 0.3, random.random() < 0.5)


def any_facts(random: Random) -> EvidenceFacts:
    """Return facts: wild ones, or good ones with a few things changed."""
    if random.random() < 0.3:
        logs = tuple(any_log(random, origin) for origin in random.sample(MEMBERS, random.randrange(4)))
        wild = EvidenceFacts(NOW, random.choice(list(Want)), random.choice(list(NameKind)), logs=logs)
        return _spoilt(random, replace(wild, signatures=tuple(any_signed(random) for _ in range(random.randrange(5)))), 0.5)
    facts = good(*random.sample(OTHERS[:3], random.randrange(4)), age=random.choice((60, 5000, 50_000, 100_000)))
    facts = replace(facts, want=random.choice(list(Want)), kind=random.choice((NameKind.OWNED, *NameKind)))
    changed = tuple(some(random, one, 0.7, _bent(random, one)) for one in facts.logs)
    return _spoilt(random, replace(facts, logs=changed), 0.07)


def _bent(random: Random, log: LogFacts) -> LogFacts:
    """Return a log with one thing changed."""
    other = any_log(random, log.origin)
    name = random.choice(("known", "home", "current", "advisories", "witnesses", "mirrors", "witness", "mirror", "keys", "time"))
    return replace(log, **{name: getattr(other, name)})


def _spoilt(random: Random, facts: EvidenceFacts, rate: float) -> EvidenceFacts:
    """Return facts of which each value that stands for itself is changed with this probability."""
    scan = Scanned(random.choice(("", *MEMBERS)), random.choice(list(Verdict)), random.choice(list(Coverage)))
    return replace(
        facts,
        scans=some(random, random.choice(((), (scan,), (*facts.scans, scan))), rate, facts.scans),
        owner=some(random, random.choice(list(Known)), rate, facts.owner),
        owner_change=some(random, random.choice(list(OwnerChange)), rate, facts.owner_change),
        tree_changed=random.random() < rate / 2,
        rivals=some(random, random.randrange(4), rate, facts.rivals),
    )


def grown(random: Random, facts: EvidenceFacts) -> EvidenceFacts:
    """Return facts with signatures, cosignatures and logs added, and cosignatures that were renewed."""
    logs = []
    for log in facts.logs:
        newer = tuple(replace(one, time=one.time + random.choice((0, 50_000))) for one in log.witnesses)
        again = tuple(replace(one, time=one.time + random.choice((0, 50_000))) for one in log.mirrors)
        logs.append(replace(log, witnesses=newer + any_cosigned(random), mirrors=again + any_cosigned(random)))
    taken = {log.origin for log in logs} | {one.log for one in facts.signatures}
    logs += [any_log(random, origin) for origin in MEMBERS if origin not in taken and random.random() < 0.5]
    return replace(facts, logs=tuple(logs), signatures=facts.signatures + tuple(any_signed(random) for _ in range(2)))


def any_policy(random: Random) -> Policy:
    """Return a preset with a few things changed."""
    policy = PRESETS[random.choice(sorted(PRESETS))]
    changes = {
        "rung": random.choice(list(Rung)),
        "signers": _quorum(random, logs=False),
        "witness": _quorum(random, logs=True),
        "mirror": _quorum(random, logs=True),
        "freshness": replace(policy.freshness, latest=_consequence(random), pinned=_consequence(random)),
        "advisories": replace(policy.advisories, stale=_consequence(random), maps=random.choice((1, 2))),
        "scan": replace(policy.scan, of=random.choice(GROUPS), missing=_consequence(random)),
        "pins": replace(policy.pins, first_use=_consequence(random)),
        "owner": replace(policy.owner, held=random.random() < 0.2),
    }
    groups = {
        "north": Group(frozenset(MEMBERS[:2])),
        "south": Group(frozenset(MEMBERS[2:]), groups=frozenset({"keys"})),
        "keys": Group(keys=frozenset(KEYS[:2])),
    }
    chosen = {name: value for name, value in changes.items() if random.random() < 0.25}
    return replace(policy, groups=groups, **chosen)  # type: ignore[arg-type]  # each value is of its field's type


def _consequence(random: Random) -> Consequence:
    return random.choice(list(Consequence))


def _quorum(random: Random, *, logs: bool) -> rules.Quorum:
    also = (Threshold(random.choice((1, 2)), random.choice(GROUPS)),) if random.random() < 0.3 else ()
    own = {random.choice(MEMBERS): "quorum none\n"} if logs and random.random() < 0.3 else {}
    return rules.Quorum(random.randrange(4), random.choice(GROUPS), also, own)
