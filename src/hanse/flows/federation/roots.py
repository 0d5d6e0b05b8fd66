"""What a reader trusts because a federation says so: logs with their keys, who cosigns them, whose a namespace is, where to ask.

A log that a trusted federation lists is *configured*: no first contact, and no other key is taken for it. Whoever trusts no
federation never loads what verifies one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hanse.errors import Conflict
from hanse.flows.trust import Cosigner, KnownList, Trust
from hanse.model.repo import Origin
from hanse.tlog.note import NoteKey


@dataclass(frozen=True, slots=True)
class Roots:
    """logs: keys of each log that is listed; cosigners: witnesses and mirrors of the members; owners: origin by namespace.

    addresses: where each member answers, best first; contested: namespaces that two federations give to different members; lists:
    the lists themselves, by their versions; distrusted: by log, fingerprint of a key -> last index at which it counts.
    """

    logs: Mapping[Origin, tuple[NoteKey, ...]] = field(default_factory=dict)
    cosigners: tuple[Cosigner, ...] = ()
    owners: Mapping[str, Origin] = field(default_factory=dict)
    addresses: Mapping[Origin, tuple[str, ...]] = field(default_factory=dict)
    contested: frozenset[str] = frozenset()
    lists: tuple[KnownList, ...] = ()
    distrusted: Mapping[Origin, Mapping[str, int]] = field(default_factory=dict)

    def owner(self, path: str) -> Origin | None:
        """Return the member whose namespace a repository's name begins with (any case), None if that is nobody's.

        Raises Conflict if trusted federations differ about it.
        """
        namespace = path.partition("/")[0].lower()
        if namespace in self.contested:
            raise Conflict(
                f"the federations that are trusted here differ about whose {namespace!r} is", hint="hanse trust remove NAME"
            )
        return self.owners.get(namespace)

    def carriers(self, owner: Origin) -> tuple[str, ...]:
        """Return where a member's names can be asked for: at the member first, then at the others, which hold copies."""
        others = [urls[0] for origin, urls in self.addresses.items() if origin != owner]
        return tuple(dict.fromkeys((*self.addresses.get(owner, ()), *others)))


def with_roots(trust: Trust, roots: Roots) -> Trust:
    """Return `trust` with the logs and cosigners of the federations."""
    logs = dict(trust.logs)
    for origin, keys in roots.logs.items():
        logs[origin] = tuple(dict.fromkeys((*logs.get(origin, ()), *keys)))
    cosigners = tuple(dict.fromkeys((*trust.cosigners, *roots.cosigners)))
    delegated = {name: origin for name, origin in roots.owners.items() if name not in roots.contested}
    trusted = replace(trust, logs=logs, cosigners=cosigners, delegated=delegated, lists=roots.lists)
    return replace(trusted, distrusted=roots.distrusted)
