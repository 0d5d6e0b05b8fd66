"""At which checkpoint evidence shows a log: the newest one that enough others cosigned, as far as is known here what is enough.

For a moment after each entry the newest checkpoint has too few cosignatures. Who asks for what was there before must not be
refused for that, so he is shown the log at an older checkpoint:

1. The newest one that has what the federations ask for of which the log is (the policy that each lists for its readers), and a
   majority of those whom this node knows as cosigners of it.
2. Else the newest one that has the first alone; else the newest one that has the second alone.
3. Else the one that most cosigned, of several the newest.

An older checkpoint stands in for a newer one for a while only: cosignatures count that are not older than the policy allows, and
without a policy an hour. So a cosigner who fell silent hides nothing for long. Where no cosignature is that young, all count:
nobody is there any more who would make newer ones, and what was cosigned before still proves what it did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from hanse.db import cosignatures, cosigners
from hanse.db.cosignatures import Made
from hanse.errors import HanseError, NotFoundError
from hanse.flows.federation.defaults import policy_of
from hanse.flows.federation.kept import POLICY
from hanse.flows.federation.seen import Seen, seen_in
from hanse.flows.federation.trusted import federations_seen
from hanse.flows.foreign.checkpoints import MIRROR, WITNESS, known_cosigners
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.node import Node
from hanse.model.decision import Cosigned, EvidenceFacts, LogFacts, NameKind, Want, runs
from hanse.policy.presets import CAREFUL
from hanse.policy.rules import Quorum
from hanse.policy.view import View
from hanse.tlog.note import NoteKey

RECENT_SECONDS = 3600
"""How old cosignatures of an older checkpoint may be that nobody's policy says anything of."""


@dataclass(frozen=True, slots=True)
class _Quorum:
    """All of these policies' cosigners, none of whom signed longer than `age` seconds ago."""

    policies: tuple[LoadedPolicy, ...]
    age: int


class Enough:
    """What is enough for whom, while one evidence file is made. seen: leaves of logs that the reader saw before, by origin."""

    def __init__(self, node: Node, seen: Mapping[str, int] | None = None) -> None:
        self._node = node
        self.seen: Mapping[str, int] = seen or {}
        self._now = node.clock.now()
        with node.db.read() as conn:
            self._asked = {(row.name, row.kind) for row in cosigners.every(conn)}
        self._keys = {(key.name, key.key_id.hex()): key for key in known_cosigners(node)}

    def newest(self, origin: str, least: int, among: Collection[int] | None = None) -> int | None:
        """Return the size to show a log at, at least `least` and one of `among`; None if nobody cosigned any of them."""
        with self._node.db.read() as conn:
            made = cosignatures.made(conn, origin, least)
        sizes = [size for size in made if among is None or size in among]
        quorums = tuple(self._quorums(origin))
        for oldest in (lambda age: self._now - age), (lambda _: 0):
            for one in quorums:
                for size in sizes:
                    if self._since(one, origin, size, made[size]) >= oldest(one.age):
                        return size
            counts = {size: _count(made[size], oldest(RECENT_SECONDS)) for size in sizes}
            if any(counts.values()):
                return max(sizes, key=lambda size: (counts[size], size))
        return None

    def _quorums(self, origin: str) -> Iterator[_Quorum]:
        """Yield what is enough, the most first."""
        stated = tuple(one for one in _stated(self._node, origin) if _asks(one, origin))
        majority = tuple(one for one in (self._majority(origin),) if _asks(one, origin))
        if stated:
            yield _Quorum((*stated, *majority), RECENT_SECONDS)
            yield _Quorum(stated, min(one.policy.freshness.max_age for one in stated))
        if majority:
            yield _Quorum(majority, RECENT_SECONDS)

    def _majority(self, origin: str) -> LoadedPolicy:
        """Return a policy that asks for more than half of the known cosigners of a log, of each kind."""
        quorums = []
        for kind in (WITNESS, MIRROR):
            others = sum(1 for name, asked in self._asked if asked == kind and not runs(origin, name))
            others += origin != self._node.origin  # this node
            quorums.append(Quorum(need=others // 2 + 1 if others else 0))
        return LoadedPolicy(replace(CAREFUL, witness=quorums[0], mirror=quorums[1]), "a majority")

    def _since(self, quorum: _Quorum, origin: str, size: int, made: Sequence[Made]) -> int:
        """Return since when a checkpoint has the cosigners of a quorum, -1 if it has not."""
        known = [(one, key) for one in made if (key := self._keys.get((one.name, one.key_id))) is not None]
        times = []
        for loaded in quorum.policies:
            log = _facts(loaded, origin, size, known)
            view = View(loaded.policy, EvidenceFacts(self._now, Want.LATEST, NameKind.BARE))
            for mirror in (False, True):
                if (loaded.policy.mirror if mirror else loaded.policy.witness).asks(origin):
                    since = view.time(log, mirror=mirror)
                    times.append(-1 if since is None else since)
        return min(times)


def cosigned_checkpoint(node: Node) -> bytes:
    """Return the newest checkpoint of this node's log that enough others cosigned; raises NotFoundError if nobody did."""
    size = Enough(node).newest(node.origin, 0)
    if size is None:
        raise NotFoundError(f"nobody cosigned {node.origin} yet", hint="it takes a witness: hanse witness ask, and a moment")
    return node.log.checkpoint(size)


def _facts(loaded: LoadedPolicy, origin: str, size: int, known: Sequence[tuple[Made, NoteKey]]) -> LogFacts:
    """Return a checkpoint with its cosignatures as a policy judges it."""
    found, quorums = [], []
    for kind in (WITNESS, MIRROR):
        signed = [(one, key) for one, key in known if one.kind == kind]
        found.append(
            tuple(Cosigned(one.name, key.public.fingerprint, one.time, one.name.rpartition("/")[0]) for one, key in signed)
        )
        quorums.append(loaded.quorum(origin, {key: one.time for one, key in signed}, mirror=kind == MIRROR))
    return LogFacts(origin, size, witnesses=found[0], mirrors=found[1], witness=quorums[0], mirror=quorums[1])


def _asks(loaded: LoadedPolicy, origin: str) -> bool:
    return loaded.policy.witness.asks(origin) or loaded.policy.mirror.asks(origin)


def _count(made: Sequence[Made], oldest: int) -> int:
    """Return how many cosigners, of either kind, signed a checkpoint at a time or later."""
    return len({(one.name, one.kind) for one in made if one.time >= oldest})


def _stated(node: Node, origin: str) -> Iterator[LoadedPolicy]:
    """Yield the policies that federations list for readers of a member's log; what cannot be read asks for nothing."""
    if node.federations is not None:
        with suppress(HanseError):
            folder = node.federations.folder
            yield from (loaded for members, loaded in _listed(folder, seen_in(folder)) if origin in members)


@lru_cache(maxsize=4)
def _listed(folder: Path, seen: Seen) -> tuple[tuple[frozenset[str], LoadedPolicy], ...]:
    """Return the members of each federation kept in a folder, with the policy that it lists, if it is one that can be used."""
    found = []
    for one in federations_seen(folder, seen):
        with suppress(HanseError):
            if POLICY in one.files:
                found.append((frozenset(map(str, one.members.members)), policy_of(one)))
    return tuple(found)
