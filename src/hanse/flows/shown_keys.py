"""The keys that a log registers, as far as its `key` leaves are shown: what each may sign, from which leaf to which.

A verifier sees a few leaves, not the log, so it knows of a key's end only if it is shown one, or remembers one from a replay of
the whole log (`hanse log check`). What is shown is obeyed; what a reader could not know is what mirrors are for.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hanse.errors import BadSignature
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin

_NEW = (KeyOp.ADD, KeyOp.TRANSFER)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with one use. start: index of the leaf that registers it; end: of the leaf that retires it, None if none is shown.

    by: fingerprint of the earlier key that handed over to it, empty unless that signature was checked; holder: of a namespace.
    """

    public: PublicKey
    use: KeyUse
    start: int
    end: int | None = None
    namespace: str | None = None
    holder: Holder | None = None
    by: str = ""


class KeyBook:
    """The registered keys of one log; made from its key leaves in order of their index."""

    def __init__(self, origin: Origin, leaves: Iterable[tuple[int, KeyLeaf]], distrusted: Mapping[str, int]) -> None:
        self.origin = origin
        self.alarms: list[str] = []
        self._records: list[KeyRecord] = []
        self._cut = dict(distrusted)
        # A leaf about another log's keys says nothing here (`origin` of a key leaf names the log).
        mine = [(index, leaf) for index, leaf in leaves if leaf.origin == origin]
        # Distrust reaches back: what a stolen key handed over before that was noticed is void as well.
        for index, leaf in mine:
            if leaf.op is KeyOp.DISTRUST:
                after = leaf.after if leaf.after is not None else index
                self._cut[leaf.key] = min(after, self._cut.get(leaf.key, after))
        for index, leaf in mine:
            if leaf.op is not KeyOp.DISTRUST:
                self._take(index, leaf)

    @property
    def distrusted(self) -> Mapping[str, int]:
        """Fingerprint -> the last index at which the key's signatures count."""
        return self._cut

    @property
    def fingerprints(self) -> frozenset[str]:
        """Every key that was ever registered: its operator's, and those of the owners of namespaces."""
        return frozenset(one.public.fingerprint for one in self._records)

    @property
    def operators(self) -> frozenset[str]:
        """The keys that the log's operator holds."""
        return frozenset(one.public.fingerprint for one in self._records if one.holder is not Holder.OWNER)

    def of(self, *uses: KeyUse) -> tuple[KeyRecord, ...]:
        """Return the keys with one of these uses, in the order of their registration."""
        return tuple(one for one in self._records if one.use in uses)

    def owner(self, namespace: str, index: int | None = None) -> KeyRecord | None:
        """Return the key that answers for a namespace (in lower case), now or at the leaf `index`; None if none is shown."""
        found = [one for one in self.of(KeyUse.NAMESPACE) if one.namespace == namespace and (index is None or one.start < index)]
        alive = [one for one in found if one.end is None or (index is not None and index < one.end)]
        return alive[-1] if alive else None

    def valid(self, fingerprint: str, index: int, *uses: KeyUse) -> KeyRecord:
        """Return the key that signed the leaf at `index`; raises BadSignature if it may not, or is not shown to be registered."""
        records = [one for one in self.of(*uses) if one.public.fingerprint == fingerprint]
        if not records:
            words = " or ".join(use.value for use in uses)
            raise BadSignature(
                f"key {fingerprint[:16]} is not shown to be registered in the log {self.origin} for {words}",
                hint="get evidence with the key leaves of this log",
            )
        cut = self._cut.get(fingerprint)
        if cut is not None and index > cut:
            raise BadSignature(
                f"key {fingerprint[:16]} is distrusted after leaf {cut} of {self.origin}, and this is leaf {index}"
            )
        for one in records:
            if one.start < index and (one.end is None or index < one.end):
                return one
        raise BadSignature(f"key {fingerprint[:16]} was not in force at leaf {index} of {self.origin}")

    def line(self, record: KeyRecord) -> Mapping[str, int]:
        """Return the keys from which signatures lead to this one, hand-over by hand-over, each with the leaf that ended it."""
        keys = {(str(one.public.fingerprint), one.namespace): one for one in self.of(record.use)}
        found: dict[str, int] = {}
        at: KeyRecord | None = record
        while at is not None and at.by and at.by not in found:
            found[at.by] = at.start
            at = keys.get((at.by, record.namespace))
        return found

    def _take(self, index: int, leaf: KeyLeaf) -> None:
        same = [one for one in self._records if (one.use, one.namespace) == (leaf.use, leaf.namespace) and one.end is None]
        if leaf.op in _NEW:
            by = self._handed_over(index, leaf, same)
            if by is None:
                self.alarms.append(f"leaf {index} of {self.origin} has a hand-over that does not count, nor does its key")
                return
            if same and not by:
                self.alarms.append(f"leaf {index} of {self.origin} adds a {leaf.use.value} key that no earlier one signed for")
            ended = same if leaf.op is KeyOp.TRANSFER else []
            self._end(ended, index)
            self._records.append(KeyRecord(leaf.public, leaf.use, index, None, leaf.namespace, leaf.holder, by))
        else:
            self._end([one for one in same if one.public.fingerprint == leaf.key], index)

    def _end(self, records: list[KeyRecord], index: int) -> None:
        self._records = [replace(one, end=index) if one in records else one for one in self._records]

    def _handed_over(self, index: int, leaf: KeyLeaf, same: list[KeyRecord]) -> str | None:
        """Return the fingerprint of the earlier key whose signature over this leaf was checked; None if that does not count.

        Empty if no earlier key signed, or it is not shown: then only a pin can tell.
        """
        earlier = next((one for one in same if one.public.fingerprint == leaf.by), None)
        if not leaf.by or earlier is None:
            return ""
        try:
            self.valid(leaf.by, index, leaf.use)
            earlier.public.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
        except BadSignature:
            return None
        return leaf.by
