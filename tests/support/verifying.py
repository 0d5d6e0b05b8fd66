"""A small world for tests of verification: three members, one revision, and short ways to verify its evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.evidence import MAIN, NOW, Member, Revision

from hanse.errors import HanseError, VerificationFailed
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.pins import LogPin, Pins, RefPin
from hanse.flows.policies import load_policy
from hanse.flows.trust import Cosigner, Trust, Wanted, mirror_name, witness_name
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.digest import Sha256
from hanse.model.evidence import LogEvidence, encode_evidence, parse_evidence
from hanse.model.key_leaf import KeyUse
from hanse.model.repo import RepoType
from hanse.policy.parse import parse_policy
from hanse.sign.statement import UpstreamClaim, observation_statement
from hanse.tlog.cosignature import cosigner_key

CONTENTS = {"config.json": b"{}", "model.safetensors": b"w" * 100}
LATEST = Wanted(type=RepoType.MODEL, repo="org/name", ref=MAIN)
NOWHERE = Path("/nonexistent")


@dataclass
class World:
    """Three members; the first publishes `revision`."""

    a: Member
    b: Member
    c: Member
    revision: Revision

    @property
    def by_rev(self) -> Wanted:
        """The revision by its commit id."""
        return replace(LATEST, ref=None, rev=self.revision.rev)

    def checkpoint(self, time: int = NOW) -> bytes:
        """Return the publisher's checkpoint, cosigned by the others."""
        return self.a.checkpoint([self.b, self.c], [self.b, self.c], time=time)

    def evidence(self) -> bytes:
        """Return the evidence of the revision."""
        return self.a.evidence(self.revision, self.checkpoint())

    def cosigners(self) -> tuple[Cosigner, ...]:
        """Return all members as a reader knows them."""
        found = []
        for one in (self.a, self.b, self.c):
            found.append(Cosigner(cosigner_key(witness_name(one.origin), one.witness.public), one.origin))
            found.append(Cosigner(cosigner_key(mirror_name(one.origin), one.mirror.public), one.origin, mirror=True))
        return tuple(found)

    def trust(self) -> Trust:
        """Return the trust of a reader who has all members configured."""
        return Trust(logs={one.origin: (one.vkey,) for one in (self.a, self.b, self.c)}, cosigners=self.cosigners())

    def attested_by(self, member: Member) -> tuple[LogEvidence, bytes]:
        """Let a member observe the revision; return what is shown of its log, and its bundle."""
        one = self.revision
        claim = UpstreamClaim(len(CONTENTS), sum(map(len, CONTENTS.values())), Sha256("0" * 64))
        said = observation_statement(one.repo, MAIN, one.rev, one.tree, observer=member.origin, seq=1, claim=claim, time=NOW)
        bundle, index = member.log_statement(said, one.repo, one.rev, one.tree)
        others = [other for other in (self.a, self.b, self.c) if other is not member]
        return member.shown([member.keys[KeyUse.ATTEST], index], member.checkpoint(others, others)), bundle.encode()

    def shown_with(self, indices: list[int], revision: Revision | None = None) -> bytes:
        """Return evidence of a revision that shows these leaves of the publisher's log, and the position as it is."""
        one = revision or self.revision
        value = self.a.map_proof(one.repo, one.ref, (one.seq, one.rev, one.tree))
        return encode_evidence([one.bundle.encode()], [self.a.shown(indices, self.checkpoint())], [value])


def make_world() -> World:
    """Return a fresh world; everything in it is the same every time but ECDSA signatures."""
    a, b, c = (Member(f"{name}.example") for name in "abc")
    a.publish("org/other", {"x": b"1"})
    return World(a, b, c, a.publish("org/name", CONTENTS))


def preset(name: str = "open") -> LoadedPolicy:
    """Return a preset."""
    return load_policy(name, NOWHERE)


def policy_of(text: str) -> LoadedPolicy:
    """Return the policy in a TOML text."""
    return complete(parse_policy(text), "test", NOWHERE)


def verify(
    evidence: bytes,
    trust: Trust | None = None,
    policy: LoadedPolicy | None = None,
    *,
    want: Wanted = LATEST,
    now: int = NOW,
) -> VerifiedRevision:
    """Verify an evidence file, by default under the preset `open` and knowing nobody."""
    return verify_revision(parse_evidence(evidence), trust or Trust(), policy or preset(), want, now)


def failures(
    evidence: bytes, trust: Trust | None = None, policy: LoadedPolicy | None = None, *, want: Wanted = LATEST
) -> tuple[str, ...]:
    """Return why an evidence file is not verified: the steps that failed, or what its form is refused for."""
    with pytest.raises(HanseError) as error:
        verify(evidence, trust, policy, want=want)
    if isinstance(error.value, VerificationFailed):
        assert error.value.failed
        return error.value.failed
    return (error.value.message,)


def pinned(member: Member, size: int) -> Pins:
    """Return what a reader has of a member's log who saw it at a size."""
    head = member.log.head(size)
    note = member.checkpoint(size=size).decode()
    return Pins(member.origin, LogPin((member.vkey.text,), NOW - 500, size, head.root.hex(), note, NOW - 500))


def with_ref(pins: Pins, position: RefPin) -> Pins:
    """Return pins that also have a position of `main` of the model."""
    return replace(pins, refs={("model", "org/name", MAIN): position})
