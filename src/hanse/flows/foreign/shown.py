"""What other members' logs say about a revision, as parts of an evidence file, from copies that this node holds as a mirror.

1. Logs that list a statement about the revision, the log that answers for the name, and the other mirrored ones, of which only
   the newest snapshot is shown, with the advisories in force.
2. Of each the newest checkpoint that enough others cosigned (`hanse.flows.enough`), among those at which the copy was cosigned
   here and which have a manifest of the revision and the position of its ref. Where the log that answers for the name has a
   manifest, others need none: who has just attested a copy is shown as before for a moment, so that his map of advisories counts.
3. Statements whose bundle is here, with the leaves that log them and the keys that signed them; a payload that several signed is
   in one bundle only.
4. The newest snapshot, what came after it, and what its map of refs has for each ref. Of the log that answers for the name also
   the leaf of that position and the keys of the namespace.
5. The leaves about the newest lists of federations, by which a reader notices that he is kept from one.

Only public repositories stand in these logs in clear, so only of these anything is found. A copy that is damaged or too far
behind is left out: the file says less then, and nothing false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hanse.db import foreign, sightings, witnesses
from hanse.db.foreign import KeptCheckpoint
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.sightings import Said
from hanse.errors import BlobNotFound, HanseError
from hanse.flows.advisories.book import shown as listed_advisories
from hanse.flows.enough import Enough
from hanse.flows.foreign import statements
from hanse.flows.foreign.checkpoints import shown_note
from hanse.flows.foreign.copies import Copy
from hanse.flows.newer_lists import newest_of
from hanse.flows.node import Node
from hanse.flows.replays import KeptMaps
from hanse.model.digest import GitOid
from hanse.model.evidence import LogEvidence, MapEvidence, MapName
from hanse.model.listed_advisories import AdvisoriesEvidence
from hanse.model.predicates import REPEATED
from hanse.model.repo import Origin
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS
from hanse.tlog.map import ref_key, ref_value

MAX_LOGS = 16
"""Logs of others that one file shows."""
MAX_SAID = 64
"""Statements about one revision that are looked at, in all logs together."""
MAX_TAIL = 64
MAX_LISTS = 64
"""Newest leaves about federations' lists that are looked at."""
MAX_BRIEF = 4
"""Leaves after a snapshot that are shown, also of a log that says nothing about the revision."""
MAX_BUNDLES = 8
"""Statements of one log about one revision that are shown, beside evaluations."""
MAX_EVALUATIONS = 16
"""Evaluations and countersignatures of one log about one revision that are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about.

    refs: full names that are to be shown; told: whether the log that answers for the name has a manifest of the revision.
    """

    repo: Repo
    revision: Revision
    refs: tuple[str, ...]
    told: bool

    @property
    def place(self) -> tuple[Origin, str, str]:
        """Origin, type and name in lower case."""
        repo = self.repo.repo
        return repo.origin, repo.type.value, repo.folded


@dataclass
class Parts:
    """Parts of an evidence file about others' logs."""

    bundles: list[bytes] = field(default_factory=list)
    logs: list[LogEvidence] = field(default_factory=list)
    maps: list[MapEvidence] = field(default_factory=list)
    advisories: list[AdvisoriesEvidence] = field(default_factory=list)


def others(node: Node, subjects: Sequence[Subject], room: int, enough: Enough, payloads: Iterable[str] = ()) -> Parts:
    """Return what the logs of others, as they are held here, say about revisions of public repositories.

    room: leaves that may be shown; logs for which there is no room are left out; enough: whose cosignatures are; payloads:
    digests of those that are shown already, which no second bundle repeats.
    """
    found = Parts()
    public = [one for one in subjects if one.repo.public]
    if not public:
        return found
    said = {one.revision.rev: _said(node, one) for one in public}
    about = {row.log for rows in said.values() for row in rows} | {one.repo.repo.origin for one in public}
    with node.db.read() as conn:
        logs = [log for log in witnesses.every(conn) if log.mirror_note and log.origin != node.origin]
    there = set(payloads)
    logs.sort(key=lambda log: (log.origin not in about, log.origin))
    for log in logs[:MAX_LOGS]:
        with suppress(HanseError):
            copy = Copy(node.db, node.store, log)
            one = _One(node, copy, public, said, enough=enough, logs=frozenset(log.origin for log in logs))
            one.collect(brief=log.origin not in about)
            room -= len(one.wanted)
            if room < 0:
                break
            shown = one.evidence()
            found.logs.append(shown)
            found.bundles += [data for digest, data in one.bundles.items() if digest not in there]
            there |= one.bundles.keys()
            found.maps += one.maps
            found.advisories += one.advisories()
    return found


