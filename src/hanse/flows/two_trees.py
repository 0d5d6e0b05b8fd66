"""Two trees of one commit id: an alarm, whoever of the members says so, this node included.

A commit id has one list of files for ever. Signed manifests that name two for it, in one log or in two, contradict each other:
somebody was shown other files than somebody else, or lies. Both leaves are kept, and with them anybody can be convinced that both
were said (`hanse.flows.foreign.convincing`); which of the two is true they do not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
MAX_SAID = 5000
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

    The leaves were taken down (`hanse.flows.sightings`). Returns how many alarms are new; doing it again raises none.
    """
    places = {place: at for at, data in enumerate(entries) if _KIND in data and (place := _place(data)) is not None}
    told = _said(node, set(places)) if places else {}
    new = 0
    for place, at in sorted(places.items()):
        words = told.get(place, ())
        mine = next((word for word in words if (word.log, word.index) == (origin, start + at)), None)
        other = None if mine is None else next((word for word in words if word.tree != mine.tree), None)
        if mine is not None and other is not None:
            new += _raise(node, place, origin, (other, replace(mine, leaf=entries[at])))
    return new


def _place(data: bytes) -> Place | None:
    try:
        leaf = parse_leaf(data)
    except HanseError:  # carried along as it is
        return None
    if not isinstance(leaf, AttestLeaf) or leaf.concealed or leaf.predicate != OMS:
        return None
    return leaf.origin, leaf.type.value, leaf.repo, leaf.rev


def _said(node: Keeper, places: set[Place]) -> dict[Place, list[_Word]]:
    """Return what all logs say of these revisions, this node's own first, then the oldest first."""
    found: defaultdict[Place, list[_Word]] = defaultdict(list)
    revs, named = sorted({place[3] for place in places}), sorted({place[2] for place in places})
    with node.db.read() as conn:
        own = attestations.logged(conn, OMS, revs, named)
        others = sightings.about(conn, "rev", revs, MAX_SAID)
    for one in own:
        found[one.place].append(_Word(node.origin, one.index, one.tree, one.leaf))
    for row in others:
        if row.manifest:
            found[row.origin, row.type, row.repo, row.rev].append(_Word(row.log, row.index, row.tree))
    return dict(found)


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
