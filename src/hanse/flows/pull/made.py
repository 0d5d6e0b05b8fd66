"""Making a `PulledRevision`: of verified evidence, or of pinned claims; what was seen is recorded, and the policy decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hanse.clock import rfc3339
from hanse.flows.pull.asked import Asked, PulledRevision
from hanse.flows.pull.claims import Claimed
from hanse.flows.pull.judge import PENDING, Judge, scanned_elsewhere
from hanse.flows.pull.known import Known, KnownRef, KnownRevision
from hanse.flows.pull.origins import Origins
from hanse.flows.pull.signedpins import signed_pins
from hanse.model.decision import Decision, EvidenceFacts, NameKind, Want
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.model.pulled import aged
from hanse.model.repo import RepoId
from hanse.policy.decide import decide, require

if TYPE_CHECKING:
    from hanse.flows.pull.asknodes import Found
    from hanse.flows.pull.logged import Logged
    from hanse.sign.oms import ManifestFile

_SCANS_HERE = "every file is scanned here before its first byte leaves"


class Maker:
    """Makes revisions under one policy. Safe for threads."""

    def __init__(self, origins: Origins, judge: Judge) -> None:
        self._origins = origins
        self._settings = origins.settings
        self._judge = judge

    def from_claims(
        self,
        asked: Asked,
        known: Known,
        claimed: Claimed,
        now: int,
        *,
        logged: Logged | None = None,
        first: Sequence[str] = (),
        as_of: int | None = None,
        notices: Sequence[str] = (),
    ) -> PulledRevision:
        """Return a revision that an origin claims; logged: what its log proves besides. Raises PolicyError, RolledBack."""
        record = claimed.known
        if logged is None:
            want = Want.REVISION if asked.pinned else Want.LATEST
            facts = EvidenceFacts(now, want, NameKind.BARE, repo=str(record.repo), rev=record.rev, scans=(PENDING,))
        else:
            facts = logged.facts(record.rev, self._settings.policy, now)
            problem = logged.remember(self._settings.home, record.rev, now)
            notices = [*notices, *([problem] if problem else []), "nobody has signed this revision yet"]
        decision = self._decide(facts, record.files)
        alarm = known.alarm(record.repo, record.rev)
        said = (*claimed.notices, *notices, *([f"alarm: {alarm}"] if alarm else []))
        return PulledRevision(
            repo=record.repo,
            rev=record.rev,
            ref=None if asked.pinned else asked.revision,
            files=record.files,
            tree=record.tree,
            rung=decision.rung,
            decision=decision,
            as_of=as_of,
            places=self._origins.places(asked, record.repo, record.rev, private=record.private, first=first),
            evidence=None,
            notices=_with_age(said, as_of),
            claims=record.claims,
            complete=record.tree is not None,
            facts=facts,
            only=known.only(private=record.private),
        )

    def from_evidence(
        self,
        asked: Asked,
        known: Known,
        found: Found,
        now: int,
        *,
        nodes: Sequence[str] = (),
        as_of: int | None = None,
        notices: Sequence[str] = (),
        limited: bool | None = None,
    ) -> PulledRevision:
        """Return a verified revision; what nodes showed just now (as_of is None) is recorded.

        nodes: those that showed it; limited: whether they say that not everybody may have its files, None if none was asked: then
        it is as it was recorded. Raises PolicyError for files that the policy refuses, RolledBack or Equivocation.
        """
        from hanse.model.evidence import parse_evidence  # noqa: PLC0415 claims that are held are given out without it

        revision, repo = found.revision, found.revision.repo or asked.repo
        before = known.revision(repo, revision.rev)
        private = bool(parse_evidence(found.data).salts) or _is_limited(before, limited)
        said = [*revision.notices, *_about_nodes(found), *notices, *_overruled(before, revision.files)]
        files = signed_pins(revision.files)
        if as_of is None and limited is not None:
            self._record(asked, known, found, files, now, private=private, before=before, said=said)
        decision = self._decide(revision.facts, files, revision.decision)
        said += [one.says for one in decision.results if one.rule in _TOLD]
        return PulledRevision(
            repo=repo,
            rev=revision.rev,
            ref=None if asked.pinned else asked.revision,
            files=files,
            tree=revision.tree,
            rung=decision.rung,
            decision=decision,
            as_of=as_of,
            places=self._origins.places(asked, repo, revision.rev, private=private, first=nodes),
            evidence=found.data,
            notices=_with_age(said, as_of),
            claims=before.claims if before else {},
            complete=True,
            facts=revision.facts,
            only=known.only(private=private),
        )

    def _record(
        self,
        asked: Asked,
        known: Known,
        found: Found,
        files: Mapping[str, FilePin],
        now: int,
        *,
        private: bool,
        before: KnownRevision | None,
        said: list[str],
    ) -> None:
        """Remember what was verified."""
        from hanse.flows.pull.asknodes import remember_found  # noqa: PLC0415 same

        revision = found.revision
        repo = revision.repo or asked.repo
        problem = remember_found(self._settings.home, revision, now)
        said += [problem] if problem else []
        rev, tree = GitOid(revision.rev), Sha256(revision.tree)
        claims, first = (before.claims, before.first) if before else ({}, now)
        known.keep_evidence(repo, rev, found.data, now, private=private)
        known.keep_revision(KnownRevision(repo, rev, files, tree, claims, first, now, private))
        known.keep_name(repo, now, node=repo.origin != self._origins.upstream, private=private)
        for one in {asked.revision, rev}:
            known.recall(asked.repo, one, "", now)
        if not asked.pinned:
            ref = known.ref(repo, asked.revision)
            moved = KnownRef(((rev, now),), now) if ref is None else ref.moved(rev, now)
            known.keep_ref(repo, asked.revision, moved, private=private)

    def _decide(self, facts: EvidenceFacts, files: Mapping[str, FilePin], made: Decision | None = None) -> Decision:
        """Return what the policy says of a revision; raises PolicyError, also for a file known to be what it refuses."""
        policy = self._settings.policy
        decision = made or decide(policy.policy, facts)
        require(decision)
        self._judge.check_flagged(files.values(), facts)
        if scanned_elsewhere(policy, facts):
            return decision
        results = tuple(replace(one, says=_SCANS_HERE) if one.rule == "scan" else one for one in decision.results)
        return replace(decision, results=results)


_TOLD = frozenset({"silent", "clock", "list", "advised"})
"""What a policy remarks on that whoever uses the revision should be told each time: its publisher's silence, a wrong clock."""


