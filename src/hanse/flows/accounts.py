"""Accounts and the tokens that speak for them: making, joining, authenticating, quotas.

A token text is `hf_` and 34 random letters and digits (202 bits), shown once and kept as SHA-256. Who holds it is looked up
by digest at every request, so revoking works at once and no comparison leaks the text. Robot tokens are for machines: they
act for a user who is no node operator, or for an organisation itself. These flows are for the node's operator
(`hanse admin`), except `authenticate`, `identify`, `actor_of` and the checks that other flows call.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.clock import Clock
from hanse.db import accounts
from hanse.db.accounts import Account, Membership, Token
from hanse.db.engine import Database
from hanse.errors import BadSetting, Conflict, InputError, NotFoundError, QuotaExceeded
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.limits import MIB, Limits
from hanse.model.repo import Origin, parse_name

ADMINISTRATOR = "admin"
ADMINISTRATOR_TOKEN = "administrator"  # noqa: S105 the label of the first start's or the setting's token
ROLES = ("read", "contributor", "write", "admin")
RESERVED_NAMES = frozenset({
    "anonymous", "api", "assets", "buckets", "cas", "checkpoint", "collections", "datasets", "docs", "favicon.ico",
    "federation", "hanse", "healthz", "join", "kernels", "log", "login", "logout", "metrics", "mirror", "models", "new", "none",
    "notifications", "null", "o", "oauth", "organizations", "papers", "readyz", "resolve", "robots.txt", "root", "search",
    "settings", "spaces", "static", "tile", "undefined", "v1", "v2", "v3", "witness", "xet",
})  # fmt: skip
"""Names that are, or may become, paths of the node or of Hub clients; nobody can register them."""

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_CHARS = 34
_MAX_TOKEN = 512
_MAX_LABEL = 96


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid token speaks for: the account, the token, and roles by case-folded organisation."""

    account: Account
    token: Token
    roles: Mapping[str, str]

    @property
    def actor(self) -> Actor:
        """The caller as flows know him; a robot token carries no node operator's rights."""
        account = self.account
        return Actor(account.id, account.name, account.admin and not self.token.robot, self.token.role, self.roles)


@dataclass(frozen=True, slots=True)
class Profile:
    """What whoami tells: the identity and the user's organisations by name."""

    identity: Identity
    organisations: tuple[Membership, ...]


def authenticate(db: Database, clock: Clock, text: str) -> Actor | None:
    """Return who the token speaks for; None if it is unknown, expired or revoked, or its account is disabled."""
    identity = identify(db, clock, text)
    return None if identity is None else identity.actor


def identify(db: Database, clock: Clock, text: str) -> Identity | None:
    """Return account, token and roles behind a token text; None as for `authenticate`."""
    if not 1 <= len(text) <= _MAX_TOKEN or not text.isascii():
        return None
    with db.read() as conn:
        found = accounts.find_token(conn, token_digest(text), clock.now())
        if found is None:
            return None
        token, account = found
        return Identity(account, token, accounts.roles_of(conn, account.id))


def actor_of(conn: Connection, account_id: int, role: str) -> Actor | None:
    """Return the account as a caller with a token of that role; None if it is gone or disabled.

    For credentials derived from a token, such as Xet tokens, whose rights are looked up again at every use.
    """
    account = accounts.get_account(conn, account_id)
    if account is None or account.disabled:
        return None
    return Actor(account.id, account.name, admin=account.admin, role=role, orgs=accounts.roles_of(conn, account.id))


def whoami(db: Database, clock: Clock, text: str) -> Profile | None:
    """Return what a token's owner may know about himself; None as for `authenticate`."""
    identity = identify(db, clock, text)
    if identity is None:
        return None
    with db.read() as conn:
        return Profile(identity, tuple(accounts.list_memberships(conn, user_id=identity.account.id)))


def token_digest(text: str) -> Sha256:
    """Return the form in which a token is kept."""
    return Sha256(hashlib.sha256(text.encode()).hexdigest())


def ensure_administrator(db: Database, clock: Clock, configured: str | None) -> str | None:
    """Make the account `admin` at the first start and return its token to be shown once; None if there is nothing to show.

    configured: the setting HANSE_ADMIN_TOKEN, which then is the administrator's token and replaces the one made before;
    another value replaces it again, and taking the setting away leaves it valid until revoked. Raises BadSetting if the
    text cannot be a token.
    """
    if configured is not None and not (16 <= len(configured) <= _MAX_TOKEN and configured.isascii() and configured.isprintable()):
        raise BadSetting(f"HANSE_ADMIN_TOKEN must have 16 to {_MAX_TOKEN} visible ASCII characters")
    if configured is not None and " " in configured:
        raise BadSetting("HANSE_ADMIN_TOKEN must not contain spaces")
    try:
        return _ensure_administrator(db, clock, configured)
    except Conflict:  # another process of this node was first
        return _ensure_administrator(db, clock, configured)


