"""What others may know about a user or an organisation."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from hanse.db import accounts
from hanse.db.accounts import Account
from hanse.db.schema import repos
from hanse.errors import NotFoundError
from hanse.flows.access import visible_repos_clause
from hanse.flows.node import Node
from hanse.model.actor import Actor


@dataclass(frozen=True, slots=True)
class Overview:
    """An account, its repositories that the caller may see, and its public memberships or number of members."""

    account: Account
    models: int
    datasets: int
    users: int
    orgs: tuple[Account, ...]


def overview(node: Node, actor: Actor, name: str, kind: str) -> Overview:
    """Return the overview of the user or organisation (`kind`: `user` or `org`) of that name; raises NotFoundError."""
    with node.db.read() as conn:
        account = accounts.find_account(conn, name)
        if account is None or account.kind != kind:
            raise NotFoundError(f"there is no {'organisation' if kind == 'org' else 'user'} {name[:96]!r} on this node")
        mine = repos.c.namespace_folded == account.name.lower()
        counted = select(repos.c.type, func.count()).where(mine, visible_repos_clause(actor)).group_by(repos.c.type)
        counts = {row[0]: int(row[1]) for row in conn.execute(counted)}
        if kind == "org":
            users, orgs = len(accounts.list_memberships(conn, org_id=account.id)), tuple[Account, ...]()
        else:
            users, orgs = 0, tuple(one.org for one in accounts.list_memberships(conn, user_id=account.id))
    return Overview(account, counts.get("model", 0), counts.get("dataset", 0), users, orgs)


def members(node: Node, actor: Actor, name: str) -> list[Account]:
    """Return the members of an organisation by name, for its own members; raises NotFoundError for everybody else."""
    with node.db.read() as conn:
        account = accounts.find_account(conn, name)
        if account is None or account.kind != "org" or not actor.belongs(name):
            raise NotFoundError(f"there is no organisation {name[:96]!r} on this node whose members you may see")
        return [one.user for one in accounts.list_memberships(conn, org_id=account.id)]
