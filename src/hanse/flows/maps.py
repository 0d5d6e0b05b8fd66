"""The two maps of the log, of refs and of active advisories, as its leaves make them (docs/journal.md, "Snapshots").

This is the sequencer's side: leaves that this node wrote itself are taken as they are, as fast as they come. What others say is
checked by `hanse.tlog.replay`, which knows every rule; that both come to the same roots is checked with every snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from hanse.errors import BadFormat
from hanse.model.digest import Sha256
from hanse.model.leaf import LEAF_VERSION
from hanse.model.repo import Origin, RepoType
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value, ref_key, ref_value

_Place = tuple[str, str, str]
"""origin, type, and the repository as leaves have it."""
_NAMING = ("rename", "transfer")


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
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Fields).decode


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
    """What some leaves do to the maps, not applied yet; made by `Maps.begin`. attests: an `attest` leaf is among them."""

    maps: Maps
    names: dict[_Place, tuple[str, ...]] = field(default_factory=dict)
    attests: bool = False
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
            elif leaf.kind == "advisory":
                self._advisory(leaf)
            self.attests = self.attests or leaf.kind == "attest"

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
        self._refs[_key(place, leaf.ref)] = ref_value(leaf.seq, leaf.rev, leaf.tree)

    def _repo(self, leaf: _Fields) -> None:
        """End the chains of a repository, or take them along to its new name."""
        place = (leaf.origin, leaf.type, leaf.repo)
        names = self._names(place)
        kept = {name: self._value(_key(place, name)) for name in names}
        self._refs |= {_key(place, name): None for name in names}
        self.names[place] = ()
        if leaf.op in _NAMING and "/" in leaf.repo:
            target = (leaf.origin, leaf.type, leaf.to)
            self.names[target] = names
            self._refs |= {_key(target, name): value for name, value in kept.items()}

    def _advisory(self, leaf: _Fields) -> None:
        active = leaf.op == "publish" and leaf.payload is not None
        value = advisory_value(Sha256(leaf.payload.sha256)) if active and leaf.payload else None
        self._advisories[advisory_key(leaf.id)] = value

    def _names(self, place: _Place) -> tuple[str, ...]:
        found = self.names.get(place)
        return self.maps.names.get(place, ()) if found is None else found

    def _value(self, key: bytes) -> bytes | None:
        return self._refs[key] if key in self._refs else self.maps.now.refs.get(key)


class Maps:
    """The maps at one place of the log, and the names of each repository's refs, which the map itself does not tell."""

    def __init__(self) -> None:
        self.now = MapRoots(MerkleMap.empty(), MerkleMap.empty())
        self.names: dict[_Place, tuple[str, ...]] = {}

    def begin(self) -> Change:
        """Return an empty change on these maps; they must not change before it is applied or dropped."""
        return Change(self)

    def apply(self, change: Change) -> None:
        """Make a change begun on these maps the present state."""
        self.now = change.result()
        for place, names in change.names.items():
            if names:
                self.names[place] = names
            else:
                self.names.pop(place, None)


_ONE = ("refs/heads/main",)
"""What most repositories have: kept once."""


def _key(place: _Place, ref: str) -> bytes:
    origin, kind, repo = place
    return ref_key(Origin(origin), RepoType(kind), repo, ref)


def _applied(before: MerkleMap, changes: dict[bytes, bytes | None]) -> MerkleMap:
    if not changes:
        return before
    puts = [(key, value) for key, value in changes.items() if value is not None]
    return before.apply(puts, [key for key, value in changes.items() if value is None])
