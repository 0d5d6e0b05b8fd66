"""Access requests for gated repositories: rows of `access_requests` (LISTED STATE)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from hanse.db.schema import access_requests, accounts


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who asks for a repository's files. id: 24 hex digits; status: `pending`, `accepted` or `rejected`."""

    id: str
    account_id: int
    name: str
    fullname: str
    email: str | None
    status: str
    reason: str
    fields: Mapping[str, Any]
    created_at: int


def _request(row: Row[Any]) -> AccessRequest:
    return AccessRequest(
        id=row.id,
        account_id=row.account_id,
        name=row.name,
        fullname=row.fullname,
        email=row.email,
        status=row.status,
        reason=row.reason,
        fields=json.loads(row.fields),
        created_at=row.created_at,
    )


def _requests() -> Select[Any]:
    who = (accounts.c.name, accounts.c.fullname, accounts.c.email)
    return select(access_requests, *who).join(accounts, accounts.c.id == access_requests.c.account_id)


def page(conn: Connection, repo: int, status: str, limit: int, skip: int) -> list[AccessRequest]:
    """Return requests in one status, oldest first."""
    query = _requests().where(access_requests.c.repo_id == repo, access_requests.c.status == status)
    ordered = query.order_by(access_requests.c.created_at, access_requests.c.id)
    return [_request(row) for row in conn.execute(ordered.limit(limit).offset(skip))]


def of_account(conn: Connection, repo: int, account: int) -> AccessRequest | None:
    """Return the request of one account for one repository."""
    mine = and_(access_requests.c.repo_id == repo, access_requests.c.account_id == account)
    row = conn.execute(_requests().where(mine)).one_or_none()
    return None if row is None else _request(row)


def by_id(conn: Connection, repo: int, request_id: str) -> AccessRequest | None:
    """Return the request with that id, if it is one for the repository."""
    mine = and_(access_requests.c.repo_id == repo, access_requests.c.id == request_id)
    row = conn.execute(_requests().where(mine)).one_or_none()
    return None if row is None else _request(row)


def account_id(conn: Connection, name: str) -> int | None:
    """Return the id of the user of that name, any case."""
    query = select(accounts.c.id).where(accounts.c.folded == name.lower(), accounts.c.kind == "user")
    found: int | None = conn.execute(query).scalar_one_or_none()
    return found


def add(conn: Connection, repo: int, account: int, *, request_id: str, status: str, fields: Mapping[str, Any], now: int) -> None:
    """Insert a request."""
    values = {
        "repo_id": repo,
        "account_id": account,
        "id": request_id,
        "status": status,
        "reason": "",
        "fields": json.dumps(fields),
        "created_at": now,
    }
    conn.execute(insert(access_requests).values(values))


def set_status(conn: Connection, repo: int, account: int, status: str, reason: str) -> None:
    """Set the status of a request, and why it was rejected."""
    mine = and_(access_requests.c.repo_id == repo, access_requests.c.account_id == account)
    conn.execute(update(access_requests).where(mine).values(status=status, reason=reason))
