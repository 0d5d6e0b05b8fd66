"""Members of federations as a puller asks them: whose a namespace is, where it answers, and who else may have copies.

Only the member answers for its namespace. Others are asked when it is silent, because they may hold what it signed; what they do
not have, do not give or call recalled says nothing about it, so that none of them can withhold another one's models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hanse.flows.pull.asked import Asked, PullSettings
from hanse.flows.pull.asknodes import NodeAnswer, State
from hanse.model.repo import Origin

MAX_COPIES = 4
_OWN_WORD = frozenset({State.ABSENT, State.CLAIMED, State.RECALLED, State.GATED})


@dataclass(frozen=True, slots=True)
class Members:
    """Whom federations name for one question.

    owner: whose the namespace is, None if no federation gave it away; own: where that member answers; others: where others do.
    """

    owner: Origin | None = None
    own: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: PullSettings, asked: Asked, now: int) -> Members:
        """Return whom trusted federations name for a question.

        Raises Conflict if they differ, StorageError, BadProof if one of them has expired.
        """
        roots = settings.roots(now)
        owner = roots.owner(asked.repo.path)
        if owner is None:
            return cls()
        own = roots.addresses.get(owner, ())
        others = tuple(one for one in roots.carriers(owner) if one not in own and one not in settings.nodes)
        return cls(owner, own, others[:MAX_COPIES])

    def copies(self, answers: Sequence[NodeAnswer]) -> tuple[str, ...]:
        """Return whom to ask besides, after these answers: the others if the member itself is silent and nobody has evidence."""
        if any(one.state is State.SHOWN for one in answers):
            return ()
        silent = all(one.state is State.DOWN for one in answers if one.node in self.own)
        return self.others if silent else ()

    @staticmethod
    def copied(answer: NodeAnswer) -> NodeAnswer:
        """Return the answer of one who may have copies, as far as it counts."""
        if answer.state in _OWN_WORD:
            return replace(answer, state=State.ABSENT, revision=False, error=None)
        return answer
