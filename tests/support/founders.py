"""Institutions that found a federation in tests: each with the keys of a node, and one for the federation's changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hanse.flows.federation.change import Change, Request, begin, make_request, parse_request, propose, settle
from hanse.flows.federation.kept import Federation
from hanse.keys.files import FileSigner, generate
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin
from hanse.sign.proposal import merge, parse_proposal, sign_proposal
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.members import Member
from hanse.tlog.note import ED25519, NoteKey

NAME = Origin("hanse.example")
NOW = 1_800_000_000


def _key() -> FileSigner:
    return generate(Scheme.ED25519)


@dataclass
class Founder:
    """One institution."""

    origin: Origin
    own: FileSigner = field(default_factory=_key)
    log: FileSigner = field(default_factory=_key)
    witness: FileSigner = field(default_factory=_key)
    mirror: FileSigner = field(default_factory=_key)

    @property
    def member(self) -> Member:
        """What it asks to be listed as."""
        return Member(
            self.origin,
            self.origin.title(),
            (f"https://{self.origin}",),
            (NoteKey(self.origin, self.log.public, ED25519),),
            (cosigner_key(f"{self.origin}/witness", self.witness.public),),
            (cosigner_key(f"{self.origin}/mirror", self.mirror.public),),
            (self.origin.partition(".")[0],),
            10**12,
        )

    def request(self, federation: Origin = NAME) -> Request:
        """Return its request as it is read at the other end."""
        return parse_request(make_request(federation, self.member, self.own, self.log))


def founders(count: int) -> list[Founder]:
    """Return some institutions."""
    return [Founder(Origin(f"member{at}.example")) for at in range(count)]


def changed(federation: Federation, change: Change, *by: Founder) -> Federation:
    """Return the federation after a change that these signed, each on a copy that travelled as a file."""
    file = propose(federation, change, NOW).encode()
    return settle(federation, merge([sign_proposal(parse_proposal(file), one.own) for one in by]))


def founded(people: list[Founder], need: int) -> Federation:
    """Return a federation of these, which the first began and which asks for `need` signatures."""
    first, *others = people
    federation = begin(NAME, first.member, first.own, NOW)
    if others:
        change = Change(add=tuple(one.request() for one in others), need=need)
        federation = changed(federation, change, *people)
    return federation
