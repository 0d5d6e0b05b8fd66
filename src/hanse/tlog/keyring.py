"""The keys that a log has registered, and from which to which of its leaves each of them counts.

Rules for `key` leaves (`hanse.model.key_leaf` has their fields):

1. Leaves about the keys of another log change nothing here.
2. A key is registered once for a use (and namespace), never again after it ended, and never after it was distrusted.
3. A key has one use; only a node's `ref` key may also be the operator's key of namespaces.
4. A hand-over (`by`, `sig`) is signed by a key that counts for the same use (and namespace) at that leaf.
5. A new key where there was one before, without a hand-over, counts, and raises an alarm.
6. `retire` ends a key at that leaf; `distrust` ends it after an earlier leaf, in all its uses, and may only move backwards.
   Keys that it vouched for later never counted either, nor those that these vouched for in the same place.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hanse.errors import BadProof, BadSignature, TooLarge
from hanse.model.alarm import Alarm, AlarmKind
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin
from hanse.tlog.trie import Trie

MAX_TENURES = 1_000
"""Keys that one use (and namespace) of a log may have had in all."""
MAX_DISTRUSTS = 8
"""How often one key may be distrusted, each time after an earlier leaf."""
_SHARED = frozenset({KeyUse.REF, KeyUse.NAMESPACE})
Scope = tuple[KeyUse, str]
"""A use, and the namespace ("" for other uses)."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A registered key.

    added: index of its first leaf; owned: whether the owner of a namespace holds it; distrusted_after: last index at which it
    counts, None if there is none; distrusts: leaves that said so.
    """

    fingerprint: Sha256
    public: PublicKey
    uses: frozenset[KeyUse]
    added: int
    owned: bool = False
    distrusted_after: int | None = None
    distrusts: int = 0


@dataclass(frozen=True, slots=True)
class Tenure:
    """A key's time in one use (and namespace): it counts for leaves after `since` and before `until`.

    holder: of a namespace's key; by: fingerprint of the earlier key that vouches for it, "" if none does.
    """

    key: Sha256
    holder: Holder | None
    since: int
    until: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a key signed after leaf `after` does not count any more, in one use (and namespace) or, if scope is None, in all."""

    key: str
    after: int
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a `key` leaf did: the registry after it, the alarm it raises, and what is to be taken back."""

    keys: Keyring
    alarm: Alarm | None = None
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Keyring:
    """An immutable registry; `apply` returns the one after a leaf."""

    origin: Origin
    _keys: Trie[str, KeyRecord] = field(default_factory=Trie)
    _tenures: Trie[Scope, tuple[Tenure, ...]] = field(default_factory=Trie)
    _vouched: Trie[str, Trie[tuple[Scope, str], int]] = field(default_factory=Trie)

    def parts(self) -> tuple[Trie[str, KeyRecord], Trie[Scope, tuple[Tenure, ...]], Trie[str, Trie[tuple[Scope, str], int]]]:
        """Return what the registry is made from, besides the origin: keys, their times by use, and who vouched for whom."""
        return self._keys, self._tenures, self._vouched

    def get(self, fingerprint: str) -> KeyRecord | None:
        """Return a registered key, whether it still counts or not."""
        return self._keys.get(fingerprint)

    def tenures(self, use: KeyUse, namespace: str = "") -> tuple[Tenure, ...]:
        """Return all keys that a use (and namespace) ever had, in order."""
        return self._tenures.get((use, namespace)) or ()

    def holder(self, namespace: str) -> Holder | None:
        """Return who holds the newest key of a namespace; None if none was ever registered."""
        tenures = self.tenures(KeyUse.NAMESPACE, namespace)
        return tenures[-1].holder if tenures else None

    def owners(self, index: int) -> Iterator[tuple[str, Holder | None, frozenset[str]]]:
        """Yield every namespace with who holds its newest key, and the owner's keys that count for the leaf at `index`."""
        for (use, name), tenures in self._tenures.items():
            if use is KeyUse.NAMESPACE:
                owned = [one.key for one in tenures if one.holder is Holder.OWNER]
                yield name, self.holder(name), frozenset(key for key in owned if self.find(key, use, index, name))

    def unsigned_change(self, namespace: str) -> int | None:
        """Return the index of the last leaf that changed a namespace's keys without a hand-over, None if there is none."""
        return max((one.since for one in self.tenures(KeyUse.NAMESPACE, namespace)[1:] if not one.by), default=None)

    def find(self, fingerprint: str, use: KeyUse, index: int, namespace: str = "") -> Tenure | None:
        """Return the tenure by which a key counts for the leaf at `index`, None if it does not."""
        record = self._keys.get(fingerprint)
        return None if record is None else self._tenure(record, use, index, namespace)

    def _tenure(self, record: KeyRecord, use: KeyUse, index: int, namespace: str) -> Tenure | None:
        if record.distrusted_after is not None and index > record.distrusted_after:
            return None
        for tenure in self.tenures(use, namespace):
            if tenure.key == record.fingerprint:
                return tenure if tenure.since < index and (tenure.until is None or index < tenure.until) else None
        return None

    def require(self, fingerprint: str, use: KeyUse, index: int, namespace: str = "") -> PublicKey:
        """Return a key that counts for the leaf at `index`; raises BadSignature if it does not."""
        record = self._keys.get(fingerprint)
        if record is None or self._tenure(record, use, index, namespace) is None:
            what = f"{use.value} {namespace}".strip()
            raise BadSignature(f"leaf {index} of {self.origin}: key {fingerprint[:16]} does not count there for {what}")
        return record.public

    def apply(self, leaf: KeyLeaf, index: int, raw: bytes) -> Change:
        """Return what the leaf at `index` (raw: its bytes) does.

        Raises BadProof, BadSignature or TooLarge for a leaf against the rules above.
        """
        # 1. Leaves about the keys of another log.
        if leaf.origin != self.origin:
            return Change(self)
        if leaf.op is KeyOp.DISTRUST:
            return self._distrust(leaf, index)
        if leaf.op is KeyOp.RETIRE:
            return Change(self._retire(leaf, index))
        return self._register(leaf, index, raw)

    def _register(self, leaf: KeyLeaf, index: int, raw: bytes) -> Change:
        scope = (leaf.use, leaf.namespace or "")
        tenures = self.tenures(*scope)
        # 2. Once, and never after it ended.
        if any(tenure.key == leaf.key for tenure in tenures):
            raise BadProof(f"leaf {index} of {self.origin} registers key {leaf.key[:16]} for {leaf.use.value} a second time")
        if len(tenures) >= MAX_TENURES:
            raise TooLarge(f"leaf {index} of {self.origin}: {leaf.use.value} has had {MAX_TENURES} keys already")
        record, vouched = self._record(leaf, index), self._vouched
        # 4. A hand-over.
        if leaf.by:
            earlier = self.require(leaf.by, leaf.use, index, scope[1])
            earlier.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
            vouched = vouched.put(leaf.by, (vouched.get(leaf.by) or Trie()).put((scope, leaf.key), index))
        if leaf.op is KeyOp.TRANSFER:
            tenures = tuple(replace(one, until=index) if one.until is None else one for one in tenures)
        added = (*tenures, Tenure(leaf.key, leaf.holder, index, by=leaf.by))
        ring = Keyring(self.origin, self._keys.put(leaf.key, record), self._tenures.put(scope, added), vouched)
        # 5. A new key without a hand-over.
        return Change(ring, self._alarm(leaf, index, raw) if tenures and not leaf.by else None)

    def _record(self, leaf: KeyLeaf, index: int) -> KeyRecord:
        known = self._keys.get(leaf.key)
        if known is None:
            return KeyRecord(leaf.key, leaf.public, frozenset({leaf.use}), index, leaf.holder is Holder.OWNER)
        if known.distrusted_after is not None:
            raise BadProof(f"leaf {index} of {self.origin} registers the distrusted key {leaf.key[:16]}")
        # 3. One use, or `ref` and the operator's part of `namespace`.
        uses, owned = known.uses | {leaf.use}, known.owned or leaf.holder is Holder.OWNER
        if len(uses) > 1 and (owned or uses != _SHARED):
            raise BadProof(f"leaf {index} of {self.origin} gives key {leaf.key[:16]} a second use")
        return replace(known, uses=uses, owned=owned)

    def _retire(self, leaf: KeyLeaf, index: int) -> Keyring:
        scope = (leaf.use, leaf.namespace or "")
        tenures = self._tenures.get(scope) or ()
        kept = tuple(replace(one, until=index) if one.key == leaf.key and one.until is None else one for one in tenures)
        if kept == tenures:
            raise BadProof(f"leaf {index} of {self.origin} retires key {leaf.key[:16]}, which {leaf.use.value} does not have")
        return replace(self, _tenures=self._tenures.put(scope, kept))

    def _distrust(self, leaf: KeyLeaf, index: int) -> Change:
        record = self._keys.get(leaf.key)
        after = index if leaf.after is None else leaf.after
        if record is None or leaf.use not in record.uses or after >= index:
            raise BadProof(f"leaf {index} of {self.origin} distrusts a key that is not registered, or in leaves to come")
        if record.distrusted_after is not None and after >= record.distrusted_after:
            raise BadProof(f"leaf {index} of {self.origin} would trust key {leaf.key[:16]} again")
        if record.distrusts >= MAX_DISTRUSTS:
            raise TooLarge(f"leaf {index} of {self.origin} distrusts key {leaf.key[:16]} more than {MAX_DISTRUSTS} times")
        changed = replace(record, distrusted_after=after, distrusts=record.distrusts + 1)
        lost, tenures = [Lost(leaf.key, after)], self._tenures
        waiting = [(scope, key, since) for (scope, key), since in (self._vouched.get(leaf.key) or Trie()).items()]
        for scope, key, since in waiting:
            if since <= after:
                continue
            there = tenures.get(scope) or ()
            tenures = tenures.put(scope, tuple(replace(one, until=one.since) if one.key == key else one for one in there))
            lost.append(Lost(key, since, scope))
            # What it vouched for in this place rests on it alone.
            further = (self._vouched.get(key) or Trie[tuple[Scope, str], int]()).items()
            waiting += [(place, name, when) for (place, name), when in further if place == scope]
        return Change(replace(self, _keys=self._keys.put(leaf.key, changed), _tenures=tenures), None, tuple(lost))

    def _alarm(self, leaf: KeyLeaf, index: int, raw: bytes) -> Alarm:
        namespace = leaf.namespace or ""
        kind = AlarmKind.OWNER_CHANGE if namespace else AlarmKind.KEY_CHANGE
        what = f"namespace {namespace}" if namespace else leaf.use.value
        says = f"{what} has the new key {leaf.key}, and none of its earlier keys signed that"
        return Alarm(kind, self.origin, index, says, (raw,), namespace=namespace)