def _is_limited(before: KnownRevision | None, said: bool | None) -> bool:
    """Return what nodes say, else what was recorded."""
    return (before is not None and before.private) if said is None else said


def _overruled(before: KnownRevision | None, files: Sequence[ManifestFile]) -> list[str]:
    """Return in words which files somebody claimed otherwise, before anything was signed."""
    if before is None or before.tree is not None:
        return []
    digests = {file.path: (file.sha256, file.xet) for file in files}
    odd = sorted(
        path
        for path in digests.keys() | before.files.keys()
        if not _agree(before.files.get(path), *digests.get(path, (None, None)))
    )
    if not odd:
        return []
    more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    return [f"first seen on {rfc3339(before.first)} with another {odd[0][:120]}{more}, unsigned: what is signed now counts"]


def _agree(pin: FilePin | None, sha256: Sha256 | None, xet: XetHash | None) -> bool:
    return pin is not None and sha256 is not None and pin.sha256 in (None, sha256) and (None in (pin.xet, xet) or pin.xet == xet)


def _about_nodes(found: Found) -> list[str]:
    false = [f"{node} is left out, what it shows is false: {says}" for node, says in found.false.items()]
    return false + [f"{node} shows an older state of {origin} than others do" for node, origin in found.older]


def _with_age(said: Sequence[str], as_of: int | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*said, *([] if as_of is None else [aged(rfc3339(as_of))]))))


def named(repo: RepoId, rev: str) -> str:
    """Return how a revision is called where files are pinned: `ORIGIN/NAMESPACE/NAME@REV`."""
    return f"{repo}@{rev}"
