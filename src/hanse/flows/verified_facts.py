"""From what was verified to the plain facts that a policy judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hanse.flows.attested import Attested
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.newer_lists import newer_lists
from hanse.flows.position import Position, home_of, map_key
from hanse.flows.shown_keys import KeyRecord
from hanse.flows.shown_log import ShownLog
from hanse.flows.trust import Cosigner, Trust, Wanted
from hanse.flows.veil import Veil
from hanse.model.decision import (
    Advised,
    Cosigned,
    EvidenceFacts,
    Known,
    LogFacts,
    NameKind,
    OwnerChange,
    Scanned,
    Signed,
    Want,
)
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.predicates import REPEATED
from hanse.model.repo import RepoId


def gather_facts(
    *,
    now: int,
    want: Wanted,
    repo: RepoId | None,
    rev: str,
    tree: str,
    veil: Veil,
    logs: Sequence[ShownLog],
    attested: Sequence[Attested],
    position: Position | None,
    trust: Trust,
    policy: LoadedPolicy,
    files: frozenset[str] = frozenset(),
) -> EvidenceFacts:
    """Return the facts about a revision; attested: what is said of it; files: their SHA-256; repo: None for a bundle alone."""
    if repo is None:
        signed = tuple(Signed("", one.verified.key.fingerprint) for one in attested if one.vouches)
        return EvidenceFacts(now, Want.PINNED, NameKind.BARE, signatures=signed, scans=trust.scans, owner=Known.CONFIGURED)
    home = home_of(logs, repo)
    owner = owner_key(home, repo, position)
    kind = NameKind.PRIVATE if home and veil.salt else _kind(home, repo, logs, trust)
    known, change = _owner_known(home, repo, owner, trust, kind, at=position)
    return EvidenceFacts(
        now=now,
        want=Want.LATEST if want.ref else Want.PINNED if want.tree else Want.REVISION,
        kind=kind,
        repo=str(repo),
        rev=rev,
        tree=tree,
        signatures=tuple(_signed(one, home, owner, kind) for one in attested if one.vouches),
        logs=tuple(_log_facts(log, repo, position, policy, veil, silent=log.origin in trust.silent) for log in logs),
        scans=(*trust.scans, *_scans(attested)),
        owner=known,
        owner_change=change,
        rivals=position.rivals if position else 0,
        newer=newer_lists(logs, trust.lists),
        advised=tuple(_advised(logs, repo, rev, tree, files)),
        members=len(trust.logs),
        **_evaluations(attested, home, tree),
    )


def _advised(logs: Sequence[ShownLog], repo: RepoId, rev: str, tree: str, files: frozenset[str]) -> Iterable[Advised]:
    """Yield who warns of the revision; of several of one member about one kind, each."""
    for log in logs:
        for one in log.in_force:
            if one.concerns(repo, rev, tree, files):
                own = log.origin == repo.origin
                yield Advised(log.origin, one.id, one.kind.value, one.summary, blocks=one.kind.blocks, own=own, known=log.known)


def _kind(home: ShownLog | None, repo: RepoId, logs: Sequence[ShownLog], trust: Trust) -> NameKind:
    """Return who answers for the name. A member's name stays his when an evidence file leaves his log out."""
    if home is not None or repo.origin in trust.logs or trust.seen(repo.origin).log is not None:
        return NameKind.OWNED
    return NameKind.MIRRORED if logs else NameKind.BARE


def owner_key(home: ShownLog | None, repo: RepoId, position: Position | None) -> KeyRecord | None:
    """Return the key that answers for the namespace, as far as it is shown."""
    if position is not None and position.owner is not None:
        return position.owner
    return None if home is None else home.book.owner(repo.namespace.lower())


def earlier_keys(logs: Sequence[ShownLog], repo: RepoId, owner: KeyRecord | None) -> Mapping[str, int]:
    """Return the keys that handed over to the owner's, each with the index of the leaf that ended it."""
    home = home_of(logs, repo)
    return {} if home is None or owner is None else home.book.line(owner)


def present_owner(logs: Sequence[ShownLog], repo: RepoId, owner: KeyRecord) -> KeyRecord:
    """Return the key that answers for the namespace now, if it is shown that the owner's handed over to it; else the owner's."""
    home = home_of(logs, repo)
    now = None if home is None else home.book.owner(repo.namespace.lower())
    return now if home and now and owner.public.fingerprint in home.book.line(now) else owner


