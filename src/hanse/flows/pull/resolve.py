"""From a name to a revision that may be used: nodes first, by evidence; then an upstream, by claims pinned at first use.

1. A commit id that was confirmed lately is not asked for again.
2. All nodes are asked at once, and for a namespace that a federation gave to a member that member, who alone answers for it; if
   it is silent, other members, who may have copies. Who has something to wait for it does not wait long.
3. What they show is verified together, and again with what is held here, if it is not enough by itself.
4. Where no node has the name, and it is no member's, members are asked who may have observed it, then the upstream.
5. Where nobody answers, what is held is given at once, with the time of which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hanse.clock import Clock, rfc3339
from hanse.errors import (
    HanseError,
    InputError,
    IntegrityError,
    NotFoundError,
    PeerDown,
    PeerError,
    PeerMalformed,
    PeerTooSlow,
    PolicyError,
    Recalled,
    RepoNotFound,
    RevisionNotFound,
    VerificationFailed,
)
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked, PulledRevision
from hanse.flows.pull.asking import Asking
from hanse.flows.pull.claims import Claimed, ask_claims
from hanse.flows.pull.known import Known, KnownRef, KnownRevision, Records, scopes
from hanse.flows.pull.made import Maker
from hanse.flows.pull.members import Named
from hanse.flows.pull.origins import Origins
from hanse.flows.pull.owned import Owned
from hanse.model.repo import Origin, RepoType, parse_name, parse_repo_id
from hanse.peers.hub import origin_of

if TYPE_CHECKING:
    from hanse.flows.pull.asknodes import Found, NodesGrowth
    from hanse.flows.pull.merge import Shown

RECENT_SECONDS = 600
_HERE = "what is held here"


class Resolver:
    """Resolves names for callers. Safe for threads."""

    def __init__(self, origins: Origins, records: Records, maker: Maker, clock: Clock) -> None:
        self.origins = origins
        self.settings = origins.settings
        self._records = records
        self.maker = maker
        self._clock = clock
        self.owned = Owned(self.settings.home)
        self.named = Named(self.settings)

    def resolve(self, asked: Asked) -> PulledRevision:
        """Return the revision; raises as `Puller.revision`."""
        known = Known(self._records, self.origins.token(self.settings.home_node, asked))
        return _One(self, asked, known, self._clock.now()).resolve()

    def kept(self, asked: Asked) -> PulledRevision:
        """Return what is held of a commit id, whoever was shown it; raises as `Puller.kept`."""
        callers = (Known(self._records, scope=one) for one in scopes(self._records, asked.repo, asked.revision))
        ways = (_One(self, asked, known, self._clock.now()) for known in callers)
        way = next((one for one in ways if one.record is not None), None)
        if way is None:
            raise RevisionNotFound(f"{asked.repo.path} is not held here")
        return way.held("")

    def full_name(self, kind: RepoType, name: str, token: str) -> str:
        """Return `namespace/name` for the name of an old model without a namespace, as the upstream says or once said.

        Raises RepoNotFound if nobody ever said, PeerError.
        """
        parse_name(name)
        known, url = Known(self._records), self.settings.upstream
        kept = known.alias(kind, name)
        if kept:
            return kept
        if url is None or self.settings.offline:
            raise RepoNotFound(f"no namespace is known for {name[:100]!r}", hint="write it as namespace/name")
        shown = self.origins.upstream_hub(token).info(kind, name, "main").id
        path = parse_repo_id(Origin("any"), kind, shown).path
        if path.rpartition("/")[2].lower() != name.lower():
            raise PeerMalformed(f"{url} calls {name[:100]!r} {path}", hint="write it as namespace/name")
        known.keep_alias(kind, name, path, self._clock.now())
        return path


class _One:
    """One question on its way. now: seconds."""

    def __init__(self, parent: Resolver, asked: Asked, known: Known, now: int) -> None:
        self.asked = asked
        self.known = known
        self.now = now
        self.origins = parent.origins
        self.settings = parent.settings
        self.maker = parent.maker
        self.owned = parent.owned
        self.members = parent.named.members(asked, now)
        self.notices = parent.named.remarks(now)
        self.record, self.ref = self._recorded()
        self.asking = Asking(self.origins, asked, known, now, held=self.record is not None)

    # What is held.

    def _recorded(self) -> tuple[KnownRevision | None, KnownRef | None]:
        """Return what is known here of the revision that is asked for, by whoever answered for the name last."""
        name = self.known.name(self.asked.repo)
        if name is None or self.members.owner not in (None, name.origin):
            return None, None
        repo = replace(self.asked.repo, origin=name.origin)
        ref = None if self.asked.pinned else self.known.ref(repo, self.asked.revision)
        rev = self.asked.revision if self.asked.pinned else ref.rev if ref else ""
        return (self.known.revision(repo, rev) if rev else None), ref

    def held(self, why: HanseError | str, *, current: bool = False) -> PulledRevision:
        """Return what is held, as of when it was confirmed; current: that is recent enough to be said to be now.

        Raises `why` if nothing is held.
        """
        record = self.record
        if record is None:
            raise why if isinstance(why, HanseError) else RevisionNotFound(f"{self.asked.repo.path} is not held here: {why}")
        recalled = self.known.recalled(self.asked.repo, self.asked.revision)
        if recalled:
            raise Recalled(f"{self.asked.repo.path} at {self.asked.revision[:60]} was recalled: {recalled}")
        if isinstance(why, HanseError) and not current:
            self.notices.append(why.message)
        as_of = None if current else min(record.confirmed, self.ref.confirmed if self.ref else record.confirmed)
        data = self.known.evidence(record.repo, record.rev)
        if data is None:
            claimed = Claimed(record)
            return self.maker.from_claims(self.asked, self.known, claimed, self.now, as_of=as_of, notices=self.notices)
        found = self._verified_held(data)
        return self.maker.from_evidence(self.asked, self.known, found, self.now, as_of=as_of, notices=self.notices)

    def _verified_held(self, data: bytes) -> Found:
        """Return the revision that evidence held here shows by itself; raises as `verify_shown`."""
        from hanse.flows.pull.asknodes import NoGrowth, verify_shown  # noqa: PLC0415 claims that are held are given out without what verifies evidence
        from hanse.flows.pull.merge import Shown  # noqa: PLC0415 same

        return verify_shown([Shown(_HERE, data)], self.asked, self.settings, NoGrowth(), self.now)

    # The way.

    def resolve(self) -> PulledRevision:
        """Return the revision, by the steps at the top of this file."""
        if self.settings.offline:
            return self.held("nobody is to be asked")
        recent = self._recent()
        if recent is not None:
            return recent
        answers = self._ask_all()
        self.settings = replace(self.settings, silent=self.members.silent(answers))
        shown = [one for one in answers if one.state is State.SHOWN]
        if any(one.state is State.RECALLED for one in answers if not shown or one.node == self.settings.home_node):
            return self._recalled(answers)
        if not shown:
            return self._without_nodes(answers)
        shown += [one for one in answers if one.state is State.RECALLED and one.data]  # what it signed may be a warning
        try:
            return self._from_nodes(shown)
        except (IntegrityError, PolicyError) as error:
            if not self.members.only_observed(shown):
                raise
            self.notices.append(f"what members observed of the upstream is not enough: {error.message}"[:1000])
            return self._without_nodes([replace(one, state=State.ABSENT) for one in answers])

    def _recent(self) -> PulledRevision | None:
        """Return a revision asked for by its commit id that was confirmed lately and is fully accepted as it is."""
        record = self.record
        if (
            self.settings.fresh
            or not self.asked.pinned
            or record is None
            or not 0 <= self.now - record.confirmed < RECENT_SECONDS
        ):
            return None
        try:
            return self.held("", current=True)
        except (Recalled, VerificationFailed, PolicyError):  # ask: there may be something newer
            return None

    def _ask_all(self) -> list[NodeAnswer]:
        """Return what every node says that is to be asked."""
        members = self.members
        answers = self.asking.ask_nodes(tuple(dict.fromkeys((*self.settings.nodes, *members.own))))
        copies = members.copies(answers)
        if not copies or (self.record is not None and self.record.private):
            return answers
        return answers + [members.copied(one) for one in self.asking.ask_nodes(copies)]

    def _recalled(self, answers: Sequence[NodeAnswer]) -> PulledRevision:
        one = next(one for one in answers if one.state is State.RECALLED)
        self._recall(one.says, one.rev)
        raise Recalled(f"{self.asked.repo.path} at {self.asked.revision[:60]} was recalled: {one.says}"[:1000], rev=one.rev)

    # Nodes.

    def _from_nodes(self, answers: Sequence[NodeAnswer]) -> PulledRevision:
        """Return what nodes show; if that is not enough, together with what is held here, which may be newer."""
        from hanse.flows.position import DIFFER  # noqa: PLC0415 same
        from hanse.flows.pull.asknodes import NodesGrowth  # noqa: PLC0415 same
        from hanse.flows.pull.merge import Shown  # noqa: PLC0415 same

        shown = [Shown(one.node, one.data) for one in answers]
        names, limited = [one.node for one in answers], any(one.limited for one in answers)
        growth = NodesGrowth(self.origins.peers, names)
        try:
            found = self._together(answers, growth)
        except (VerificationFailed, PolicyError) as failure:
            self._warned_of(failure)
            logged = None if isinstance(failure, PolicyError) else self._logged(shown, growth)
            if logged is not None:
                return logged
            again = self._with_held(shown, growth)
            if again is None:
                raise
            self.notices.append(f"what {', '.join(names)} shows is not enough: {failure.message}"[:1000])
            if DIFFER in failure.message and self._confirmed():
                self.notices.append(f"{DIFFER} since {rfc3339(self._confirmed() or 0)}: this is what they agreed on last")
            as_of = self._confirmed()
            return self.maker.from_evidence(
                self.asked, self.known, again, self.now, as_of=as_of, notices=self.notices, limited=limited
            )
        honest = [one for one in names if one not in found.false]
        return self.maker.from_evidence(
            self.asked, self.known, found, self.now, nodes=honest, notices=self.notices, limited=limited
        )

    def _together(self, answers: Sequence[NodeAnswer], growth: NodesGrowth) -> Found:
        """Return what nodes show together; nodes that are behind are waited for a moment where nothing is held."""
        from hanse.flows.pull.asknodes import verify_shown  # noqa: PLC0415 same
        from hanse.flows.pull.merge import Shown  # noqa: PLC0415 same

        def verified(said: Sequence[NodeAnswer]) -> Found:
            return verify_shown([Shown(one.node, one.data) for one in said], self.asked, self.settings, growth, self.now)

        try:
            return verified(answers)
        except (VerificationFailed, PolicyError) as failure:
            ask = self.asking.ask_nodes
            later = self.origins.behind.later(answers, failure, self.settings.home, ask) if self.record is None else ()
            for newer in later:
                with suppress(VerificationFailed, PolicyError):
                    return verified(newer)
            raise

    def _warned_of(self, failure: HanseError, rev: str = "") -> None:
        """Raise a refusal because of an advisory: what is held, and was good before, does not stand in for it. It is recalled.

        rev: the commit id that is refused, if the refusal itself does not say it.
        """
        says = [one for one in getattr(failure, "failed", ()) if one.startswith("advised:")]
        if says and isinstance(failure, PolicyError):
            self._recall(says[0], failure.rev or rev)
            raise failure

    def _recall(self, says: str, rev: str = "") -> None:
        """Note that what was asked for, and the commit id that it is, are recalled; with an empty text, that they are not."""
        for revision in {self.asked.revision, rev} - {""}:
            self.known.recall(self.asked.repo, revision, says, self.now)

    def _logged(self, shown: Sequence[Shown], growth: NodesGrowth) -> PulledRevision | None:
        """Return a revision that nobody has signed yet and that a log proves, None if there is none such."""
        from hanse.flows.pull.asknodes import verifying_with  # noqa: PLC0415 same
        from hanse.flows.pull.logged import verify_logged  # noqa: PLC0415 same
        from hanse.flows.verify_folder import Question  # noqa: PLC0415 same

        question = Question(self.asked.repo.path, self.asked.repo.type, self.asked.revision)
        verifying = verifying_with(self.settings, self.now)
        for one in shown:
            try:
                if one.evidence.bundles:
                    continue
                logged = verify_logged(one.evidence, growth, question, verifying)
                hub = self.origins.hub(one.node, self.asked)
                claimed = ask_claims(hub, logged.repo.origin, self.asked, self.known, self.now, logged=logged)
            except (IntegrityError, InputError, PeerError, NotFoundError) as error:
                self.notices.append(f"{one.node}: {error.message}")
                continue
            self.known.keep_name(claimed.known.repo, self.now, node=True, private=claimed.known.private)
            try:
                made = self.maker.from_claims(
                    self.asked, self.known, claimed, self.now, logged=logged, notices=self.notices, first=(one.node,)
                )
            except PolicyError as refused:
                self._warned_of(refused, claimed.known.rev)
                raise
            self._recall("", claimed.known.rev)
            return made
        return None

    def _with_held(self, shown: Sequence[Shown], growth: NodesGrowth) -> Found | None:
        from hanse.flows.pull.asknodes import verify_shown  # noqa: PLC0415 same
        from hanse.flows.pull.merge import Shown  # noqa: PLC0415 same

        record = self.record
        data = self.known.evidence(record.repo, record.rev) if record else None
        if data is None:
            return None
        try:
            return verify_shown([Shown(_HERE, data), *shown], self.asked, self.settings, growth, self.now)
        except HanseError:
            pass
        try:
            return self._verified_held(data)
        except HanseError:
            return None

    def _confirmed(self) -> int | None:
        record, ref = self.record, self.ref
        return None if record is None else min(record.confirmed, ref.confirmed if ref else record.confirmed)

    # Upstream.

    def _without_nodes(self, answers: Sequence[NodeAnswer]) -> PulledRevision:
        """Return what an upstream says of a name that no node has."""
        asked = self.asked
        gated = next((one.error for one in answers if one.state is State.GATED and one.error), None)
        if gated is not None:
            raise gated
        down = [one for one in answers if one.state is State.DOWN]
        taken = self._taken(answers)
        if taken:
            missing = next((one for one in answers if one.revision), None)
            gone = RevisionNotFound if missing else RepoNotFound
            error: HanseError = gone(f"{missing.says if missing else f'no node has {asked.repo.path}'}, and the name is {taken}")
            if down and not missing:
                error = PeerDown(f"{'; '.join(one.says for one in down)}; {asked.repo.path} is {taken}"[:1000])
            if down or asked.pinned:
                return self.held(error)
            raise error
        # What the upstream itself says as a node it could deny as well.
        late = next((one.error for one in down if one.node == self.settings.upstream), None)
        down = [one for one in down if one.node != self.settings.upstream]
        if down and not self.known.unclaimed(asked.repo):
            says = f"{'; '.join(one.says for one in down)}: whether {asked.repo.path} is a name of a member is not known"
            return self.held(PeerDown(says[:1000], hint="wait for the node, or leave it out to take the name from the upstream"))
        if not down:
            self.known.keep_unclaimed(asked.repo, self.now)
        absent = [one.node for one in answers if one.state is State.ABSENT and one.node in self.settings.nodes]
        hubs = list(dict.fromkeys([*([self.settings.upstream] if self.settings.upstream else []), *absent]))
        if isinstance(late, PeerTooSlow):  # it was waited for once: the same wait again would bring nothing
            return self._from_hubs(absent, late)
        return self._from_hubs(hubs, _nobody(answers, asked))

    def _taken(self, answers: Sequence[NodeAnswer]) -> str:
        """Return whose name it is if it is a member's, in words; empty if it may be an upstream's."""
        if self.members.owner is not None:
            return f"of {self.members.owner}"
        if any(one.state is State.CLAIMED for one in answers):
            return "a member's, who has no such repository"
        name = self.known.name(self.asked.repo)
        if name is not None and name.node and name.origin != self.origins.upstream:
            return f"of {name.origin}"
        owner = self.owned.owner(self.asked.repo)
        if owner is not None and owner != self.origins.upstream:
            return f"of {owner}"
        return "a node's" if any(one.revision for one in answers) and name is None else ""

    def _from_hubs(self, urls: Sequence[str], failure: HanseError) -> PulledRevision:
        """Return what an upstream claims, or a node in its stead, which may get it from there; else what is held."""
        first: HanseError | None = None
        for url in urls:
            origin = self.origins.upstream or origin_of(url)
            try:
                claimed = self.asking.claims(url, origin)
            except (PeerError, NotFoundError) as error:
                first = first or error
                if isinstance(error, NotFoundError) and url == self.settings.upstream:
                    break  # it is up and has no such thing
                continue
            self.known.keep_name(claimed.known.repo, self.now, node=False, private=claimed.known.private)
            said = [*self.notices, *([f"as {url} says: {first.message}"] if first else [])]
            return self.maker.from_claims(self.asked, self.known, claimed, self.now, notices=said)
        return self.held(first or failure)


def _nobody(answers: Sequence[NodeAnswer], asked: Asked) -> HanseError:
    if any(one.revision for one in answers):
        return RevisionNotFound(f"no node has {asked.revision[:80]} of {asked.repo.path}")
    return RepoNotFound(f"no node has {asked.repo.path}", hint="check the name; a private one needs a token")
