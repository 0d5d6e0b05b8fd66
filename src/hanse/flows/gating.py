"""Gated repositories: who asks for access, and who lets them in (hub-api.md A.7)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hanse.db import gating
from hanse.db.gating import AccessRequest
from hanse.db.repos import Repo
from hanse.errors import BadFormat, InputError, NotFoundError, TooLarge
from hanse.flows import access
from hanse.flows.node import Node
from hanse.model.actor import Actor

STATUSES = ("pending", "accepted", "rejected")
MAX_FIELDS_BYTES = 8192
MAX_REASON = 1000


def _require_gated(repo: Repo) -> None:
    if not repo.gated:
        raise InputError(f"{repo.repo.path} is not gated", hint="its files are open to everybody who sees the repository")


def _require_keeper(actor: Actor, repo: Repo) -> None:
    """Raise NotAuthenticated or NotAllowed unless the caller decides who is let in.

    At a copy that is the operator: for other members, who need the bytes to repair theirs. Its home decides about readers.
    """
    if not (repo.mirrored and actor.admin and actor.role == "write"):
        access.require_write(actor, repo)


def _parse_status(status: str) -> str:
    if status not in STATUSES:
        raise BadFormat(f"unknown status {status[:40]!r}; known are {', '.join(STATUSES)}")
    return status


def list_requests(node: Node, actor: Actor, repo: Repo, status: str, *, limit: int, skip: int) -> list[AccessRequest]:
    """Return access requests in one status; e-mail addresses only for those who administer the repository.

    Raises NotAllowed for a caller without write rights, InputError for a repository that is not gated.
    """
    _require_keeper(actor, repo)
    _require_gated(repo)
    with node.db.read() as conn:
        found = gating.page(conn, repo.id, _parse_status(status), limit, skip)
    if actor.admin or actor.may_administer(repo.people):
        return found
    return [replace(one, email=None) for one in found]


def handle(node: Node, actor: Actor, repo: Repo, *, user: str, request_id: str, status: str, reason: str) -> None:
    """Put a request, named by its user or its id, into another status.

    Raises NotFoundError if there is no such request or it is in that status already.
    """
    _require_keeper(actor, repo)
    _require_gated(repo)
    status = _parse_status(status)
    if len(reason) > MAX_REASON:
        raise TooLarge(f"a rejection reason may have at most {MAX_REASON} characters")
    with node.db.write() as conn:
        if user:
            account = gating.account_id(conn, user)
            found = None if account is None else gating.of_account(conn, repo.id, account)
        else:
            found = gating.by_id(conn, repo.id, request_id)
        if found is None:
            raise NotFoundError("no such access request", hint="list the requests; grant_access needs none")
        if found.status == status:
            raise NotFoundError(f"the request is {status} already")
        gating.set_status(conn, repo.id, found.account_id, status, reason if status == "rejected" else "")


def grant(node: Node, actor: Actor, repo: Repo, user: str) -> AccessRequest:
    """Let a user in without a request of his own; raises NotFoundError for an unknown user, InputError if he is in."""
    _require_keeper(actor, repo)
    _require_gated(repo)
    with node.db.write() as conn:
        account = gating.account_id(conn, user)
        if account is None:
            raise NotFoundError(f"there is no user {user[:100]!r} on this node")
        found = gating.of_account(conn, repo.id, account)
        if found is None:
            now = node.clock.now()
            gating.add(conn, repo.id, account, request_id=secrets.token_hex(12), status="accepted", fields={}, now=now)
        elif found.status == "accepted":
            raise InputError(f"{user} already has access to {repo.repo.path}")
        else:
            gating.set_status(conn, repo.id, account, "accepted", "")
        granted = gating.of_account(conn, repo.id, account)
    assert granted is not None
    return granted


def ask(node: Node, actor: Actor, repo: Repo, fields: Mapping[str, Any]) -> str:
    """Ask for access and return the request's status: `accepted` at once where the repository's mode is `auto`.

    Asking again changes nothing: a rejected request stays rejected.
    """
    account = access.require_account(actor)
    _require_gated(repo)
    if len(json.dumps(fields)) > MAX_FIELDS_BYTES:
        raise TooLarge(f"the answers of an access request may have at most {MAX_FIELDS_BYTES} bytes")
    with node.db.write() as conn:
        found = gating.of_account(conn, repo.id, account)
        if found is not None and not (found.status == "pending" and repo.gated == "auto"):
            return found.status
        status = "accepted" if repo.gated == "auto" else "pending"
        if found is None:
            now = node.clock.now()
            gating.add(conn, repo.id, account, request_id=secrets.token_hex(12), status=status, fields=fields, now=now)
        else:
            gating.set_status(conn, repo.id, account, status, "")
    return status
