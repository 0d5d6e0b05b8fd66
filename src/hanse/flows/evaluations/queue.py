"""The queue of evaluations that a node was asked to make: asking, looking, and calling off.

A job names a revision by its commit id and a suite that ships or is installed. Who may write the node's data folder may ask.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hanse.clock import rfc3339
from hanse.db import evaluation_jobs as jobs
from hanse.db.evaluation_jobs import Job
from hanse.db.repos import Repo, get
from hanse.errors import Busy, Conflict, InputError, NotFoundError
from hanse.flows import access
from hanse.flows.node import Node
from hanse.flows.suites.find import digest_of

MAX_OPEN = 1000
"""Jobs that wait or run at once."""
MAX_LISTED = 200
MAX_SECONDS = 30 * 86400
MAX_TOKENS = 10**9


def submit(node: Node, repo: Repo, rev: str, suite: str, *, max_seconds: int = 0, max_tokens: int = 0) -> Job:
    """Queue an evaluation of a revision, or return the job that is open for the same.

    Raises RevisionNotFound, NotFoundError for a suite that there is not, InputError for limits out of bounds, Busy if the queue
    is full.
    """
    if not 0 <= max_seconds <= MAX_SECONDS or not 0 <= max_tokens <= MAX_TOKENS:
        raise InputError(f"a job runs for at most {MAX_SECONDS:,} seconds and {MAX_TOKENS:,} tokens; 0 is no bound")
    digest_of(suite)
    revision = access.resolve_revision(node, repo, rev)
    job = Job(0, repo.id, revision.rev, suite, max_seconds, max_tokens, created_at=node.clock.now())
    with node.db.write() as conn:
        known = jobs.same(conn, job)
        if known is not None:
            return known
        if jobs.count_open(conn) >= MAX_OPEN:
            raise Busy(f"{MAX_OPEN:,} evaluations wait already", hint="start more workers: hanse job work")
        number = jobs.add(conn, job)
        found = jobs.get(conn, number)
    assert found is not None
    return found


def cancel(node: Node, number: int) -> None:
    """Call a job off; its worker stops at the next answer. Raises NotFoundError, Conflict if it has ended."""
    with node.db.write() as conn:
        job = jobs.get(conn, number)
        if job is None:
            raise NotFoundError(f"there is no job {number}", hint="hanse job list")
        if not jobs.cancel(conn, number, node.clock.now()):
            raise Conflict(f"job {number} is {job.state}")


def listed(node: Node) -> list[dict[str, Any]]:
    """Return the newest jobs as JSON, the newest first."""
    with node.db.read() as conn:
        found = jobs.newest(conn, MAX_LISTED)
        names = {job.repo_id: get(conn, job.repo_id) for job in found}
    return [to_json(job, names[job.repo_id]) for job in found]


def to_json(job: Job, repo: Repo | None) -> dict[str, Any]:
    """Return a job as JSON: what is asked for, how far it is, and what came of it."""
    said = asdict(job)
    name = "" if repo is None else repo.repo.path
    times = {"created": rfc3339(job.created_at), "ended": rfc3339(job.ended_at) if job.ended_at else None}
    kept = ("id", "rev", "suite", "state", "holder", "planned", "done", "tokens", "spent", "says", "max_seconds", "max_tokens")
    return {"name": name} | {key: said[key] for key in kept} | times
