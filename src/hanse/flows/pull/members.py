"""Members of federations as a puller asks them: whose a namespace is, where it answers, and who else may have copies.

Only the member answers for its namespace. Others are asked when it is silent, because they may hold what it signed; what they do
not have, do not give or call recalled says nothing about it, so that none of them can withhold another one's models.

Names that are nobody's are an upstream's: members may have observed what it showed, so they are asked first, and neither what
they answer nor that they do not keeps anybody from asking the upstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hanse.errors import BadProof
from hanse.flows.federation.seen import FOLDER
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked, PullSettings
from hanse.model.repo import Origin

if TYPE_CHECKING:
    from hanse.flows.federation.renew import Renewing

MAX_COPIES = 4
_OWN_WORD = frozenset({State.ABSENT, State.CLAIMED, State.RECALLED, State.GATED})


@dataclass(frozen=True, slots=True)
class Members:
    """Whom federations name for one question.

    owner: whose the namespace is, None if no federation gave it away; own: where that member answers; others: where others do,
    or for a name that is nobody's, members who may have observed it.
    """

    owner: Origin | None = None
    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: PullSettings, asked: Asked, now: int) -> Members:
        """Return whom trusted federations name for a question.

        Raises Conflict if they differ, StorageError, BadProof if one of them has expired.
        """
        if not settings.federated:
            return cls()
        roots = settings.roots(now)
        owner = roots.owner(asked.repo.path)
        if owner is None:
            asking = (urls[0] for urls in roots.addresses.values())
            return cls(others=tuple(one for one in asking if one not in settings.nodes)[:MAX_COPIES])
        own = roots.addresses.get(owner, ())
        others = tuple(one for one in roots.carriers(owner) if one not in own and one not in settings.nodes)
        return cls(owner, own, others[:MAX_COPIES])

    def silent(self, answers: Sequence[NodeAnswer]) -> frozenset[Origin]:
        """Return the owner of the namespace if it was asked at all its addresses and answered at none."""
        own = [one for one in answers if one.node in self.own]
        if self.owner is None or not own or any(one.state is not State.DOWN for one in own):
            return frozenset()
        return frozenset({self.owner})

    def copies(self, answers: Sequence[NodeAnswer]) -> tuple[str, ...]:
        """Return whom to ask besides, after these answers: the others if the member itself is silent and nobody has evidence."""
        if any(one.state is State.SHOWN for one in answers):
            return ()
        silent = all(one.state is State.DOWN for one in answers if one.node in self.own)
        return self.others if silent else ()

    def only_observed(self, answers: Sequence[NodeAnswer]) -> bool:
        """Tell whether these answers are all by members about a name that is an upstream's, so that it can do without them."""
        return self.owner is None and all(one.node in self.others for one in answers)

    def copied(self, answer: NodeAnswer) -> NodeAnswer:
        """Return the answer of one who may have copies, as far as it counts."""
        if answer.state in _OWN_WORD or (self.owner is None and answer.state is not State.SHOWN):
            return replace(answer, state=State.ABSENT, revision=False, error=None)
        return answer


class Named:
    """Whom federations name, question by question.

    What has expired is renewed first, and what was not looked at for long is (`hanse.flows.federation.renew`).
    """

    def __init__(self, settings: PullSettings) -> None:
        self._settings = settings
        self._renewing: Renewing | None = None

    def members(self, asked: Asked, now: int) -> Members:
        """Return whom trusted federations name for a question; raises as `Members.of`."""
        try:
            found = Members.of(self._settings, asked, now)
            return Members.of(self._settings, asked, now) if self._looked(now) else found
        except BadProof:
            # A node walks along its own federations by itself.
            if self._settings.offline or self._settings.federations is not None or not self._renewed(now):
                raise
            return Members.of(self._settings, asked, now)

    def remarks(self, now: int) -> list[str]:
        """Return what is to be told of federations of which nobody has shown lately that they are the newest."""
        if not self._looks(now):
            return []
        from hanse.flows.federation.renew import overdue  # noqa: PLC0415 see below

        return overdue(self._settings.home / FOLDER, now, self._settings.policy.policy.freshness.max_age)

    def _looks(self, now: int) -> bool:
        """Tell whether there are federations that are looked at from here."""
        settings = self._settings
        return not settings.offline and settings.federations is None and settings.federated and bool(settings.roots(now).logs)

    def _looked(self, now: int) -> bool:
        """Look at federations that were not looked at for long; tell whether that was done."""
        if not self._looks(now):
            return False
        from hanse.flows.federation.renew import due  # noqa: PLC0415 see below

        if not due(self._settings.home / FOLDER, now, self._settings.policy.policy.freshness.max_age):
            return False
        self._renewed(now)
        return True

    def _renewed(self, now: int) -> bool:
        from hanse.flows.federation.renew import Renewing  # noqa: PLC0415 it loads TUF, which most readers do not need

        self._renewing = self._renewing or Renewing(self._settings.home / FOLDER)
        return self._renewing.once(now, self._settings.policy.policy.freshness.max_age)
