"""Search by any part of a repository's name: the index `name_fragments`.

For each character of the folded path the up to eight characters from there on are kept. A text that a name contains is then
the start of one of its fragments, which is a range of the table's key on both databases; what goes beyond eight characters is
checked on the name itself.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete

from hanse.db.batch import insert_new
from hanse.db.schema import name_fragments

LENGTH = 8
_LAST = "\x7f"  # greater than every character a name may have


def put(conn: Connection, repo: int, folded: str) -> None:
    """Make repository `repo` found by the parts of `folded` (`namespace/name`, lower case), and by no other."""
    drop(conn, repo)
    parts = {folded[at : at + LENGTH] for at in range(len(folded))}
    insert_new(conn, name_fragments, [{"fragment": part, "repo_id": repo} for part in sorted(parts)])


def drop(conn: Connection, repo: int) -> None:
    """Make repository `repo` found by no part of a name."""
    conn.execute(delete(name_fragments).where(name_fragments.c.repo_id == repo))


def matches(term: str) -> ColumnElement[bool]:
    """Return the condition over `name_fragments` that holds for names with the first eight characters of `term` in them."""
    start = term[:LENGTH]
    return and_(name_fragments.c.fragment >= start, name_fragments.c.fragment < start + _LAST)
