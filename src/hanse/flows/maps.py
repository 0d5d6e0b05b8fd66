"""The two maps of the log, of refs and of active advisories, as its leaves make them (docs/journal.md, "snapshot").

This is the sequencer's side: leaves that this node wrote itself are taken as they are, as fast as they come, with those rules of
`hanse.tlog.replay` that change a map. What others say is checked there; that both come to the same roots is checked with
every snapshot. A leaf that distrusts a key takes things back: then all is worked out anew by the full rules (`Maps.of`).

Most refs show their newest position. `hidden` has the others, those in namespaces whose owner holds the key: the newest position,
and those that wait for his signature, each as the value hash that the map would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from hanse.errors import BadFormat
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder
from hanse.model.leaf import LEAF_VERSION
from hanse.model.repo import Origin, RepoType
from hanse.tlog import chains
from hanse.tlog.chains import MAX_WAITING
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value, ref_key, ref_value
from hanse.tlog.replay import Replay

Place = tuple[str, str, str]
"""origin, type, and the repository as leaves have it."""
_NAMING = ("rename", "transfer")
_ONE = ("refs/heads/main",)
"""What most repositories have: kept once."""


class _Payload(msgspec.Struct, frozen=True):
    sha256: str


class _Fields(msgspec.Struct, frozen=True):
    """Those fields of any leaf that matter for the maps."""

    v: int
    kind: str
    origin: str = ""
    type: str = ""
    repo: str = ""
    ref: str = ""
    seq: int = 0
    rev: str = ""
    tree: str = ""
    op: str = ""
    to: str = ""
    id: str = ""
    use: str = ""
    key: str = ""
    namespace: str = ""
    holder: str = ""
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Fields).decode


class Hidden(NamedTuple):
    """A ref that does not show its newest position: that position and those that wait, as value hashes, oldest first."""

    head: bytes
    waiting: tuple[bytes, ...]


class Owner(NamedTuple):
    """Who holds a namespace. owned: the owner, by its newest key; keys: fingerprints of the owner's keys that count."""

    owned: bool = False
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MapRoots:
    """Both maps at one place of the log."""

    refs: MerkleMap
    advisories: MerkleMap

    @property
    def roots(self) -> tuple[bytes, bytes]:
        """The 32-byte roots, of refs and of advisories."""
        return self.refs.root, self.advisories.root


