"""A revision that was resolved, as those see it who tell of it or serve it, wherever it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hanse.model.decision import Rung
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoId


def aged(as_of: str) -> str:
    """Return the notice of a revision that could only be had as it was at a time, given as in RFC 3339."""
    return f"as of {as_of}: no source said so since"


class Summarised(Protocol):
    """A revision as far as a summary tells of it."""

    @property
    def repo(self) -> RepoId:
        """Whose name it is."""
        ...

    @property
    def rev(self) -> str:
        """Commit id."""
        ...

    @property
    def tree(self) -> str | None:
        """Root of the Merkle map of the files; None while not every file was hashed."""
        ...

    @property
    def rung(self) -> Rung:
        """How much the statement is worth."""
        ...

    @property
    def as_of(self) -> int | None:
        """When it was last known to be current, in seconds since 1970; None if that is now."""
        ...

    @property
    def notices(self) -> Sequence[str]:
        """What the reader should be told."""
        ...


class Pulled(Summarised, Protocol):
    """A revision that was resolved, decided upon and may be read."""

    @property
    def files(self) -> Mapping[str, FilePin]:
        """Every file by path."""
        ...

    @property
    def claims(self) -> Mapping[str, Any]:
        """What the origin says about the repository: card, tags, dates. Bounded, and nobody's word but the origin's."""
        ...