def _owner_known(
    home: ShownLog | None, repo: RepoId, owner: KeyRecord | None, trust: Trust, kind: NameKind, *, at: Position | None
) -> tuple[Known, OwnerChange]:
    if home and kind is NameKind.PRIVATE:
        return home.known, OwnerChange.NONE  # the node itself answers for what does not show
    pinned = trust.seen(repo.origin).owners.get(repo.namespace.lower())
    if home is None or owner is None:
        return (Known.NEW if pinned is None else Known.CHANGED), OwnerChange.NONE
    if home.known is Known.CHANGED:
        return Known.CHANGED, OwnerChange.UNEXPLAINED  # whoever signs this log now says who the owner is
    # A key that was added without the signature of the one before it is an alarm, also for whoever is here for the first time.
    alarm = any(f"{KeyUse.NAMESPACE.value} key" in one for one in home.book.alarms)
    if pinned is None or pinned == owner.public.fingerprint:
        return _met(home, repo, trust, pinned), OwnerChange.UNEXPLAINED if alarm else OwnerChange.NONE
    older = _from_before(home, repo, owner, trust, at)
    if older and home.consistent and not alarm:
        return Known.PINNED, OwnerChange.NONE
    handed = older or pinned in home.book.line(owner)
    return Known.CHANGED, OwnerChange.TRANSFERRED if handed and not alarm else OwnerChange.UNEXPLAINED


def _from_before(home: ShownLog, repo: RepoId, owner: KeyRecord, trust: Trust, at: Position | None) -> bool:
    """Tell whether what is at this leaf, or all that the log has, was published before the key was handed over to the pinned one.

    Only a hand-over that was seen with the pin counts: what is shown now could make any key an earlier one.
    """
    end = trust.seen(repo.origin).earlier.get(repo.namespace.lower(), {}).get(owner.public.fingerprint, 0)
    return (home.checkpoint.size - 1 if at is None or at.leaf is None else at.index) < end


def _met(home: ShownLog, repo: RepoId, trust: Trust, pinned: str | None) -> Known:
    """Return how a key is known that is no other than before; a federation says whose log names the keys of a namespace."""
    if pinned is not None:
        return Known.PINNED
    delegated = home.known is Known.CONFIGURED and trust.delegated.get(repo.namespace.lower()) == home.origin
    return Known.CONFIGURED if delegated else Known.NEW


def _signed(one: Attested, home: ShownLog | None, owner: KeyRecord | None, kind: NameKind) -> Signed:
    key = one.verified.key.fingerprint
    if one.log is None or one.record is None:
        return Signed("", key)
    own = home is not None and one.log.origin == home.origin
    if one.record.use is KeyUse.NAMESPACE:
        held = one.record.holder is Holder.OWNER
        # The owner is somebody else than the member whose log lists his statement.
        return Signed("" if held else one.log.origin, key, one.log.origin, owner=own, held=held)
    answers = own and (kind is NameKind.PRIVATE or (owner is not None and owner.holder is Holder.OPERATOR))
    return Signed(one.log.origin, key, one.log.origin, owner=answers)


def _log_facts(
    log: ShownLog, repo: RepoId, position: Position | None, policy: LoadedPolicy, veil: Veil, *, silent: bool
) -> LogFacts:
    current = False
    if position is not None and log.latest and not log.behind:
        value = log.refs.get(map_key(repo, position.ref, veil))
        current = value is not None and value[1:] == (position.rev, position.tree)
    times = {mirror: {one.key: time for one, time in (log.mirrors if mirror else log.witnesses)} for mirror in (False, True)}
    return LogFacts(
        origin=log.origin,
        size=log.checkpoint.size,
        time=log.time,
        known=log.known,
        home=log.origin == repo.origin,
        current=current,
        advisories=log.judged and log.latest and not log.behind,
        witnesses=_cosigned(log.witnesses),
        mirrors=_cosigned(log.mirrors),
        witness=policy.quorum(log.origin, times[False], mirror=False, log_time=log.time),
        mirror=policy.quorum(log.origin, times[True], mirror=True, log_time=log.time),
        keys=log.book.operators,
        # The last sign of life that can be verified: the newest leaf shown. Cosignatures go on without its operator.
        silent_since=log.time if silent else None,
    )


def _evaluations(attested: Sequence[Attested], home: ShownLog | None, tree: str) -> dict[str, Any]:
    """Return what evaluations say; what reads them is loaded only where there are some."""
    if not any(one.statement.predicate_type in REPEATED for one in attested):
        return {}
    from hanse.flows.evaluations.facts import facts_of  # noqa: PLC0415 see above

    records, words = facts_of(attested, tree, "" if home is None else home.origin)
    return {"evaluations": records, "countersigned": words}


def _cosigned(pairs: Iterable[tuple[Cosigner, int]]) -> tuple[Cosigned, ...]:
    return tuple(Cosigned(one.key.name, one.key.public.fingerprint, time, one.member) for one, time in pairs)


def _scans(attested: Iterable[Attested]) -> Iterable[Scanned]:
    for one in attested:
        found = one.scan()
        if found is not None:
            yield Scanned(one.member, *found, one.verified.key.fingerprint)
