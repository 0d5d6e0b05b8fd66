"""From a federation and the policy of its readers to what stands between them and something false (`hanse.policy.collusion`).

The policy is the one that the federation lists for its readers, with its tlog-policies, else a preset. A name of a member is
protected by that member's federation; a mirrored one by the first that this node is in; without a federation there are only the
cosigners that were added by hand. Members who publish files only sign nothing for others.

Withholding warnings of members (advisories) is a way only under a policy that lets their maps be missing without a word; else a
reader who lacks them is told so, or refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from hanse.db.cosigners import Cosigner
from hanse.errors import HanseError
from hanse.flows.federation.defaults import policy_of as listed_policy
from hanse.flows.federation.kept import POLICY, Federation
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.model.decision import runs
from hanse.model.repo import Origin
from hanse.policy.collusion import Pool, Protection, Way, ways
from hanse.policy.presets import preset as named
from hanse.policy.rules import ANYONE, Policy, Quorum, flatten
from hanse.sign.federation import ROOT
from hanse.tlog.tlogpolicy import NONE, TlogPolicy, overlap, quorum_size

DEFAULT = "careful"


def policy_of(federations: Sequence[Federation], preset: str = "") -> LoadedPolicy:
    """Return the policy that readers are taken to apply: the preset that is asked for, else a federation's default.

    A default that cannot be used refuses everything; the preset `careful` stands in for it. Raises NotFoundError for no preset.
    """
    if preset:  # from anybody's query: a name of a preset, never of a file
        return _preset(preset)
    for one in federations:
        if POLICY in one.files:
            try:
                return listed_policy(one)
            except HanseError:
                continue
    return _preset(DEFAULT)


def _preset(name: str) -> LoadedPolicy:
    return LoadedPolicy(named(name), f"preset {name}")


class Ways:
    """The ways to deceive a reader, by who answers for a name; each is worked out once."""

    def __init__(
        self, federations: Sequence[Federation], policy: LoadedPolicy, own: Origin, asked: Collection[Cosigner] = ()
    ) -> None:
        self._federations = federations
        self._policy = policy
        self._own = own
        self._asked = asked
        self._found: dict[str, tuple[Way, ...]] = {}

    def of(self, origin: str) -> tuple[Way, ...]:
        """Return the ways for names that `origin` answers for, the easiest first.

        Where several federations list it they are those of the readers of one of them, whom it is easiest to deceive.
        """
        if origin not in self._found:
            self._found[origin] = self._easiest(origin)
        return self._found[origin]

    def _easiest(self, origin: str) -> tuple[Way, ...]:
        listing = [one for one in self._federations if origin in one.members.members]
        if len(listing) < 2:
            return ways(self._protection(origin, listing))
        found = [(one.name, ways(protection(one, self._policy, origin))) for one in listing]
        name, easiest = min(found, key=lambda item: (item[1][0].number is None, item[1][0].number or 0))
        return tuple(replace(one, says=f"{one.says} (readers who trust {name})") for one in easiest)

    def _protection(self, origin: str, listing: Sequence[Federation]) -> Protection:
        if listing:
            return protection(listing[0], self._policy, origin)
        if self._federations and origin != self._own:
            return protection(self._federations[0], self._policy, "")
        return alone(self._policy, self._own, origin, self._asked)


def protection(federation: Federation, loaded: LoadedPolicy, home: str) -> Protection:
    """Return what protects the names of a member, or with `home` empty of an upstream, under a policy."""
    members, role = federation.members.members, federation.trusted.role(ROOT)
    everybody = frozenset(str(one) for one in members)
    witnesses = frozenset(str(one.origin) for one in members.values() if one.witness and not one.static)
    mirrors = frozenset(str(one.origin) for one in members.values() if one.mirror and not one.static)
    policy = loaded.policy
    return Protection(
        home=home,
        members=everybody,
        signers=_pools(policy, policy.signers, everybody),
        witness=_quorum(policy, policy.witness, loaded.witness, home, witnesses),
        mirror=_quorum(policy, policy.mirror, loaded.mirror, home, mirrors),
        keys_need=role.need,
        keys=len(role.keys),
        advisories=policy.advisories,
    )


def alone(loaded: LoadedPolicy, own: Origin, origin: str, asked: Iterable[Cosigner]) -> Protection:
    """Return what protects names at a node that is in no federation: whom it asks for cosignatures, if anybody."""
    hosts: dict[str, frozenset[str]] = {}
    for one in asked:
        hosts[one.kind] = hosts.get(one.kind, frozenset()) | {one.name.partition("/")[0]}
    policy, home = loaded.policy, own if origin == own else ""
    return Protection(
        home=home,
        members=frozenset({str(own)}),
        signers=_pools(policy, policy.signers, frozenset({str(own)})),
        witness=_quorum(policy, policy.witness, loaded.witness, home, hosts.get("witness", frozenset())),
        mirror=_quorum(policy, policy.mirror, loaded.mirror, home, hosts.get("mirror", frozenset())),
    )


def _pools(policy: Policy, quorum: Quorum, everybody: frozenset[str]) -> tuple[Pool, ...]:
    found = []
    for part in quorum.parts:
        if part.of == ANYONE:
            found.append(Pool(part.need, everybody))
            continue
        group = flatten(policy.groups, part.of)
        found.append(Pool(part.need, group.members | {f"key {one[:16]}" for one in group.keys}))
    return tuple(found)


def _quorum(
    policy: Policy, quorum: Quorum, parsed: Mapping[str, TlogPolicy], home: str, able: frozenset[str]
) -> tuple[Pool, ...]:
    """Return the thresholds of cosigners of a log; its own operator never counts."""
    own = parsed.get(home)
    if own is not None:
        if own.quorum == NONE:
            return ()
        hosts = frozenset(own.witnesses[name].key.name.partition("/")[0] for name in own.counted)
        return (Pool(quorum_size(own), hosts, overlap(own)),)
    others = frozenset(one for one in able if not runs(home, one))
    pools = _pools(policy, quorum, others)
    return tuple(Pool(pool.need, frozenset(one for one in pool.of if not runs(home, one))) for pool in pools)
