"""The queue of evaluations: fair, fenced, and bounded by leases."""

from __future__ import annotations

import pytest

from hanse.db import evaluation_jobs as jobs
from hanse.db import repos
from hanse.db.engine import Database
from hanse.db.evaluation_jobs import Job
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

REV = "1" * 40


@pytest.fixture(name="number")
def _number(database: Database) -> int:
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", "m")
    with database.write() as conn:
        repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
        return jobs.add(conn, Job(0, repo, REV, "arithmetic", created_at=5))


def test_one_worker_at_a_time(database: Database, number: int) -> None:
    """A job is given to one worker; to another only when the lease is over, with a higher fence."""
    with database.write() as conn:
        first = jobs.take(conn, "one", 100, 60)
        assert first is not None
        assert (first.id, first.fence, first.state, first.expires_at) == (number, 1, "running", 160)
        assert jobs.take(conn, "two", 159, 60) is None
        assert jobs.write(conn, first, expires_at=200)
        assert jobs.take(conn, "two", 199, 60) is None
        second = jobs.take(conn, "two", 200, 60)
        assert second is not None
        assert second.fence == 2
        assert not jobs.write(conn, first, done=7), "whoever was away too long writes nothing"
        assert jobs.write(conn, second, done=7)


def test_what_is_called_off_is_lost(database: Database, number: int) -> None:
    """A job that is called off cannot be written or taken any more, and is not open."""
    with database.write() as conn:
        job = jobs.take(conn, "one", 100, 60)
        assert job is not None
        assert jobs.same(conn, job) == job
        assert jobs.count_open(conn) == 1
        assert jobs.cancel(conn, number, 110)
        assert not jobs.cancel(conn, number, 111)
        assert not jobs.write(conn, job, done=1)
        assert jobs.take(conn, "two", 1000, 60) is None
        assert (jobs.same(conn, job), jobs.count_open(conn)) == (None, 0)
        assert [(one.state, one.ended_at) for one in jobs.newest(conn, 5)] == [("cancelled", 110)]
        assert jobs.get(conn, number + 1) is None
