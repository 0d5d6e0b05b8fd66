"""How a log writes what a verifier knows: as it is, or, of a repository that is not public, as commitments under its salt.

An evidence file of such a repository brings the salt along; whoever may read the repository may have it. Nothing is revealed from
the log: a verifier hides what he expects, and compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.model.conceal import conceal_value
from hanse.model.evidence import SaltEvidence
from hanse.model.repo import RepoId


@dataclass(frozen=True, slots=True)
class Veil:
    """What stands between a repository and its leaves; salt: empty for a public one."""

    salt: bytes = b""

    def hide(self, field: str, value: str) -> str:
        """Return how a leaf has `value` in one of its identifying fields."""
        return conceal_value(self.salt, field, value) if self.salt else value


CLEAR = Veil()


def veil_of(salts: tuple[SaltEvidence, ...], repo: RepoId) -> Veil:
    """Return the veil of a repository: a salt that came along for it, else none."""
    found = (one for one in salts if (one.origin, one.type, one.repo) == (repo.origin, repo.type, repo.folded))
    return next((Veil(one.salt) for one in found), CLEAR)
