"""What may still come in: quotas of namespaces, and what one account may stage in repositories of others.

Counted is what commits hold and what is staged: uploaded within `upload_ttl_seconds` and not committed yet, and multipart
uploads in progress. Nothing is locked: uploads that run side by side may together exceed a bound by what they add at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import Connection

from hanse.db import accounts, usage
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import QuotaExceeded
from hanse.flows.access import require_account
from hanse.flows.accounts import quota_of
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.limits import MIB
from hanse.model.repo import RepoId

Digest = TypeVar("Digest", bound=str)


def is_bounded(node: Node, conn: Connection, actor: Actor, repo: Repo) -> bool:
    """Tell whether anything bounds what the caller may stage for the repository; costs one query where nothing does."""
    if repo.mirrored:
        return False  # the operator decides what is mirrored
    return _is_foreign(node, actor, repo) or quota_of(conn, node.limits, repo.repo.namespace) > 0


def require_room(node: Node, conn: Connection, actor: Actor, repo: Repo, adding: int) -> None:
    """Raise QuotaExceeded unless `adding` more bytes may be staged for the repository.

    Besides the quota of its namespace, whoever may not write there is bound by `max_staged_bytes_per_account`.
    """
    if _is_foreign(node, actor, repo):
        _require_account(node, conn, actor, adding)
    require_namespace(node, conn, repo.repo, adding)


def _is_foreign(node: Node, actor: Actor, repo: Repo) -> bool:
    return bool(node.limits.max_staged_bytes_per_account) and not actor.may_write(repo.people)


def missing_bytes(node: Node, conn: Connection, repo: Repo, sizes: Mapping[Digest, int], held: Mapping[Digest, FileRow]) -> int:
    """Return the bytes of those files that the repository does not hold already; `held`: those that it holds in any state."""
    known = usage.missing_bytes(conn, repo.id, [row for name, row in held.items() if name in sizes], since(node))
    return known + sum(size for name, size in sizes.items() if name not in held)


def since(node: Node) -> int:
    """Return the time from which on uploads that no commit named count as staged."""
    return node.clock.now() - node.limits.upload_ttl_seconds


def require_namespace(node: Node, conn: Connection, repo_id: RepoId, adding: int) -> None:
    """Raise QuotaExceeded if `adding` more bytes would exceed the quota of the repository's namespace."""
    origin, namespace = repo_id.origin, repo_id.namespace
    quota = quota_of(conn, node.limits, namespace)
    if not quota:
        return
    used = accounts.used_bytes(conn, origin, namespace)
    staged = usage.staged_bytes(conn, origin, namespace, since=since(node), now=node.clock.now())
    if used + staged + adding > quota:
        raise QuotaExceeded(
            f"{_mib(adding)} more for {namespace} would exceed its quota of {_mib(quota)}: {_mib(used)} are used and "
            f"{_mib(staged)} are uploaded and not committed",
            hint=f"commit what was uploaded or wait {_hours(node)} hours until it no longer counts; "
            "delete repositories or files you no longer need; or ask the node's operator for more",
        )


def _require_account(node: Node, conn: Connection, actor: Actor, adding: int) -> None:
    account = require_account(actor)
    bound, now = node.limits.max_staged_bytes_per_account, node.clock.now()
    own = sorted({name.lower() for name in (actor.name, *actor.orgs) if name and actor.may_write(name)})
    staged = usage.account_staged_bytes(conn, account, own, since=since(node), now=now)
    if staged + adding > bound:
        raise QuotaExceeded(
            f"{_mib(adding)} more would exceed the {_mib(bound)} that one account may upload to repositories of others and not "
            f"commit: {_mib(staged)} are uploaded",
            hint=f"commit them to the pull request, or wait {_hours(node)} hours until they no longer count",
        )


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"


def _hours(node: Node) -> int:
    return -(-node.limits.upload_ttl_seconds // 3600)
