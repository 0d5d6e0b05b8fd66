"""Files of repositories about which there is something to say: rows of `flags`; what is not in it is safe or not judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update
from sqlalchemy import literal as value_of

from hanse.db.batch import batches
from hanse.db.scans import upsert
from hanse.db.schema_scans import flags
from hanse.model.admission import Outcome
from hanse.model.digest import Sha256
from hanse.model.finding import Coverage, Verdict

_REPLACED = ("ruleset", "verdict", "coverage", "rules", "says", "remedy", "executes", "blocked", "recalled", "waived_until")


@dataclass(frozen=True, slots=True)
class Flag:
    """What is said about a content under one path of a repository.

    blocked: others do not get it unless waived; recalled: others could have had it before; waived_until: seconds since 1970.
    """

    repo_id: int
    sha256: Sha256
    path: str
    ruleset: str
    outcome: Outcome
    blocked: bool
    recalled: bool
    waived_until: int | None = None


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def _values(flag: Flag) -> dict[str, object]:
    outcome = flag.outcome
    return {
        "repo_id": flag.repo_id,
        "sha256": flag.sha256,
        "path_hash": _hash(flag.path),
        "path": flag.path,
        "ruleset": flag.ruleset,
        "verdict": outcome.verdict.value,
        "coverage": outcome.coverage.value,
        "rules": json.dumps([[name, severity.value] for name, severity in outcome.rules]),
        "says": outcome.says.replace("\0", ""),
        "remedy": outcome.remedy.replace("\0", ""),
        "executes": outcome.executes,
        "blocked": flag.blocked,
        "recalled": flag.recalled,
        "waived_until": flag.waived_until,
    }


def _flag(row: Row[Any]) -> Flag:
    rules = tuple((str(name), Verdict(severity)) for name, severity in json.loads(row.rules))
    outcome = Outcome(Verdict(row.verdict), Coverage(row.coverage), row.executes, rules, row.says, row.remedy)
    return Flag(row.repo_id, Sha256(row.sha256), row.path, row.ruleset, outcome, row.blocked, row.recalled, row.waived_until)


def put(conn: Connection, rows: Sequence[Flag]) -> None:
    """Record flags, in place of those for the same content and path."""
    upsert(conn, flags, [_values(row) for row in rows], _REPLACED, sticky=("recalled",))


def drop(conn: Connection, repo: int, named: Sequence[tuple[Sha256, str]]) -> None:
    """Forget what was said about contents under paths: (sha256, path)."""
    for digest, path in named:
        conn.execute(delete(flags).where(flags.c.repo_id == repo, flags.c.sha256 == digest, flags.c.path_hash == _hash(path)))


def in_force(now: int) -> ColumnElement[bool]:
    """Return the condition over `flags` that others do not get the file at that time."""
    return and_(flags.c.blocked, or_(flags.c.waived_until.is_(None), flags.c.waived_until < now))


def of_repo(conn: Connection, repo: int) -> list[Flag]:
    """Return all flags of a repository, by path."""
    return [_flag(row) for row in conn.execute(select(flags).where(flags.c.repo_id == repo).order_by(flags.c.path))]


def blocked(conn: Connection, repo: int, now: int) -> list[Flag]:
    """Return the flags for files that others do not get."""
    query = select(flags).where(flags.c.repo_id == repo, in_force(now))
    return [_flag(row) for row in conn.execute(query)]


def of_file(conn: Connection, repo: int, digest: Sha256, path: str) -> Flag | None:
    """Return what is said about a content under a path."""
    query = select(flags).where(flags.c.repo_id == repo, flags.c.sha256 == digest, flags.c.path_hash == _hash(path))
    row = conn.execute(query).one_or_none()
    return None if row is None else _flag(row)


def of_contents(conn: Connection, repo: int, digests: Sequence[Sha256]) -> list[Flag]:
    """Return what is said about contents under whatever paths, by path."""
    found: list[Flag] = []
    for some in batches(digests):
        query = select(flags).where(flags.c.repo_id == repo, flags.c.sha256.in_(some)).order_by(flags.c.path)
        found += [_flag(row) for row in conn.execute(query)]
    return found


def blocked_contents(conn: Connection, repo: int, digests: Sequence[Sha256], now: int) -> dict[Sha256, Flag]:
    """Return for each content that others do not get, under whatever path, one reason."""
    found: dict[Sha256, Flag] = {}
    for some in batches(digests):
        query = select(flags).where(flags.c.repo_id == repo, flags.c.sha256.in_(some), in_force(now)).order_by(flags.c.path)
        for row in conn.execute(query):
            found.setdefault(Sha256(row.sha256), _flag(row))
    return found


def set_waived(conn: Connection, flag: Flag, until: int | None) -> None:
    """Set until when waivers let a file pass; once they did, others may have it."""
    mine = and_(flags.c.repo_id == flag.repo_id, flags.c.sha256 == flag.sha256, flags.c.path_hash == _hash(flag.path))
    values: dict[str, object] = {"waived_until": until}
    if until is not None:
        values["recalled"] = True
    conn.execute(update(flags).where(mine).values(values))


def copy(conn: Connection, source: int, target: int) -> None:
    """Say about a new repository what is said about the one that it was copied from; waivers stay behind."""
    names = [column.name for column in flags.c if column.name not in ("repo_id", "waived_until")]
    chosen = select(value_of(target), *(flags.c[name] for name in names)).where(flags.c.repo_id == source)
    conn.execute(insert(flags).from_select(["repo_id", *names], chosen))


def kinds(conn: Connection) -> list[tuple[Outcome, bool]]:
    """Return every combination of verdict, coverage and `executes` that occurs, with whether it is blocked."""
    columns = (flags.c.verdict, flags.c.coverage, flags.c.executes, flags.c.blocked)
    rows = conn.execute(select(*columns).distinct())
    return [(Outcome(Verdict(row.verdict), Coverage(row.coverage), row.executes), row.blocked) for row in rows]


def set_blocked(conn: Connection, outcome: Outcome, *, blocked: bool) -> None:
    """Set what the policy does with all files of a kind; what others could have until now is recalled."""
    kind = and_(
        flags.c.verdict == outcome.verdict.value,
        flags.c.coverage == outcome.coverage.value,
        flags.c.executes == outcome.executes,
        flags.c.blocked != blocked,
    )
    conn.execute(update(flags).where(kind).values(blocked=blocked, recalled=True))
