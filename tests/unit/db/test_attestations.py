"""Statements about revisions as rows."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from hanse.db import attestations, repos, repository_scans, revisions
from hanse.db.attestations import Attestation
from hanse.db.engine import Database
from hanse.db.repository_scans import Head, RepositoryScan
from hanse.db.revisions import RefRow
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility

HERE = Origin("hub.example.org")
REV, OLD = GitOid("1" * 40), GitOid("2" * 40)
OMS, SCAN = "https://example.org/manifest", "https://example.org/scan"
KEY, OTHER = Sha256("a" * 64), Sha256("b" * 64)


def _repo(conn: Connection, name: str = "m", origin: Origin = HERE) -> int:
    named = RepoId(origin, RepoType.MODEL, "alice", name)
    repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
    repos.update_columns(conn, repo, state="live")
    return repo


def _move(conn: Connection, repo: int, name: str, rev: GitOid = REV, time: int = 100) -> None:
    revisions.put_refs(conn, [RefRow(repo, RefName(name), 1, rev, Sha256("a" * 64), Sha256("c" * 64), "", time)])


def _row(repo: int, rev: GitOid = REV, payload: str = "d", **changed: object) -> Attestation:
    found = Attestation(repo, rev, Sha256("e" * 64), OMS, Sha256(payload * 64), 7, KEY, b"sig", "", 1, 5)
    return replace(found, **changed)  # type: ignore[arg-type]


def _next(conn: Connection, before: int = 99, after: tuple[int, str] = (0, ""), key: Sha256 = KEY) -> Head | None:
    return attestations.unattested(conn, HERE, OMS, key, before=before, after=after)


def test_settled_heads_are_found(database: Database) -> None:
    """A tag is settled at once, a branch once it rested, what an upstream has at once, a pull request never."""
    with database.write() as conn:
        repo = _repo(conn)
        _move(conn, repo, "refs/heads/main")
        _move(conn, repo, "refs/pr/1", time=0)
        assert _next(conn) is None
        assert _next(conn, before=100) == Head(repo, "refs/heads/main", REV)
        _move(conn, repo, "refs/tags/v1", OLD)
        tag = Head(repo, "refs/tags/v1", OLD)
        assert _next(conn) == tag
        assert _next(conn, before=100, after=(repo, "refs/heads/main")) == tag
        assert _next(conn, before=100, after=(repo, tag.ref)) is None
        _move(conn, repo, "refs/tags/v1", NO_GIT_OID)
        assert _next(conn) is None
        mirrored = _repo(conn, "mirrored", Origin("huggingface.co"))
        _move(conn, mirrored, "refs/heads/main")
        assert _next(conn) == Head(mirrored, "refs/heads/main", REV)


def test_what_was_said_is_not_said_again(database: Database) -> None:
    """A statement counts for its kind and its key, until the repository is called or visible otherwise."""
    with database.write() as conn:
        repo = _repo(conn)
        _move(conn, repo, "refs/heads/main")
        attestations.put(conn, _row(repo, OLD))
        attestations.put(conn, _row(repo, predicate=SCAN, payload="f"))
        assert _next(conn, before=100) is not None
        attestations.put(conn, _row(repo))
        assert _next(conn, before=100) is None
        assert _next(conn, before=100, key=OTHER) is not None
        attestations.end(conn, repo)
        assert _next(conn, before=100) is not None
        assert attestations.of_revision(conn, repo, REV) == []
        attestations.put(conn, _row(repo, leaf_id=9))
        assert attestations.of_revision(conn, repo, REV) == [_row(repo, leaf_id=9)]
        assert len(attestations.of_repo(conn, repo)) == 3
        assert attestations.revs_attested(conn, repo, OMS, [REV, OLD, "3" * 40]) == {REV, OLD}


def test_verdicts_wait_to_be_signed(database: Database) -> None:
    """A verdict is signed once it is known, and another one under another ruleset."""
    with database.write() as conn:
        repo = _repo(conn)
        _move(conn, repo, "refs/heads/main")

        def following(basis: str, ruleset: str = "r") -> Head | None:
            scan = (ruleset, "scan/1", basis)
            return attestations.unattested_scan(conn, HERE, SCAN, KEY, scan=scan, before=100, after=(0, ""))

        assert following("x") is None
        repository_scans.put(conn, RepositoryScan(repo, REV, "r", "scan/1", b"report", "", 5))
        revisions.insert_pending(conn, [_revision(repo)])
        revisions.set_state(conn, repo, [REV], "live", 0)
        repository_scans.put(conn, RepositoryScan(repo, REV, "r", "scan/1", b"report", "", 5))
        assert following("x") == Head(repo, "refs/heads/main", REV)
        assert following("x", ruleset="s") is None
        attestations.put(conn, _row(repo, predicate=SCAN, basis="x"))
        assert following("x") is None
        assert following("y") == Head(repo, "refs/heads/main", REV)


def test_what_was_attested_waits_to_be_scanned(database: Database) -> None:
    """The newest first, each until a current statement says what any ruleset found; what is not live has had its time."""
    with database.write() as conn:
        repo = _repo(conn)
        revisions.insert_pending(conn, [_revision(repo), _revision(repo, OLD)])
        revisions.set_state(conn, repo, [REV, OLD], "live", 0)
        assert attestations.unscanned(conn, OMS, SCAN) is None
        attestations.put(conn, _row(repo, OLD))
        attestations.put(conn, _row(repo, payload="c"))
        first, second = attestations.unscanned(conn, OMS, SCAN), attestations.unscanned(conn, OMS, SCAN, 2)
        assert (first, second) == ((2, Head(repo, "", REV)), (1, Head(repo, "", OLD)))
        assert attestations.unscanned(conn, OMS, SCAN, 1) is None
        attestations.put(conn, _row(repo, predicate=SCAN, payload="f", basis="x"))
        assert attestations.unscanned(conn, OMS, SCAN) == second
        revisions.set_state(conn, repo, [OLD], "withdrawn", 0)
        assert attestations.unscanned(conn, OMS, SCAN) is None
        attestations.end(conn, repo)
        attestations.put(conn, _row(repo, payload="c"))
        assert attestations.unscanned(conn, OMS, SCAN) == first, "what it was called then is not what it is called"
        repos.update_columns(conn, repo, state="withdrawn")
        assert attestations.unscanned(conn, OMS, SCAN) is None


def test_heads_are_what_branches_and_tags_are_at(database: Database) -> None:
    """A pull request makes no head, nor does a ref that moved on."""
    with database.write() as conn:
        repo = _repo(conn)
        _move(conn, repo, "refs/pr/1")
        assert not attestations.is_head(conn, repo, REV)
        for name in ("refs/heads/main", "refs/tags/v1"):
            _move(conn, repo, name)
            assert attestations.is_head(conn, repo, REV)
            _move(conn, repo, name, OLD)
            assert not attestations.is_head(conn, repo, REV)


def _revision(repo: int, rev: GitOid = REV) -> dict[str, object]:
    row: dict[str, object] = {"repo_id": repo, "rev": rev, "tree": "a" * 64, "object": "b" * 64, "parent": None}
    return row | dict.fromkeys(("title", "message", "author"), "") | dict.fromkeys(("created_at", "files", "bytes"), 0)


def test_bundles_are_shared_by_name(database: Database) -> None:
    """A bundle is needed as long as any repository has a statement with its payload and key."""
    with database.write() as conn:
        first, second = _repo(conn), _repo(conn, "n")
        attestations.stop_writers(conn)
        attestations.put(conn, _row(first))
        assert not attestations.named_elsewhere(conn, first, Sha256("d" * 64), KEY)
        attestations.put(conn, _row(second))
        assert attestations.named_elsewhere(conn, first, Sha256("d" * 64), KEY)
        assert not attestations.named_elsewhere(conn, first, Sha256("d" * 64), OTHER)
        assert attestations.named(conn, [Sha256("d" * 64), Sha256("f" * 64)]) == {(Sha256("d" * 64), KEY)}
        (number, one), (_, two) = attestations.all_rows(conn)
        assert (one, two) == (_row(first), _row(second))
        assert attestations.all_rows(conn, after=number) == [(number + 1, two)]
        assert attestations.get(conn, first, REV, Sha256("d" * 64), KEY) == one
        assert attestations.get(conn, first, OLD, Sha256("d" * 64), KEY) is None
        attestations.drop(conn, first)
        assert attestations.of_repo(conn, first) == []
