"""Accounts in the catalogue: rows of `accounts`, `memberships`, `tokens` and `claimed_namespaces`.

Users and organisations share one space of names, compared in ASCII lower case. Tokens are known here only by the SHA-256 of
their text, so that looking one up compares no secret byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, FromClause, Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError as ConstraintError

from hanse.db.schema import accounts, claimed_namespaces, memberships, repos, tokens
from hanse.errors import Conflict
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoType

_ORG = accounts.alias("org")


def _columns(prefix: str, table: FromClause) -> list[Any]:
    return [column.label(f"{prefix}_{column.name}") for column in table.c]


# Every request runs these two; building them costs more than executing them, so they are built once.
_FIND_TOKEN = (
    select(tokens, *_columns("a", accounts))
    .join(accounts, accounts.c.id == tokens.c.account_id)
    .where(
        tokens.c.digest == bindparam("digest"),
        tokens.c.revoked.is_(False),
        or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > bindparam("now", type_=BigInteger)),
        accounts.c.disabled.is_(False),
    )
)
_ROLES = (
    select(_ORG.c.folded, memberships.c.role)
    .join(_ORG, _ORG.c.id == memberships.c.org_id)
    .where(memberships.c.user_id == bindparam("user"), _ORG.c.disabled.is_(False))
)


@dataclass(frozen=True, slots=True)
class Account:
    """A user or an organisation.

    name: as spelled; kind: `user` or `org`; admin: node operator; disabled: its tokens count for nothing; quota_bytes: None
    for the node's default, 0 for unlimited; created_at: seconds since 1970.
    """

    id: int
    name: str
    kind: str
    fullname: str
    email: str | None
    admin: bool
    disabled: bool
    default_private: bool
    quota_bytes: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Token:
    """An access token without its text.

    role: `read` or `write`; robot: for a machine, without node operator's rights; times: seconds since 1970.
    """

    id: int
    account_id: int
    label: str
    role: str
    robot: bool
    created_at: int
    expires_at: int | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """What a user is in an organisation; role: `read`, `contributor`, `write` or `admin`."""

    org: Account
    user: Account
    role: str


def insert_account(conn: Connection, name: str, kind: str, now: int, **fields: Any) -> Account:
    """Add a user or organisation and return it; raises Conflict if the name is taken in any case.

    fields: other columns of `accounts`, such as fullname, email, admin.
    """
    row = {"name": name, "folded": name.lower(), "kind": kind, "created_at": now, **fields}
    try:
        with conn.begin_nested():
            found = conn.execute(insert(accounts).values(row).returning(*accounts.c)).one()
    except ConstraintError as error:
        raise Conflict(f"the name {name!r} is taken", hint="choose another name; case makes no difference") from error
    return _account(found)


def find_account(conn: Connection, name: str) -> Account | None:
    """Return the account of that name in any case."""
    row = conn.execute(select(accounts).where(accounts.c.folded == name.lower())).one_or_none()
    return None if row is None else _account(row)


def get_account(conn: Connection, account_id: int) -> Account | None:
    """Return the account with that id."""
    row = conn.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return None if row is None else _account(row)


def list_accounts(conn: Connection, kind: str, *, after: str = "", limit: int = 1000) -> list[Account]:
    """Return up to `limit` users or organisations whose case-folded name comes after `after`, by name."""
    wanted = select(accounts).where(accounts.c.kind == kind, accounts.c.folded > after)
    return [_account(row) for row in conn.execute(wanted.order_by(accounts.c.folded).limit(limit))]


def update_account(conn: Connection, account_id: int, **fields: Any) -> None:
    """Change columns of an account."""
    conn.execute(update(accounts).where(accounts.c.id == account_id).values(**fields))


def set_membership(conn: Connection, org_id: int, user_id: int, role: str | None) -> None:
    """Make the user a member in that role, or no member any more (None)."""
    row = and_(memberships.c.org_id == org_id, memberships.c.user_id == user_id)
    conn.execute(delete(memberships).where(row))
    if role is not None:
        conn.execute(insert(memberships).values(org_id=org_id, user_id=user_id, role=role))


def list_memberships(conn: Connection, *, org_id: int | None = None, user_id: int | None = None) -> list[Membership]:
    """Return the members of an organisation, or the organisations of a user, by name."""
    wanted = (
        select(memberships.c.role, *_columns("o", _ORG), *_columns("u", accounts))
        .join(_ORG, _ORG.c.id == memberships.c.org_id)
        .join(accounts, accounts.c.id == memberships.c.user_id)
        .order_by(_ORG.c.folded, accounts.c.folded)
    )
    if org_id is not None:
        wanted = wanted.where(memberships.c.org_id == org_id)
    if user_id is not None:
        wanted = wanted.where(memberships.c.user_id == user_id)
    return [Membership(_account(row, "o_"), _account(row, "u_"), row.role) for row in conn.execute(wanted)]


def insert_token(
    conn: Connection, account_id: int, digest: Sha256, label: str, role: str, *, robot: bool, now: int, expires_at: int | None
) -> Token:
    """Add a token by the SHA-256 of its text and return it; raises Conflict if that text is a token already."""
    row = {
        "account_id": account_id, "digest": digest, "label": label, "role": role, "robot": robot, "created_at": now,
        "expires_at": expires_at,
    }  # fmt: skip
    try:
        with conn.begin_nested():
            found = conn.execute(insert(tokens).values(row).returning(*tokens.c)).one()
    except ConstraintError as error:
        raise Conflict("this token is known already", hint="make a new one") from error
    return _token(found)


def find_token(conn: Connection, digest: Sha256, now: int) -> tuple[Token, Account] | None:
    """Return the token with that digest and its account, if neither is revoked, expired at `now` or disabled."""
    row = conn.execute(_FIND_TOKEN, {"digest": digest, "now": now}).one_or_none()
    return None if row is None else (_token(row), _account(row, "a_"))


def list_tokens(conn: Connection, account_id: int) -> list[Token]:
    """Return all tokens of an account, also revoked and expired ones, oldest first."""
    wanted = select(tokens).where(tokens.c.account_id == account_id).order_by(tokens.c.id)
    return [_token(row) for row in conn.execute(wanted)]


def revoke_tokens(conn: Connection, account_id: int, *, label: str | None = None, token_id: int | None = None) -> int:
    """Revoke the account's tokens with that label or id (neither: all) and return how many were valid before."""
    where = [tokens.c.account_id == account_id, tokens.c.revoked.is_(False)]
    if label is not None:
        where.append(tokens.c.label == label)
    if token_id is not None:
        where.append(tokens.c.id == token_id)
    return conn.execute(update(tokens).where(*where).values(revoked=True)).rowcount


