"""What there is to be said about files of repositories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.db import flags, repos
from hanse.db.engine import Database
from hanse.db.flags import Flag
from hanse.model.admission import Outcome
from hanse.model.digest import Sha256
from hanse.model.finding import Coverage, Verdict
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

A, B = Sha256("a" * 64), Sha256("b" * 64)
OUTCOME = Outcome(Verdict.SUSPICIOUS, Coverage.COMPLETE, False, (("S-S", Verdict.SUSPICIOUS),), "says", "remedy")


@pytest.fixture(name="repo")
def _repo(database: Database) -> int:
    return _new(database, "m")


def _new(database: Database, name: str) -> int:
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", name)
    with database.write() as conn:
        return repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)


def _flag(repo: int, path: str = "x.bin", **other: object) -> Flag:
    return replace(Flag(repo, A, path, "r1", OUTCOME, blocked=True, recalled=False), **other)  # type: ignore[arg-type]


def test_a_flag_comes_back_as_it_was(database: Database, repo: int) -> None:
    """Every field survives; one content may have several paths."""
    rows = [_flag(repo), _flag(repo, "y\udc80.bin".encode("utf-8", "replace").decode())]
    with database.write() as conn:
        flags.put(conn, rows)
        flags.put(conn, [])
    with database.read() as conn:
        assert flags.of_repo(conn, repo) == rows
        assert flags.of_file(conn, repo, A, "x.bin") == rows[0]
        assert flags.of_file(conn, repo, B, "x.bin") is None
        assert flags.of_contents(conn, repo, [A, B]) == rows


def test_recalled_stays(database: Database, repo: int) -> None:
    """What others could have once is not forgotten by another look."""
    with database.write() as conn:
        flags.put(conn, [_flag(repo, recalled=True)])
        flags.put(conn, [_flag(repo, ruleset="r2")])
        assert flags.of_repo(conn, repo) == [_flag(repo, ruleset="r2", recalled=True)]


def test_what_is_waived_passes_until_its_end(database: Database, repo: int) -> None:
    """A waiver opens a file for a time, and what was open is recalled afterwards."""
    with database.write() as conn:
        flags.put(conn, [_flag(repo)])
        assert set(flags.blocked_contents(conn, repo, [A], 100)) == {A}
        flags.set_waived(conn, _flag(repo), 200)
        assert flags.blocked(conn, repo, 200) == []
        assert [flag.recalled for flag in flags.blocked(conn, repo, 201)] == [True]
        flags.set_waived(conn, _flag(repo), None)
        assert len(flags.blocked(conn, repo, 100)) == 1


def test_flags_are_dropped_and_copied(database: Database, repo: int) -> None:
    """A copy of a repository inherits what is said, without its waivers."""
    other = _new(database, "n")
    with database.write() as conn:
        flags.put(conn, [_flag(repo, waived_until=50), _flag(repo, "z")])
        flags.drop(conn, repo, [(A, "z"), (B, "x.bin")])
        flags.copy(conn, repo, other)
        assert flags.of_repo(conn, other) == [_flag(other)]


def test_another_policy_changes_all_of_a_kind(database: Database, repo: int) -> None:
    """What is blocked follows the policy without anything being judged again; what was open is recalled."""
    with database.write() as conn:
        flags.put(conn, [_flag(repo, blocked=False)])
        assert [(outcome.verdict, blocked) for outcome, blocked in flags.kinds(conn)] == [(Verdict.SUSPICIOUS, False)]
        flags.set_blocked(conn, OUTCOME, blocked=True)
        assert flags.of_repo(conn, repo) == [_flag(repo, recalled=True)]