@dataclass(slots=True)
class Change:
    """What some leaves do to the maps, not applied yet; made by `Maps.begin`.

    takes_back: a leaf distrusts a key, so that this is not the whole truth; shown: a statement is listed, or a version of a
    federation's list. The others: what differs from the maps it began on.
    """

    maps: Maps
    takes_back: bool = False
    shown: bool = False
    names: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    hidden: dict[bytes, Hidden | None] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    _refs: dict[bytes, bytes | None] = field(default_factory=dict)
    _advisories: dict[bytes, bytes | None] = field(default_factory=dict)
    _result: MapRoots | None = None

    def add(self, leaves: Iterable[bytes]) -> None:
        """Take in leaves that follow those taken in so far; raises BadFormat for what is no leaf."""
        self._result = None
        for data in leaves:
            try:
                leaf = _decode(data)
            except msgspec.DecodeError as error:
                raise BadFormat(f"a leaf of the log does not parse: {error}") from error
            if leaf.v != LEAF_VERSION:
                continue
            if leaf.kind == "ref":
                self._ref(leaf)
            elif leaf.kind == "repo":
                self._repo(leaf)
            elif leaf.kind == "attest" and leaf.ref:
                self._position(leaf)
            elif leaf.kind == "key" and leaf.origin == self.maps.origin:
                self._key(leaf)
            elif leaf.kind == "advisory":
                self._advisory(leaf)
            self.shown = self.shown or leaf.kind in {"attest", "member"}

    def result(self) -> MapRoots:
        """Return the maps after these leaves."""
        if self._result is None:
            before = self.maps.now
            self._result = MapRoots(_applied(before.refs, self._refs), _applied(before.advisories, self._advisories))
        return self._result

    def _ref(self, leaf: _Fields) -> None:
        place = (leaf.origin, leaf.type, leaf.repo)
        names = self._names(place)
        if leaf.ref not in names:
            self.names[place] = _ONE if leaf.ref == _ONE[0] and not names else (*names, leaf.ref)
        key, value = _key(place, leaf.ref), ref_value(leaf.seq, leaf.rev, leaf.tree)
        if self._owned(place):
            self.hidden[key] = Hidden(value, (*self._waiting(key), value)[-MAX_WAITING:])
            return
        self._refs[key] = value
        if self._hidden(key) is not None:
            self.hidden[key] = None

    def _position(self, leaf: _Fields) -> None:
        """Show a position that the owner of the namespace signs."""
        place = (leaf.origin, leaf.type, leaf.repo)
        if leaf.origin != self.maps.origin or leaf.key not in self._owner(place).keys:
            return
        key, value = _key(place, leaf.ref), ref_value(leaf.seq, leaf.rev, leaf.tree)
        found = self._hidden(key)
        if found is None or value not in found.waiting:
            return
        self._refs[key] = value
        later = found.waiting[found.waiting.index(value) + 1 :]
        self.hidden[key] = None if value == found.head else Hidden(found.head, later)

    def _repo(self, leaf: _Fields) -> None:
        """End the chains of a repository, or take them along to its new name."""
        place, target = (leaf.origin, leaf.type, leaf.repo), (leaf.origin, leaf.type, leaf.to)
        moves = leaf.op in _NAMING and "/" in leaf.repo
        if moves and place == target:
            return
        ended = [(name, _key(place, name)) for name in self._names(place)]
        kept = [(name, self._value(key), self._hidden(key)) for name, key in ended]
        self.names[place] = ()
        for _, key in ended:
            self._refs[key] = self.hidden[key] = None
        if not moves:
            return
        self.names[target] = tuple(name for name, _ in ended)
        anew = leaf.origin == self.maps.origin and (self._owned(place) or self._owned(target))
        for name, shown, hidden in kept:
            self._move(_key(target, name), shown, hidden, anew=anew, waits=self._owned(target))

    def _move(self, key: bytes, shown: bytes | None, hidden: Hidden | None, *, anew: bool, waits: bool) -> None:
        """Continue a ref under another name; anew: what it showed there is not shown here before it is signed again."""
        if anew:
            head = shown if hidden is None else hidden.head
            shown, hidden = None, None if head is None else Hidden(head, (head,) if waits else ())
        self._refs[key], self.hidden[key] = shown, hidden

    def _key(self, leaf: _Fields) -> None:
        if leaf.op == "distrust":
            self.takes_back = True
        elif leaf.use == "namespace":
            keys = self.owners.get(leaf.namespace, self.maps.owners.get(leaf.namespace, Owner()))
            if leaf.op == "retire":
                self.owners[leaf.namespace] = keys._replace(keys=keys.keys - {leaf.key})
                return
            owned = leaf.holder == "owner"
            before = frozenset[str]() if leaf.op == "transfer" else keys.keys
            self.owners[leaf.namespace] = Owner(owned, before | {leaf.key} if owned else before)

    def _advisory(self, leaf: _Fields) -> None:
        active = leaf.op == "publish" and leaf.payload is not None
        value = advisory_value(Sha256(leaf.payload.sha256)) if active and leaf.payload else None
        self._advisories[advisory_key(leaf.id)] = value

    def _owner(self, place: Place) -> Owner:
        namespace, slash, _ = place[2].partition("/")
        if not slash:
            return Owner()
        return self.owners.get(namespace) or self.maps.owners.get(namespace) or Owner()

    def _owned(self, place: Place) -> bool:
        return place[0] == self.maps.origin and self._owner(place).owned

    def _names(self, place: Place) -> tuple[str, ...]:
        found = self.names.get(place)
        return self.maps.names.get(place, ()) if found is None else found

    def _value(self, key: bytes) -> bytes | None:
        return self._refs[key] if key in self._refs else self.maps.now.refs.get(key)

    def _hidden(self, key: bytes) -> Hidden | None:
        return self.hidden[key] if key in self.hidden else self.maps.hidden.get(key)

    def _waiting(self, key: bytes) -> tuple[bytes, ...]:
        found = self._hidden(key)
        return () if found is None else found.waiting


class Maps:
    """The maps at one place of a log, and what else decides how its next leaves change them.

    origin: of the log; now: the maps; names: refs of each repository, which the map does not tell; hidden: by key of the ref;
    owners: by namespace, for those that have a key.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.now = MapRoots(MerkleMap.empty(), MerkleMap.empty())
        self.names: dict[Place, tuple[str, ...]] = {}
        self.hidden: dict[bytes, Hidden] = {}
        self.owners: dict[str, Owner] = {}

    @classmethod
    def of(cls, replay: Replay) -> Maps:
        """Return the maps of a log replayed by the full rules."""
        maps = cls(replay.origin)
        maps.now = MapRoots(replay.refs, replay.advisories)
        for place, ref, chain in replay.chains.items():
            maps.names[place] = (*maps.names.get(place, ()), ref)
            head, waiting = _place_value(chain.head), tuple(map(_place_value, chain.waiting))
            if chain.shown is None or _place_value(chain.shown) != head:
                maps.hidden[_key(place, ref)] = Hidden(head, waiting)
        for namespace, holder, keys in replay.keyring.owners(replay.size):
            maps.owners[namespace] = Owner(holder is Holder.OWNER, keys)
        return maps

    def begin(self) -> Change:
        """Return an empty change on these maps; they must not change before it is applied or dropped."""
        return Change(self)

    def apply(self, change: Change) -> None:
        """Make a change begun on these maps the present state."""
        self.now = change.result()
        self.owners |= change.owners
        for place, names in change.names.items():
            if names:
                self.names[place] = names
            else:
                self.names.pop(place, None)
        for key, hidden in change.hidden.items():
            if hidden is None:
                self.hidden.pop(key, None)
            else:
                self.hidden[key] = hidden


def _key(place: Place, ref: str) -> bytes:
    origin, kind, repo = place
    return ref_key(Origin(origin), RepoType(kind), repo, ref)


def _place_value(place: chains.Place) -> bytes:
    return ref_value(place.seq, place.rev.hex(), place.tree.hex())


def _applied(before: MerkleMap, changes: dict[bytes, bytes | None]) -> MerkleMap:
    if not changes:
        return before
    puts = [(key, value) for key, value in changes.items() if value is not None]
    return before.apply(puts, [key for key, value in changes.items() if value is None])
