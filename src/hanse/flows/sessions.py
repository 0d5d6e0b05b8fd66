"""Who is behind a Xet token, and what he may do now: rights are looked up at every call, not remembered in the token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.errors import BadToken, NotAllowed, RepoNotFound
from hanse.flows.access import may_see, require_account, require_own, require_read_bytes, require_write
from hanse.flows.accounts import actor_of
from hanse.flows.node import Node
from hanse.flows.tokens import XetToken, issue_token, read_token
from hanse.model.actor import ANONYMOUS, Actor

_ROLES = {"read": "read", "write": "write", "propose": "write"}


@dataclass(frozen=True, slots=True)
class Session:
    """A caller, the repository he acts on, and the token's scope and expiry (seconds since 1970)."""

    actor: Actor
    repo: Repo
    scope: str
    expires: int


def grant(node: Node, actor: Actor, repo: Repo, *, write: bool, pull_request: bool = False) -> tuple[str, int]:
    """Return a Xet token for the caller and when it expires.

    pull_request: the upload is for a pull request, which everybody may open who can read the repository and has a write token.
    Raises NotAuthenticated, NotAllowed, GatedRepo or Disabled.
    """
    scope = "read" if not write else "propose" if pull_request else "write"
    _require(node, actor, repo, scope)
    node.epochs.refresh()
    return issue_token(node, actor, repo.id, scope)


def open_session(node: Node, text: str, *, write: bool) -> Session:
    """Return who a Xet token speaks for; raises BadToken if it is not valid or its account is gone.

    write: the call uploads, for which a token that only reads raises NotAllowed. RepoNotFound, GatedRepo, Disabled,
    NotAllowed if the caller has lost his rights since.
    """
    token = read_token(node, text)
    if write and token.scope == "read":
        raise NotAllowed("this Xet token is for reading", hint="ask the Hub API for a write token")
    return resume(node, token)


def resume(node: Node, token: XetToken) -> Session:
    """Return the session of a valid token with today's rights; raises as `open_session`."""
    with node.db.read() as conn:
        epoch = node.epochs.read(conn)
        repo = repos.get(conn, token.repo_id)
        actor = ANONYMOUS if token.account_id is None else actor_of(conn, token.account_id, _ROLES[token.scope])
    if token.epoch != epoch:
        raise BadToken("this Xet token is out of date", hint="ask the Hub API for a new one")
    if actor is None:
        raise BadToken("the account of this Xet token is gone or disabled")
    actor = replace(actor, admin=actor.admin and token.admin)
    if repo is None or not may_see(actor, repo):
        raise RepoNotFound(
            "the repository of this Xet token does not exist", hint="check that it was not deleted or made private"
        )
    _require(node, actor, repo, token.scope)
    return Session(actor, repo, token.scope, token.expires)


def _require(node: Node, actor: Actor, repo: Repo, scope: str) -> None:
    if scope == "write":
        require_write(actor, repo)
        return
    require_read_bytes(node, actor, repo)
    if scope == "propose":
        require_account(actor)
        require_own(repo)
        if actor.role != "write":
            raise NotAllowed("opening a pull request needs a write token")