def _ensure_administrator(db: Database, clock: Clock, configured: str | None) -> str | None:
    now = clock.now()
    with db.write() as conn:
        admin = accounts.find_account(conn, ADMINISTRATOR)
        if configured is None and admin is not None:
            return None
        if admin is None:
            admin = accounts.insert_account(conn, ADMINISTRATOR, "user", now, fullname="Administrator", admin=True)
        text = configured or new_token_text()
        known = accounts.find_token(conn, token_digest(text), now)
        if known is not None and known[1].id == admin.id:
            return None
        if known is not None:
            raise BadSetting("HANSE_ADMIN_TOKEN is the token of another account", hint="choose a new random text")
        accounts.delete_tokens(conn, admin.id, ADMINISTRATOR_TOKEN)
        accounts.insert_token(
            conn, admin.id, token_digest(text), ADMINISTRATOR_TOKEN, "write", robot=False, now=now, expires_at=None
        )
        return None if configured else text


def create_user(
    db: Database, clock: Clock, name: str, *, fullname: str = "", email: str | None = None, admin: bool = False
) -> Account:
    """Register a user; raises BadRepoId for a name that is not allowed, Conflict for one that is taken, reserved or claimed."""
    return _create(db, clock, name, "user", fullname=_short(fullname), email=email and _short(email), admin=admin)


def create_org(db: Database, clock: Clock, name: str, *, fullname: str = "", owner: str | None = None) -> Account:
    """Register an organisation, with `owner` as its first administrator; raises as `create_user`, NotFoundError for no owner."""
    return _create(db, clock, name, "org", owner=owner, fullname=_short(fullname))


def _create(db: Database, clock: Clock, name: str, kind: str, *, owner: str | None = None, **fields: object) -> Account:
    parse_name(name)
    if name.lower() in RESERVED_NAMES or name.lower() == ADMINISTRATOR:
        raise Conflict(f"the name {name!r} is reserved", hint="choose another name")
    with db.write() as conn:
        require_unclaimed(conn, name)
        account = accounts.insert_account(conn, name, kind, clock.now(), **fields)
        if owner is not None:
            accounts.set_membership(conn, account.id, require_account(conn, owner, "user").id, "admin")
        return account


def require_account(conn: Connection, name: str, kind: str | None = None) -> Account:
    """Return the account of that name; raises NotFoundError if there is none, or none of that kind."""
    account = accounts.find_account(conn, name)
    if account is None or kind not in (None, account.kind):
        raise NotFoundError(f"there is no {'organisation' if kind == 'org' else kind or 'account'} {name[:96]!r}")
    return account


def set_member(db: Database, org: str, user: str, role: str | None) -> None:
    """Give a user a role in an organisation, or take his membership away (None); raises NotFoundError or InputError."""
    if role is not None and role not in ROLES:
        raise InputError(f"a role is one of {', '.join(ROLES)}, got {role[:40]!r}")
    with db.write() as conn:
        accounts.set_membership(conn, require_account(conn, org, "org").id, require_account(conn, user, "user").id, role)


def set_disabled(db: Database, name: str, *, disabled: bool) -> None:
    """Shut an account out, or let it in again; its repositories stay. Raises NotFoundError."""
    with db.write() as conn:
        accounts.update_account(conn, require_account(conn, name).id, disabled=disabled)


def set_quota(db: Database, name: str, quota: int | None) -> None:
    """Set a namespace's quota in bytes: None for the node's default, 0 for unlimited; raises NotFoundError or InputError."""
    if quota is not None and not 0 <= quota < 2**63:
        raise InputError(f"a quota is a number of bytes from 0 on, got {quota}")
    with db.write() as conn:
        accounts.update_account(conn, require_account(conn, name).id, quota_bytes=quota)


def set_default_visibility(db: Database, org: str, *, private: bool) -> None:
    """Say whether an organisation's new repositories are private unless told otherwise; raises NotFoundError."""
    with db.write() as conn:
        accounts.update_account(conn, require_account(conn, org, "org").id, default_private=private)


