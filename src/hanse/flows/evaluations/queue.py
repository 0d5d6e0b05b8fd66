"""The queue of evaluations that a node was asked to make: asking, looking, and calling off.

A job names a revision by its commit id and a suite (`.suites`). Who may write the node's data folder may ask, and
over HTTP an operator, or who writes in the repository, with a token whose role is `write` or `evaluate`. A mirrored repository
has no writers here, so that its evaluation is for the operator to ask. A job is seen and called off by those who could have asked
for it, and whoever did.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection

from hanse.clock import rfc3339
from hanse.db import evaluation_jobs as jobs
from hanse.db.evaluation_jobs import Job
from hanse.db.repos import Repo, get
from hanse.errors import Busy, Conflict, InputError, NotAllowed, NotFoundError
from hanse.evals.builtin import is_harmful
from hanse.evals.cost import UNIT, Price, check_bound
from hanse.flows import access
from hanse.flows.evaluations.kept import Shown, check_tiers
from hanse.flows.evaluations.suites import suite_of_job
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.repo import RepoType

MAX_OPEN = 1000
"""Jobs that wait or run at once."""
MAX_OPEN_OF_ONE = 20
"""Jobs of one account that do."""
MAX_LISTED = 200
MAX_SECONDS = 30 * 86400
MAX_TOKENS = 10**9
ASKING_ROLES = ("write", "evaluate")


@dataclass(frozen=True, slots=True)
class Asked:
    """Bounds of a job, 0 for none, and whom its files are shown to. max_cost: in millionths, at `price`."""

    max_seconds: int = 0
    max_tokens: int = 0
    max_cost: int = 0
    price: Price = field(default_factory=Price)
    shown: Shown = field(default_factory=Shown)


def submit(node: Node, repo: Repo, rev: str, suite: str, asked: Asked | None = None) -> Job:
    """Queue an evaluation of a revision, or return the job that is open for the same.

    Raises RevisionNotFound, what `suite_of_job` raises, InputError for limits out of bounds, Busy if the queue is full.
    """
    asked = asked or Asked()
    if not 0 <= asked.max_seconds <= MAX_SECONDS or not 0 <= asked.max_tokens <= MAX_TOKENS:
        raise InputError(f"a job runs for at most {MAX_SECONDS:,} seconds and {MAX_TOKENS:,} tokens; 0 is no bound")
    check_bound(asked.max_cost, asked.price)
    if repo.repo.type is not RepoType.MODEL:
        raise InputError(f"{repo.repo.path} is a {repo.repo.type.value}: models are evaluated")
    suite, wanted = suite_of_job(node, suite)
    check_tiers(asked.shown, harmful=is_harmful(wanted))
    job = _job(access.resolve_revision(node, repo, rev).rev, repo, suite, asked, node.clock.now())
    with node.db.write() as conn:
        known = jobs.same(conn, job)
        if known is not None:
            return known
        _require_room(conn, job.account_id)
        found = jobs.get(conn, jobs.add(conn, job))
    assert found is not None
    return found


def _job(rev: str, repo: Repo, suite: str, asked: Asked, now: int) -> Job:
    shown, price = asked.shown, asked.price
    return Job(
        0,
        repo.id,
        rev,
        suite,
        asked.max_seconds,
        asked.max_tokens,
        created_at=now,
        account_id=shown.account,
        max_cost=asked.max_cost,
        price_hour=price.hour,
        price_million=price.million,
        item_table=shown.table.value,
        transcript=shown.transcript.value,
    )


def _require_room(conn: Connection, account: int) -> None:
    if jobs.count_open(conn) >= MAX_OPEN:
        raise Busy(f"{MAX_OPEN:,} evaluations wait already", hint="start more workers: hanse job work")
    if account and jobs.count_open(conn, account) >= MAX_OPEN_OF_ONE:
        raise Busy(f"{MAX_OPEN_OF_ONE} evaluations that you asked for wait already", hint="wait, or call some off")


def require_may_ask(actor: Actor, repo: Repo) -> int:
    """Return the account of a caller who may have a revision of the repository evaluated; raises NotAuthenticated, NotAllowed."""
    account = access.require_account(actor)
    if not may_ask(actor, repo):
        why = "it is mirrored, so ask an operator" if repo.mirrored else "its people may, and an operator"
        raise NotAllowed(
            f"You don't have the rights to have {repo.repo.path} evaluated here: {why}",
            hint="use a token of theirs whose role is write or evaluate; or run it yourself: hanse evaluate without --on",
        )
    return account


def may_ask(actor: Actor, repo: Repo) -> bool:
    """Tell whether a caller may have a revision of the repository evaluated, with the token used."""
    if actor.role not in ASKING_ROLES or actor.anonymous:
        return False
    return actor.admin or (not repo.mirrored and actor.is_writer(repo.people))


def bounded(node: Node, seconds: int) -> int:
    """Return the seconds that a job may run which is asked for over HTTP; raises NotAllowed if nobody may ask, or for so long."""
    most = node.limits.evaluation_seconds
    if not most:
        raise NotAllowed("this node takes no evaluations over HTTP", hint="its operator does: hanse job add")
    if seconds > most:
        raise NotAllowed(f"an evaluation may run for at most {most:,} seconds here", hint="ask for less, or leave the bound out")
    return seconds or most


def seen(node: Node, actor: Actor, number: int) -> tuple[Job, Repo]:
    """Return a job and its repository for whoever may see them; raises NotFoundError for everybody else."""
    with node.db.read() as conn:
        job = jobs.get(conn, number)
        repo = None if job is None else get(conn, job.repo_id)
    if job is None or repo is None or not _may_see(actor, job, repo):
        raise NotFoundError(f"there is no job {number}", hint="hanse job list")
    return job, repo


def _may_see(actor: Actor, job: Job, repo: Repo) -> bool:
    if actor.anonymous or not access.may_see(actor, repo):
        return False
    return actor.admin or actor.account_id == job.account_id or (not repo.mirrored and actor.is_writer(repo.people))


def call_off(node: Node, actor: Actor, number: int) -> None:
    """Call a job off for a caller who could have asked for it; raises NotFoundError, NotAllowed, Conflict if it has ended."""
    _, repo = seen(node, actor, number)
    require_may_ask(actor, repo)
    cancel(node, number)


def cancel(node: Node, number: int) -> None:
    """Call a job off; its worker stops at the next answer. Raises NotFoundError, Conflict if it has ended."""
    with node.db.write() as conn:
        job = jobs.get(conn, number)
        if job is None:
            raise NotFoundError(f"there is no job {number}", hint="hanse job list")
        if not jobs.cancel(conn, number, node.clock.now()):
            raise Conflict(f"job {number} is {job.state}")


def listed(node: Node, actor: Actor | None = None) -> list[dict[str, Any]]:
    """Return the newest jobs as JSON, the newest first; actor: those that he asked for and may see, all to an operator."""
    account = None if actor is None or actor.admin else access.require_account(actor)
    with node.db.read() as conn:
        found = jobs.newest(conn, MAX_LISTED, account)
        names = {job.repo_id: get(conn, job.repo_id) for job in found}
    shown = [(job, names[job.repo_id]) for job in found]
    if actor is not None and not actor.admin:  # of a repository that he lost sight of he is told nothing any more
        shown = [(job, repo) for job, repo in shown if repo is not None and _may_see(actor, job, repo)]
    operator = actor is None or actor.admin
    return [to_json(job, repo, operator=operator) for job, repo in shown]


def to_json(job: Job, repo: Repo | None, *, operator: bool = True) -> dict[str, Any]:
    """Return a job as JSON: what is asked for, how far it is, what it cost so far, and what came of it.

    operator: it is shown to one, who also sees which worker holds it, by the name of its machine.
    """
    said = asdict(job)
    name = "" if repo is None else repo.repo.path
    times = {"created": rfc3339(job.created_at), "ended": rfc3339(job.ended_at) if job.ended_at else None}
    kept = ("id", "rev", "suite", "state", "planned", "done", "tokens", "spent", "says", "max_seconds", "max_tokens")
    spent = Price(job.price_hour, job.price_million).cost(job.spent, job.tokens)
    cost = {"cost": spent / UNIT, "max_cost": job.max_cost / UNIT}
    shown = {"item_table": job.item_table, "transcript": job.transcript, "record": job.record}
    holder = {"holder": job.holder} if operator else {}
    return {"name": name} | {key: said[key] for key in kept} | holder | cost | shown | times
