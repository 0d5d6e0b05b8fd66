"""Two trees of one commit id: an alarm, whoever of the members says so, this node included.

A commit id has one list of files for ever. Signed manifests that name two for it, in one log or in two, contradict each other:
somebody was shown other files than somebody else, or lies. Both leaves are kept, and with them anybody can be convinced that both
were said (`hanse.flows.foreign.convincing`); which of the two is true they do not say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.db import attestations, sightings, witnesses
from hanse.db.alarms import Alarm
from hanse.errors import HanseError
from hanse.flows.foreign.copies import Copy
from hanse.flows.keeper import Keeper
from hanse.flows.witness import raise_alarm
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS

KIND = "two-trees"
MAX_RAISED = 64
"""Alarms that one call raises at most: so many open ones about a log are kept."""
_KIND = b'"kind":"attest"'
Place = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Word:
    """What a log says of a revision. leaf: empty where it is still to be read from the copy of that log."""

    log: str
    index: int
    tree: Sha256
    leaf: bytes = b""


def watch(node: Keeper, origin: str, start: int, entries: Sequence[bytes]) -> int:
    """Compare what new leaves of a log, from index `start` on, say of revisions with what was said before.

    The leaves were taken down (`hanse.flows.sightings`). Returns how many alarms are new; doing it again raises none. However
    much was said of a revision before, what contradicts it is found; of a log that lies without end `MAX_RAISED` are told.
    """
    places = {one[0]: _Word(origin, at, one[1], data) for at, data in enumerate(entries, start) if (one := _place(data))}
    new = 0
    for place, other in _contradictions(node, places)[:MAX_RAISED]:
        new += _raise(node, place, origin, (other, places[place]))
    return new


def _place(data: bytes) -> tuple[Place, Sha256] | None:
    """Return which revision a leaf is about and its tree, None for a leaf that is no manifest of something public."""
    if _KIND not in data:
        return None
    try:
        leaf = parse_leaf(data)
    except HanseError:  # carried along as it is
        return None
    if not isinstance(leaf, AttestLeaf) or leaf.concealed or leaf.predicate != OMS:
        return None
    return (leaf.origin, leaf.type.value, leaf.repo, leaf.rev), leaf.tree


def _contradictions(node: Keeper, places: Mapping[Place, _Word]) -> list[tuple[Place, _Word]]:
    """Return for each revision of which something else was said that: by this node if it did, else the oldest."""
    revs, named = sorted({place[3] for place in places}), sorted({place[2] for place in places})
    found: dict[Place, _Word] = {}
    with node.db.read() as conn:
        for one in attestations.logged(conn, OMS, revs, named):
            if one.place in places and one.tree != places[one.place].tree:
                found[one.place] = _Word(node.origin, one.index, one.tree, one.leaf)
        for place in sorted(sightings.contradicted(conn, revs, named) & places.keys() - found.keys())[:MAX_RAISED]:
            row = sightings.another(conn, place, places[place].tree)
            if row is not None:
                found[place] = _Word(row.log, row.index, row.tree)
    return sorted(found.items(), key=lambda item: item[0])


def _raise(node: Keeper, place: Place, origin: str, words: tuple[_Word, _Word]) -> bool:
    _, kind, repo, rev = place
    one, other = words
    says = f"{repo} at {rev} has two trees: {one.log} signed {one.tree}, {other.log} signed {other.tree}"
    leaves = [{"log": word.log, "index": word.index, "leaf": _leaf(node, word).decode()} for word in words]
    return raise_alarm(node, Alarm(KIND, origin, says, canonical({"trees": leaves}), node.clock.now(), kind, repo))


def _leaf(node: Keeper, word: _Word) -> bytes:
    if word.leaf:
        return word.leaf
    with node.db.read() as conn:
        log = witnesses.find(conn, word.log)
    try:
        return b"" if log is None else Copy(node.db, node.store, log).entry(word.index)
    except HanseError:  # its copy has not come so far: it is read when somebody asks for the evidence
        return b""