def new_token_text() -> str:
    """Return a fresh token text: `hf_` and 34 random letters and digits, the form that Hub tools and leak scanners know."""
    return "hf_" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))


def create_token(
    db: Database, clock: Clock, name: str, label: str, *, role: str = "write", robot: bool = False, ttl_seconds: int | None = None
) -> tuple[Token, str]:
    """Make a token of an account and return it with its text, which is not kept.

    role: `read`, `write`, or `evaluate`, which is reading and asking for evaluations. ttl_seconds: it expires that long from
    now, None: never. Raises NotFoundError for no such account; InputError for another role, a label that is not 1 to 96
    characters, an organisation's token that is no robot's, or a robot token of a node operator.
    """
    if role not in ("read", "write", "evaluate"):
        raise InputError(f"a token's role is read, write or evaluate, got {role[:40]!r}")
    if not 1 <= len(label) <= _MAX_LABEL or not label.isprintable():
        raise InputError(f"a label has 1 to {_MAX_LABEL} printable characters")
    if ttl_seconds is not None and not 0 < ttl_seconds < 2**40:
        raise InputError(f"a token lives for a positive number of seconds, got {ttl_seconds}")
    now, text = clock.now(), new_token_text()
    expires_at = None if ttl_seconds is None else now + ttl_seconds
    with db.write() as conn:
        account = require_account(conn, name)
        if account.kind == "org" and not robot:
            raise InputError("an organisation has robot tokens only", hint="pass robot, or make the token for one of its members")
        if account.admin and robot:  # what derives from a token (actor_of) has the account's rights
            raise InputError("a node operator has no robot tokens", hint="make a user for the robot")
        token = accounts.insert_token(
            conn, account.id, token_digest(text), label, role, robot=robot, now=now, expires_at=expires_at
        )
    return token, text


def revoke_token(db: Database, name: str, *, label: str | None = None, token_id: int | None = None) -> int:
    """Revoke an account's valid tokens of that label or id and return how many; raises InputError or NotFoundError."""
    if label is None and token_id is None:
        raise InputError("say which token to revoke: its label or its number")
    with db.write() as conn:
        count = accounts.revoke_tokens(conn, require_account(conn, name).id, label=label, token_id=token_id)
    if count == 0:
        raise NotFoundError(f"{name!r} has no valid token of that label or number")
    return count


def require_quota(conn: Connection, limits: Limits, origin: Origin, namespace: str, adding: int) -> None:
    """Raise QuotaExceeded if `adding` more bytes would exceed the quota of the namespace at `origin`.

    Nothing is reserved: uploads that run side by side may together exceed it by what they add at once.
    """
    quota = quota_of(conn, limits, namespace)
    if quota == 0:
        return
    used = accounts.used_bytes(conn, origin, namespace)
    if used + adding > quota:
        raise QuotaExceeded(
            f"{namespace} would use {(used + adding) / MIB:,.1f} MiB of its quota of {quota / MIB:,.1f} MiB",
            hint="delete repositories or files you no longer need, or ask the node's operator for more",
        )


def quota_of(conn: Connection, limits: Limits, namespace: str) -> int:
    """Return the quota of a namespace in bytes, its own or the node's default; 0 for unlimited."""
    account = accounts.find_account(conn, namespace)
    return limits.default_quota_bytes if account is None or account.quota_bytes is None else account.quota_bytes


def require_unclaimed(conn: Connection, namespace: str) -> None:
    """Raise Conflict if another origin answers for the namespace, so that nothing may be made in it here."""
    other = accounts.claimant(conn, namespace)
    if other is not None:
        raise Conflict(
            f"the namespace {namespace!r} belongs to {other}", hint=f"publish there, or read it as /o/{other}/{namespace}"
        )


def set_claims(db: Database, claims: Mapping[str, Origin]) -> None:
    """Make exactly these claims (namespace -> origin that answers for it) hold; raises BadSetting if an account has the name."""
    folded = {parse_name(name, "namespace").lower(): origin for name, origin in claims.items()}
    with db.write() as conn:
        for name in folded:
            if accounts.find_account(conn, name) is not None:
                raise BadSetting(f"the claimed namespace {name!r} is an account of this node", hint="take the claim away")
        accounts.replace_claims(conn, folded)


def _short(text: str) -> str:
    if len(text) > 256 or not (text.isprintable() or not text):
        raise InputError("a name or address has at most 256 printable characters")
    return text