def _said(node: Node, subject: Subject) -> list[Said]:
    with node.db.read() as conn:
        found = sightings.of_revision(conn, subject.place, subject.revision.rev, MAX_SAID)
    return [one for one in found if one.tree == subject.revision.tree]


class _One:
    """One log in the making."""

    def __init__(
        self,
        node: Node,
        copy: Copy,
        subjects: Sequence[Subject],
        said: Mapping[GitOid, list[Said]],
        *,
        enough: Enough,
        logs: frozenset[str],
    ) -> None:
        self.node = node
        self.enough = enough
        self.logs = logs
        self.copy = copy
        self.origin = Origin(copy.log.origin)
        self.subjects = subjects
        self.said = said
        self.bundles: dict[str, bytes] = {}
        self.maps: list[MapEvidence] = []
        self.wanted: set[int] = set()
        self.signers: set[str] = set()
        self.kept = KeptCheckpoint(0, "", "")

    def collect(self, *, brief: bool) -> None:
        """Find out what is shown (steps 2 to 4); raises BlobNotFound if the copy lacks something.

        brief: the log says nothing about the revisions, so that a few leaves are worth it, and not more.
        """
        self.kept = self._checkpoint(max(map(self._needed, self.subjects)) + 1)
        for subject in self.subjects:
            for index, leaf in self._listed(subject):
                self._statement(subject, index, leaf)
        tail = self.copy.tail(self.kept.size, MAX_BRIEF if brief else MAX_TAIL)
        if tail is not None:
            self.wanted |= set(tail)
            self._positions(tail.start)
        self._keys()
        self._lists()

    def evidence(self) -> LogEvidence:
        """Return what is shown of the log."""
        size = self.kept.size
        shown = tuple(self.copy.shown(index, size) for index in sorted(self.wanted) if index < size)
        vkey = self.copy.log.vkeys[-1] if len(self.copy.log.vkeys) == 1 else ""
        return LogEvidence(self.origin, shown_note(self.node, self.origin, self.kept), shown, vkey)

    def advisories(self) -> list[AdvisoriesEvidence]:
        """Return the log's advisories in force at what is shown of it, if there are any."""
        maps = self._maps(self.kept.size)
        found = None if maps is None else listed_advisories(self.node, self.copy.log, maps.advisories, maps.snapshot)
        return [] if found is None else [found]

    def _needed(self, subject: Subject) -> int:
        """Return the index of the last leaf without which the log is of no use, -1 if there is none.

        That is the oldest manifest, for others may not be cosigned for a while, and where a ref was set to the revision last.
        """
        if subject.told and not self._answers(subject):
            return -1
        manifests = [row.index for row in self.said[subject.revision.rev] if row.log == self.origin and row.manifest]
        found = [min(manifests, default=-1)]
        for ref in subject.refs if self._answers(subject) else ():
            repo = subject.repo.repo
            positions = self.copy.positions(ref_key(repo.origin, repo.type, repo.folded, ref), self.copy.log.mirrored)
            newest = next(iter(positions), None)
            found += [newest[0]] if newest is not None and newest[1].rev == subject.revision.rev else []
        return max([*found, *self._by_owner(subject)])

    def _by_owner(self, subject: Subject) -> Iterable[int]:
        """Yield where the owner of a name signed that its refs are at the revision, if he holds the key himself."""
        for row in self.said[subject.revision.rev] if subject.repo.repo.origin == self.origin else ():
            leaf = self.copy.attest(row.index) if row.log == self.origin and not row.manifest else None
            if leaf is not None and leaf.ref in subject.refs:
                yield row.index

    def _answers(self, subject: Subject) -> bool:
        """Tell whether the log answers for a name, or may have observed it at an upstream."""
        origin = subject.repo.repo.origin
        return origin == self.origin or (origin != self.node.origin and origin not in self.logs)

    def _listed(self, subject: Subject) -> list[tuple[int, AttestLeaf]]:
        """Return the newest leaf of each statement about a revision, by predicate and key, and of each owner's position."""
        found: dict[tuple[str, ...], tuple[int, AttestLeaf]] = {}
        for row in self.said[subject.revision.rev]:
            leaf = self.copy.attest(row.index) if row.log == self.origin and row.index < self.kept.size else None
            if leaf is not None:
                again = leaf.payload.sha256 if leaf.predicate in REPEATED else ""
                found[leaf.predicate, leaf.key, leaf.ref or again] = (row.index, leaf)
        once = [pair for pair in found.values() if pair[1].predicate not in REPEATED]
        many = sorted(pair for pair in found.values() if pair[1].predicate in REPEATED)[-MAX_EVALUATIONS:]
        return [*sorted(once, key=lambda pair: (pair[1].predicate != OMS, pair[0]))[:MAX_BUNDLES], *many]

    def _checkpoint(self, least: int) -> KeptCheckpoint:
        """Return the newest checkpoint with `least` leaves, and those that the reader saw, which enough others cosigned."""
        with self.node.db.read() as conn:
            kept = [one for one in foreign.kept_checkpoints(conn, self.origin) if one.size <= self.copy.log.mirrored]
        if not kept:
            raise BlobNotFound(f"no checkpoint of {self.origin} is kept here")
        least = min(max(least, self.enough.seen.get(self.origin, 0)), kept[0].size)
        able = {one.size: one for one in kept if one.size >= least}
        usable = {size for size in able if size == kept[0].size or self._maps(size) is not None}
        return able[self.enough.newest(self.origin, least, usable) or kept[0].size]

    def _maps(self, size: int) -> KeptMaps | None:
        return None if self.node.replays is None else self.node.replays.maps(self.copy.log, size)

    def _statement(self, subject: Subject, index: int, leaf: AttestLeaf) -> None:
        bundle = None if leaf.ref is not None else statements.find(self.node, subject.repo, self.copy, index, leaf)
        if index < self.kept.size and (bundle is not None or leaf.ref is not None):
            self.wanted.add(index)
            self.signers.add(leaf.key)
            if bundle is not None:
                self.bundles[leaf.payload.sha256] = bundle

    def _positions(self, snapshot: int) -> None:
        """Show what the map of refs has for each ref: of the log that answers for a name, or of observers of an upstream."""
        maps = self._maps(self.kept.size)
        if maps is None or maps.snapshot != snapshot:
            return
        for subject in self.subjects:
            if self._answers(subject):
                for ref in subject.refs:
                    self._position(subject, ref, maps)

    def _position(self, subject: Subject, ref: str, maps: KeptMaps) -> None:
        """Show where a ref stands; of the log that answers for the name also that it is nowhere, and the leaf of its position."""
        repo = subject.repo.repo
        key = ref_key(repo.origin, repo.type, repo.folded, ref)
        there, home = maps.refs.get(key), repo.origin == self.origin
        found = None
        if there is not None:
            positions = self.copy.positions(key, maps.snapshot)
            same = ((at, leaf) for at, leaf in positions if ref_value(leaf.seq, leaf.rev, leaf.tree) == there)
            found = next(same, None)
        if (found is None) == (there is None) and (home or found is not None):
            value = None if found is None else (found[1].seq, found[1].rev, found[1].tree)
            name = ("ref", repo.origin, repo.type.value, repo.folded, ref)
            self.maps.append(MapEvidence(self.origin, MapName.REFS, name, value, maps.refs.prove(key).encode()))
            if home and found is not None:
                self.wanted.add(found[0])
                self.signers.add(found[1].key)

    def _keys(self) -> None:
        """Show the leaves about keys that signed, and about those of the namespaces that this log answers for."""
        spaces = {one.repo.repo.namespace.lower() for one in self.subjects if one.repo.repo.origin == self.origin}
        for index, leaf in self.copy.keys:
            if leaf.key in self.signers or (leaf.namespace or "") in spaces:
                self.wanted.add(index)

    def _lists(self) -> None:
        with self.node.db.read() as conn:
            rows = foreign.lists(conn, self.origin, MAX_LISTS, self.kept.size)
        told = [(row, row.subject.split("/")) for row in rows]
        self.wanted |= newest_of((row.index, row.place, parts[0], int(parts[1])) for row, parts in told)
