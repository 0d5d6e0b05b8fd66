"""Listing and searching repositories, in pages that start after a row.

A page is found in one of two ways. If any condition holds for few repositories (a search term, a tag, an author, …), their ids
are fetched first and everything else is checked on those. Otherwise every condition is common, and walking the index of the
wanted order finds a page soon. Both cost about the same at 10^4 and 10^5 repositories (bench/listing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    any_,
    delete,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from hanse.db import fragments
from hanse.db.batch import insert_new
from hanse.db.schema import name_fragments, repo_tags, repos
from hanse.model.repo import RepoType

FEW = 2000
"""Most ids that are fetched instead of walking an order; about the square root of (repositories x page size)."""
ORDERS = {
    "updated_at": repos.c.updated_at,
    "created_at": repos.c.created_at,
    "downloads": repos.c.downloads,
    "likes": repos.c.likes,
}
"""Orders a listing can have, each with an index."""
_COLUMNS = (
    repos.c.id,
    repos.c.namespace,
    repos.c.name,
    repos.c.visibility,
    repos.c.gated,
    repos.c.disabled,
    repos.c.created_at,
    repos.c.updated_at,
    repos.c.downloads,
    repos.c.likes,
    repos.c.head,
    repos.c.pipeline_tag,
    repos.c.library_name,
    repos.c.tags,
    repos.c.safetensors,
    repos.c.used_bytes,
)


@dataclass(frozen=True, slots=True)
class Query:
    """What to list.

    visible: condition over `repos` (hanse.flows.access.visible_repos_clause); terms: lower-case texts that the name contains;
    tags: all must be there; parameters: (least, most) or None; order: key of ORDERS; after: (value of the order, id) of the
    row before the page; details: whether `card` and `config` are wanted.
    """

    kind: RepoType
    visible: ColumnElement[bool]
    terms: tuple[str, ...] = ()
    author: str | None = None
    tags: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    gated: bool | None = None
    parameters: tuple[int, int] | None = None
    order: str = "updated_at"
    descending: bool = True
    after: tuple[int, int] | None = None
    limit: int = 100
    details: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One repository in a listing; `tags`, `safetensors`, `card` and `config` are the JSON texts of the catalogue."""

    id: int
    namespace: str
    name: str
    visibility: str
    gated: str
    disabled: bool
    created_at: int
    updated_at: int
    downloads: int
    likes: int
    head: str | None
    pipeline_tag: str | None
    library_name: str | None
    tags: str
    safetensors: str | None
    used_bytes: int
    card: str | None = None
    config: str | None = None


