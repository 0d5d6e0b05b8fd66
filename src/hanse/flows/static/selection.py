"""What a static site has in it, and what writing one comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hanse.db.repos import Repo
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import GitOid
from hanse.model.repo import RepoId
from hanse.model.staticlayout import StaticIndex, StaticPath


@dataclass(frozen=True, slots=True)
class Selection:
    """Which repositories are written: those that `actor` may read the bytes of and that `takes` says yes to.

    Only chunks of their files are written, whatever else is in the same xorbs. log: also the log, the federations, and
    `hanse.json`; without it only what belongs to the repositories.
    """

    actor: Actor = ANONYMOUS
    takes: Callable[[Repo], bool] = lambda _: True
    log: bool = True


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not in the site: a repository, or a revision of it, and why."""

    repo: RepoId
    rev: GitOid | None
    why: str


@dataclass(frozen=True, slots=True)
class WrittenRepo:
    """A repository of the site, with the revisions that are there whole, the oldest first."""

    repo: RepoId
    revs: tuple[GitOid, ...]


@dataclass(slots=True)
class Written:
    """What was written. paths: every file of the site, with those that were there; files, bytes: what was put this time.

    signed: revisions whose evidence had statements when it was written; index: None without the log.
    """

    index: StaticIndex | None = None
    repos: list[WrittenRepo] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    paths: set[StaticPath] = field(default_factory=set)
    signed: set[tuple[RepoId, GitOid]] = field(default_factory=set)
    files: int = 0
    bytes: int = 0
