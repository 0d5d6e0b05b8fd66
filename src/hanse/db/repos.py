"""Repositories and their names in the catalogue: rows of `repos` and `names`.

A name is (origin, type, case-folded path) and leads to one repository: `current` is its present name, `redirect` a former
one, `reserved` one whose journal leaf is not applied yet (it is taken, but nobody finds anything there).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hanse.db import fragments
from hanse.db.batch import run_many
from hanse.db.schema import names, repos
from hanse.errors import Conflict
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType, Visibility


@dataclass(frozen=True, slots=True)
class Repo:
    """One repository as the catalogue has it.

    state: `pending`, `live`, `retired` (deleted, was public), `withdrawn` (deleted, was not) or `erased`; salt: 32 bytes while
    not public; gated: "", `auto` or `manual`; times: seconds since 1970; head: newest commit of `main`; indexed: the head that
    the fields after it were derived from; safetensors, card, config: JSON texts kept for listings; used_bytes: stored bytes
    charged to the namespace; mirrored: an upstream answers for the name, and revisions are what it says.
    """

    id: int
    repo: RepoId
    state: str
    visibility: Visibility
    salt: bytes | None
    gated: str
    disabled: bool
    created_at: int
    updated_at: int
    creator_id: int | None
    downloads: int
    likes: int
    head: GitOid | None
    indexed: str | None
    pipeline_tag: str | None
    library_name: str | None
    parameters: int | None
    safetensors: str | None
    card: str | None
    tags: tuple[str, ...]
    config: str | None
    used_bytes: int
    mirrored: bool = False

    @property
    def people(self) -> str:
        """The namespace whose people here have rights on the repository; "" where an upstream answers for the name.

        An account of this node is nobody in an upstream's namespace, whatever it is called.
        """
        return "" if self.mirrored else self.repo.namespace

    @property
    def public(self) -> bool:
        """Tell whether everybody may see the repository."""
        return self.visibility is Visibility.PUBLIC


def unborn(repo_id: RepoId, visibility: Visibility, salt: bytes | None, now: int) -> Repo:
    """Return a repository that has no row yet (id 0), for what is prepared before it is created."""
    return Repo(
        id=0,
        repo=repo_id,
        state="pending",
        visibility=visibility,
        salt=salt,
        gated="",
        disabled=False,
        created_at=now,
        updated_at=now,
        creator_id=None,
        downloads=0,
        likes=0,
        head=None,
        indexed=None,
        pipeline_tag=None,
        library_name=None,
        parameters=None,
        safetensors=None,
        card=None,
        tags=(),
        config=None,
        used_bytes=0,
    )


def from_row(row: Row[Any]) -> Repo:
    """Return the Repo of a row that selects all columns of `repos`."""
    return Repo(
        id=row.id,
        repo=RepoId(Origin(row.origin), RepoType(row.type), row.namespace, row.name),
        state=row.state,
        visibility=Visibility(row.visibility),
        salt=None if row.salt is None else bytes(row.salt),
        gated=row.gated,
        disabled=bool(row.disabled),
        created_at=row.created_at,
        updated_at=row.updated_at,
        creator_id=row.creator_id,
        downloads=row.downloads,
        likes=row.likes,
        head=None if row.head is None else GitOid(row.head),
        indexed=row.indexed,
        pipeline_tag=row.pipeline_tag,
        library_name=row.library_name,
        parameters=row.parameters,
        safetensors=row.safetensors,
        card=row.card,
        tags=tuple(json.loads(row.tags)),
        config=row.config,
        used_bytes=row.used_bytes,
        mirrored=bool(row.mirrored),
    )


def _named(repo_id: RepoId) -> ColumnElement[bool]:
    return and_(names.c.origin == repo_id.origin, names.c.type == repo_id.type.value, names.c.folded == repo_id.folded)


def _name_row(repo_id: RepoId, repo: int, kind: str) -> dict[str, object]:
    return {"origin": repo_id.origin, "type": repo_id.type.value, "folded": repo_id.folded, "kind": kind, "repo_id": repo}


# Asked with every request: built once, because building a statement costs more than running it.
_FIND = (
    select(repos, names.c.kind)
    .join(names, names.c.repo_id == repos.c.id)
    .where(names.c.origin == bindparam("origin"), names.c.type == bindparam("type"), names.c.folded == bindparam("folded"))
    .where(names.c.kind != "reserved")
)


def find(conn: Connection, repo_id: RepoId) -> tuple[Repo, bool] | None:
    """Return the repository of that name and whether a redirect led to it; None if there is none."""
    named = {"origin": repo_id.origin, "type": repo_id.type.value, "folded": repo_id.folded}
    row = conn.execute(_FIND, named).one_or_none()
    return None if row is None else (from_row(row), row.kind == "redirect")


def get(conn: Connection, repo: int) -> Repo | None:
    """Return the repository with that row id, in whatever state."""
    row = conn.execute(select(repos).where(repos.c.id == repo)).one_or_none()
    return None if row is None else from_row(row)


def get_many(conn: Connection, ids: Iterable[int]) -> dict[int, Repo]:
    """Return the repositories with these row ids, by id."""
    rows = conn.execute(select(repos).where(repos.c.id.in_(list(ids))))
    return {row.id: from_row(row) for row in rows}


def find_claimed(conn: Connection, repo_id: RepoId) -> Repo | None:
    """Return the repository whose name this is or will be: one that is still being taken in counts; redirects do not."""
    named = select(names.c.repo_id).where(_named(repo_id), names.c.kind != "redirect")
    found = conn.execute(named).scalar_one_or_none()
    return None if found is None else get(conn, found)


def mirrors_named(conn: Connection, kind: RepoType, folded: str) -> list[Repo]:
    """Return the mirrored repositories of that name (any origin) that can be found, by origin."""
    query = select(repos).join(names, names.c.repo_id == repos.c.id).where(repos.c.mirrored, names.c.kind == "current")
    query = query.where(names.c.type == kind.value, names.c.folded == folded).order_by(names.c.origin)
    return [from_row(row) for row in conn.execute(query)]


def has_mirrors_of(conn: Connection, origin: str) -> bool:
    """Tell whether any repository of an upstream is mirrored."""
    return conn.execute(select(repos.c.id).where(repos.c.origin == origin, repos.c.mirrored).limit(1)).first() is not None


def in_state(conn: Connection, state: str | None = None) -> list[Repo]:
    """Return the repositories in a state, all if None, by origin, type and name."""
    query = select(repos) if state is None else select(repos).where(repos.c.state == state)
    order = (repos.c.origin, repos.c.type, repos.c.namespace_folded, repos.c.name, repos.c.id)
    return [from_row(row) for row in conn.execute(query.order_by(*order))]


def deleted_as(conn: Connection, repo_id: RepoId, states: Iterable[str]) -> list[Repo]:
    """Return the repositories in these states whose last name this was, oldest first."""
    there = (repos.c.origin == repo_id.origin, repos.c.type == repo_id.type.value, repos.c.state.in_(list(states)))
    query = select(repos).where(*there, repos.c.namespace_folded == repo_id.namespace.lower()).order_by(repos.c.id)
    return [found for row in conn.execute(query) if (found := from_row(row)).repo.folded == repo_id.folded]


def lock(conn: Connection, repo: int) -> Repo | None:
    """Return the repository and keep other writers of its journal positions out until the transaction ends.

    PostgreSQL locks the row; SQLite has one writer at a time anyway.
    """
    row = conn.execute(select(repos).where(repos.c.id == repo).with_for_update()).one_or_none()
    return None if row is None else from_row(row)


def create(
    conn: Connection,
    repo_id: RepoId,
    *,
    visibility: Visibility,
    salt: bytes | None,
    creator_id: int | None,
    now: int,
    mirrored: bool = False,
) -> int:
    """Insert a repository in state `pending`, reserve its name and return its row id; raises Conflict if the name is taken."""
    values = {
        "origin": repo_id.origin,
        "type": repo_id.type.value,
        "namespace": repo_id.namespace,
        "name": repo_id.name,
        "namespace_folded": repo_id.namespace.lower(),
        "state": "pending",
        "visibility": visibility.value,
        "salt": salt,
        "created_at": now,
        "updated_at": now,
        "creator_id": creator_id,
        "search_text": repo_id.folded,
        "mirrored": mirrored,
    }
    inserted: int = conn.execute(insert(repos).values(values).returning(repos.c.id)).scalar_one()
    reserve_name(conn, repo_id, inserted)
    return inserted


def create_erased(conn: Connection, origin: Origin, kind: RepoType) -> int:
    """Insert the row of an erased repository of which nothing but unreadable leaves is left."""
    name = f"erased-{secrets.token_hex(8)}"
    values = {"origin": origin, "type": kind.value, "namespace": "", "name": name, "namespace_folded": ""}
    values |= {"state": "erased", "visibility": Visibility.PRIVATE.value}
    inserted: int = conn.execute(
        insert(repos).values(**values, created_at=0, updated_at=0, search_text="").returning(repos.c.id)
    ).scalar_one()
    return inserted


def live_after(conn: Connection, number: int, limit: int) -> list[int]:
    """Return row ids of live repositories above `number`, ascending."""
    query = select(repos.c.id).where(repos.c.id > number, repos.c.state == "live").order_by(repos.c.id).limit(limit)
    return list(conn.execute(query).scalars())


def any_exist(conn: Connection) -> bool:
    """Tell whether the catalogue has any repository."""
    return conn.execute(select(repos.c.id).limit(1)).first() is not None


_HEAD = update(repos).where(repos.c.id == bindparam("b_repo")).values(head=bindparam("b_head"), updated_at=bindparam("b_time"))


def set_heads(conn: Connection, rows: Iterable[tuple[int, str | None, int]]) -> None:
    """Set heads of `main` and when they moved: (repository, rev or None, seconds since 1970)."""
    run_many(conn, _HEAD, [{"b_repo": repo, "b_head": head, "b_time": time} for repo, head, time in rows])


def update_columns(conn: Connection, repo: int, **values: object) -> None:
    """Set columns of one row of `repos`."""
    conn.execute(update(repos).where(repos.c.id == repo).values(**values))


def reserve_name(conn: Connection, repo_id: RepoId, repo: int) -> None:
    """Take a name for a repository until its leaf is applied; a redirect that stood there ends.

    Raises Conflict if the name is that of a repository, or being taken by one.
    """
    hint = "choose another name, or delete or move the existing repository"
    taken = conn.execute(select(names.c.kind).where(_named(repo_id)).with_for_update()).scalar_one_or_none()
    if taken is not None and taken != "redirect":
        raise Conflict(f"{repo_id.path} exists already", hint=hint)
    conn.execute(delete(names).where(_named(repo_id)))
    try:
        conn.execute(insert(names).values(_name_row(repo_id, repo, "reserved")))
    except IntegrityError as error:  # PostgreSQL: another transaction took the name meanwhile
        raise Conflict(f"{repo_id.path} exists already", hint=hint) from error


def take_name(conn: Connection, repo_id: RepoId, repo: int) -> None:
    """Make `repo_id` the current name of the repository; its former current name becomes a redirect."""
    former = and_(names.c.repo_id == repo, names.c.kind == "current")
    conn.execute(update(names).where(former).values(kind="redirect"))
    conn.execute(delete(names).where(_named(repo_id)))
    conn.execute(insert(names).values(_name_row(repo_id, repo, "current")))
    fragments.put(conn, repo, repo_id.folded)
    spelled = {"namespace": repo_id.namespace, "name": repo_id.name, "namespace_folded": repo_id.namespace.lower()}
    update_columns(conn, repo, **spelled)


def free_names(conn: Connection, repo: int) -> None:
    """Give up every name of a repository, redirects included."""
    fragments.drop(conn, repo)
    conn.execute(delete(names).where(names.c.repo_id == repo))