class _Plain(ColumnElement[Any]):
    """A column whose indexes SQLite must not take: without statistics it thinks any of them better than the wanted order."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012 as the base class declares it

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(_Plain)
def _plain(element: _Plain, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column, **options)


@compiles(_Plain, "sqlite")
def _plain_sqlite(element: _Plain, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.column, **options)}"


@dataclass(frozen=True, slots=True)
class _Condition:
    """`ids` selects the repositories a condition holds for (or a few more), `check` says it of a row of `repos`."""

    ids: Select[Any]
    check: ColumnElement[bool]


def _column(query: Query, column: ColumnElement[Any], test: Callable[[ColumnElement[Any]], ColumnElement[bool]]) -> _Condition:
    return _Condition(select(repos.c.id).where(repos.c.type == query.kind.value, test(column)), test(_Plain(column)))


def _conditions(query: Query) -> list[_Condition]:
    found = [
        _Condition(
            select(name_fragments.c.repo_id).where(fragments.matches(term)),
            repos.c.search_text.contains(term, autoescape=True),
        )
        for term in query.terms
    ]
    tags = [tag.lower() for tag in query.tags]
    found += [_Condition(_tagged(tag), exists(_tagged(tag).where(repo_tags.c.repo_id == repos.c.id))) for tag in tags]
    if len(tags) > 1:
        found.append(_Condition(_all_tagged(tags), true()))
    author, task, gated, parameters = query.author, query.pipeline_tag, query.gated, query.parameters
    if author is not None:
        found.append(_column(query, repos.c.namespace_folded, lambda column: column == author.lower()))
    if task is not None:
        found.append(_column(query, repos.c.pipeline_tag, lambda column: column == task))
    if gated is not None:
        found.append(_column(query, repos.c.gated, lambda column: column.in_(("auto", "manual") if gated else ("",))))
    if parameters is not None:
        found.append(_column(query, repos.c.parameters, lambda column: column.between(*parameters)))
    return found


def _tagged(tag: str) -> Select[Any]:
    return select(repo_tags.c.repo_id).where(repo_tags.c.tag == tag)


def _all_tagged(tags: Sequence[str]) -> Select[Any]:
    found = _tagged(tags[0])
    for tag in tags[1:]:
        other = repo_tags.alias()
        both = select(other.c.repo_id).where(other.c.tag == tag, other.c.repo_id == repo_tags.c.repo_id)
        found = found.where(exists(both.correlate(repo_tags)))
    return found


def _few(conn: Connection, conditions: Sequence[_Condition]) -> set[int] | None:
    """Return a small set of ids that holds every match, or None if no condition is rare."""
    found: set[int] | None = None
    for condition in conditions:
        rows = conn.execute(condition.ids.limit(FEW + 1)).scalars().all()
        if len(rows) <= FEW:
            found = set(rows) if found is None else found.intersection(rows)
        if found is not None and len(found) <= FEW // 10:
            break
    return found


def _one_of(conn: Connection, ids: set[int]) -> ColumnElement[bool]:
    """Return the condition that a row of `repos` has one of `ids`; one array is much cheaper than a list on PostgreSQL."""
    if conn.dialect.name == "postgresql":
        return repos.c.id == any_(literal(sorted(ids), ARRAY(BigInteger)))
    return repos.c.id.in_(ids)


def find(conn: Connection, query: Query) -> list[Listed]:
    """Return the page of repositories that `query` asks for."""
    conditions = _conditions(query)
    column = ORDERS[query.order]
    columns = (*_COLUMNS, repos.c.card, repos.c.config) if query.details else _COLUMNS
    statement = select(*columns).where(query.visible, *(condition.check for condition in conditions))
    ids = _few(conn, conditions)
    if ids is None:
        statement = statement.where(repos.c.type == query.kind.value)
    elif ids:
        statement = statement.where(_Plain(repos.c.type) == query.kind.value, _one_of(conn, ids))
    else:
        return []
    down = query.descending
    statement = statement.order_by(column.desc() if down else column, repos.c.id.desc() if down else repos.c.id)
    if query.after is None:
        rows = conn.execute(statement.limit(query.limit)).all()
    else:
        # Two exact ranges of the index; for (column, id) < (value, id) SQLite would read all rows of that value.
        value, last = query.after
        level = statement.where(column == value, repos.c.id < last if down else repos.c.id > last)
        rows = conn.execute(level.limit(query.limit)).all()
        if len(rows) < query.limit:
            rest = statement.where(column < value if down else column > value)
            rows = [*rows, *conn.execute(rest.limit(query.limit - len(rows)))]
    return [Listed(*row) for row in rows]


def count(conn: Connection, kind: RepoType, visible: ColumnElement[bool], most: int = 10_000) -> int:
    """Return how many repositories of a type the caller may see; counting stops at `most`."""
    some = select(repos.c.id).where(repos.c.type == kind.value, visible).limit(most).subquery()
    return conn.execute(select(func.count()).select_from(some)).scalar_one()


def put_tags(conn: Connection, repo: int, tags: Iterable[str]) -> None:
    """Make repository `repo` found by these tags, compared in lower case, and by no others."""
    conn.execute(delete(repo_tags).where(repo_tags.c.repo_id == repo))
    insert_new(conn, repo_tags, [{"tag": tag, "repo_id": repo} for tag in sorted({tag.lower()[:200] for tag in tags})])
