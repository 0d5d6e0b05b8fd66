"""The federation's own history in the simulation, and what each party knows of it.

Changes are the real ones: requests signed by the key of a log, proposals signed by a threshold, TUF metadata that follows version
by version. Whoever walks does it by the code of a reader, over the network in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

from hanse.errors import HanseError
from hanse.flows.federation import change
from hanse.flows.federation.change import Change, parse_request
from hanse.flows.federation.follow import walk
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.keys.files import FileSigner
from hanse.model.publickey import Signer
from hanse.model.repo import Origin
from hanse.peers.client import Answer, PeerClient
from hanse.sign.federation import ROOT, TARGETS
from hanse.sign.proposal import sign_proposal
from hanse.tlog.members import Member

NAME = Origin("sim.example")


class Unkept(FederationFiles):
    """A folder that keeps nothing: what is known of the history is in memory."""

    def __init__(self) -> None:
        """Need no folder."""

    def put(self, name: Origin, role: str, version: int, data: bytes) -> None:
        """Keep nothing."""

    def names(self) -> list[Origin]:
        """Return that there is no other federation."""
        return []


class Lineage:
    """All versions that a threshold signed. time: the world's clock; keys: of members, who sign changes; need: how many do."""

    def __init__(self, time: list[int]) -> None:
        self.time = time
        self.keys: dict[str, FileSigner] = {}
        self.states: list[Federation] = []
        self.files: dict[str, bytes] = {}

    @property
    def newest(self) -> Federation:
        """The newest version."""
        return self.states[-1]

    def begin(self, member: Member, signer: FileSigner, others: Iterable[tuple[Member, FileSigner, Signer]]) -> None:
        """Found the federation of a first member and others."""
        self.keys[member.origin] = signer
        self._add(change.begin(NAME, member, signer, self.time[0]))
        requests = []
        for one, key, log in others:
            self.keys[one.origin] = key
            requests.append(parse_request(change.make_request(NAME, one, key, log)))
        count = len(requests) + 1
        self.propose(Change(add=tuple(requests), need=count // 2 + 1), self.keys)

    def propose(self, wanted: Change, by: Iterable[str]) -> bool:
        """Carry a change out if enough of these members sign it; tell whether they did."""
        proposal = change.propose(self.newest, wanted, self.time[0])
        for origin in by:
            if origin in self.keys:
                proposal = sign_proposal(proposal, self.keys[origin])
        try:
            self._add(change.settle(self.newest, proposal))
        except HanseError:
            return False
        return True

    def request(self, member: Member, signer: FileSigner, log: Signer) -> change.Request:
        """Return a member's request, as it is read at the other end."""
        return parse_request(change.make_request(NAME, member, signer, log))

    def _add(self, federation: Federation) -> None:
        self.states.append(federation)
        self.files |= {sha256(data).hexdigest(): data for data in federation.files.values()}


class Known:
    """What a party knows of the federation, at first the founded one. forged: metadata that a liar hands out by its path."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._federation: Federation | None = None
        self.forged: dict[str, bytes] = {}
        self.silent = False
        """Whether it hands out nothing but what it forged."""
        self.wrong: list[str] = []
        """What others showed that cannot be true."""

    @property
    def federation(self) -> Federation:
        """The version that it trusts."""
        return self._federation or self._lineage.states[1]

    def trust_newest(self) -> None:
        """Trust the newest version, as somebody who was there when it was signed."""
        self._federation = self._lineage.newest

    def walk(self, peers: PeerClient, others: Iterable[str]) -> bool:
        """Walk to the newest version that others have; tell whether it is a newer one."""
        before = self.federation
        trip = walk(peers, before, [f"https://{origin}" for origin in others], Unkept())
        self._federation = found = trip.federation
        self.wrong += trip.wrong.values()
        return found is not before and found != before

    def answer(self, path: str) -> Answer:
        """Answer what it has, and what it forged."""
        if path in self.forged:
            return Answer(200, "", self.forged[path])
        if self.silent:
            return Answer(404, "", b"")
        _, _, rest = path.partition("/")
        kind, _, file = rest.partition("/")
        data = self._file(kind, file) if kind else self._list()
        return Answer(404 if data is None else 200, "", data or b"")

    def _list(self) -> bytes:
        trusted, first = self.federation.trusted, self._lineage.states[0].first
        return json.dumps(
            {"federations": [{"name": NAME, "first": first, ROOT: trusted.root_version, TARGETS: trusted.targets_version}]}
        ).encode()

    def _file(self, kind: str, file: str) -> bytes | None:
        if kind == "files":
            return self._lineage.files.get(file)
        version, mine = int(file.partition(".")[0]), self.federation.trusted
        have = mine.root_version if kind == ROOT else mine.targets_version
        if version > have:
            return None
        for state in self._lineage.states:
            trusted = state.trusted
            if kind == ROOT and trusted.root_version == version:
                return trusted.root_data
            if kind == TARGETS and trusted.targets_version == version:
                return trusted.targets_data
        return None