def delete_tokens(conn: Connection, account_id: int, label: str) -> None:
    """Forget the account's tokens with that label, so that their texts can be used again."""
    conn.execute(delete(tokens).where(tokens.c.account_id == account_id, tokens.c.label == label))


def roles_of(conn: Connection, account_id: int) -> dict[str, str]:
    """Return case-folded name -> role for every enabled organisation of a user."""
    return {row.folded: row.role for row in conn.execute(_ROLES, {"user": account_id})}


def used_bytes(conn: Connection, origin: Origin, namespace: str) -> int:
    """Return the bytes charged to a namespace (any case) over all its repositories at `origin`."""
    wanted = select(func.coalesce(func.sum(repos.c.used_bytes), 0)).where(
        repos.c.type.in_([kind.value for kind in RepoType]),  # lets the index on (type, namespace) serve
        repos.c.namespace_folded == namespace.lower(),
        repos.c.origin == origin,
    )
    return int(conn.execute(wanted).scalar_one())


def claimant(conn: Connection, namespace: str) -> Origin | None:
    """Return the origin that another node claims the namespace (any case) for, if any."""
    wanted = select(claimed_namespaces.c.origin).where(
        claimed_namespaces.c.folded == namespace.lower(), claimed_namespaces.c.active.is_(True)
    )
    found = conn.execute(wanted).scalar_one_or_none()
    return None if found is None else Origin(found)


def replace_claims(conn: Connection, claims: Mapping[str, Origin]) -> None:
    """Make exactly these claims (case-folded namespace -> origin) active; former ones are kept as inactive."""
    conn.execute(update(claimed_namespaces).values(active=False))
    if claims:
        conn.execute(delete(claimed_namespaces).where(claimed_namespaces.c.folded.in_(claims)))
        rows = [{"folded": folded, "origin": origin, "active": True} for folded, origin in claims.items()]
        conn.execute(insert(claimed_namespaces), rows)


def _account(row: Row[Any], prefix: str = "") -> Account:
    values = row._mapping  # noqa: SLF001 the documented way to read columns by name
    return Account(
        id=values[f"{prefix}id"],
        name=values[f"{prefix}name"],
        kind=values[f"{prefix}kind"],
        fullname=values[f"{prefix}fullname"],
        email=values[f"{prefix}email"],
        admin=bool(values[f"{prefix}admin"]),
        disabled=bool(values[f"{prefix}disabled"]),
        default_private=bool(values[f"{prefix}default_private"]),
        quota_bytes=values[f"{prefix}quota_bytes"],
        created_at=values[f"{prefix}created_at"],
    )


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        account_id=row.account_id,
        label=row.label,
        role=row.role,
        robot=bool(row.robot),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=bool(row.revoked),
    )
