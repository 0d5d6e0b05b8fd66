"""Who may see, read, write and administer a repository.

What the caller may not see does not exist for him: every case is RepoNotFound, with the same words.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select

from hanse.db import accounts, repos, revisions
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.schema import access_requests
from hanse.db.schema import repos as repos_table
from hanse.errors import Conflict, Disabled, GatedRepo, NotAllowed, NotAuthenticated, RepoNotFound, RevisionNotFound
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.repo import RepoId, RepoType, parse_origin, parse_repo_id


def missing(repo_id: RepoId) -> RepoNotFound:
    """Return the refusal for a repository that is not here, or not for this caller."""
    return RepoNotFound(
        f"Repository {repo_id.path} not found",
        hint="check the name and the type; a private repository needs a token of one of its people",
    )


def may_see(actor: Actor, repo: Repo) -> bool:
    """Tell whether the repository exists for the caller."""
    return repo.state == "live" and (repo.public or actor.belongs(repo.people))


def resolve(node: Node, actor: Actor, repo_id: RepoId) -> Repo:
    """Return the repository of that name, also by a former name (compare `.repo` to know).

    Raises RepoNotFound if there is none that the caller may see.
    """
    with node.db.read() as conn:
        found = repos.find(conn, repo_id)
    if found is None or not may_see(actor, found[0]):
        raise missing(repo_id)
    return found[0]


def find_named(node: Node, actor: Actor, repo_id: RepoId) -> Repo:
    """Return the repository that a name means at this node: for plain names its own one, else a mirror (DESIGN.md section 4).

    A namespace that an account here has, or that another origin has claimed, never falls through to a mirror of a third one.
    Raises RepoNotFound as `resolve`; Conflict if mirrors of several upstreams have the name.
    """
    try:
        return resolve(node, actor, repo_id)
    except RepoNotFound:
        found = _mirrors(node, actor, repo_id) if repo_id.origin == node.origin else []
        if not found:
            raise
    if len(found) > 1:
        named = ", ".join(str(one.repo.origin) for one in found)
        raise Conflict(
            f"{repo_id.path} is mirrored from {named}",
            hint=f"name the origin in the endpoint: http://NODE/o/{found[0].repo.origin}",
        )
    return found[0]


def find_typed(node: Node, operator: Actor, kind: RepoType, text: str) -> Repo:
    """Return what the operator of a node typed: `NAMESPACE/NAME`, or `ORIGIN/NAMESPACE/NAME` for a mirror of that origin's.

    Raises RepoNotFound with what to do, Conflict as `find_named`, BadRepoId.
    """
    origin, _, path = text.partition("/") if text.count("/") == 2 else (node.origin, "", text)
    try:
        return find_named(node, operator, parse_repo_id(parse_origin(origin), kind, path))
    except RepoNotFound as error:
        raise RepoNotFound(
            f"this node has no repository {text}",
            hint=f"hanse mirror {path} --from ORIGIN takes a copy; ORIGIN/{path} names it where an account has the namespace",
        ) from error


def _mirrors(node: Node, actor: Actor, repo_id: RepoId) -> list[Repo]:
    with node.db.read() as conn:
        if accounts.find_account(conn, repo_id.namespace) is not None:
            return []
        claimant = accounts.claimant(conn, repo_id.namespace)
        found = repos.mirrors_named(conn, repo_id.type, repo_id.folded)
    return [one for one in found if may_see(actor, one) and claimant in (None, one.repo.origin)]


def visible_repos_clause(actor: Actor) -> ColumnElement[bool]:
    """Return the condition over `repos` that selects exactly what the caller may see."""
    live = repos_table.c.state == "live"
    if actor.admin:
        return live
    own = sorted({name.lower() for name in (actor.name, *actor.orgs) if name})
    public = repos_table.c.visibility == "public"
    return and_(live, or_(public, own_namespaces(own)) if own else public)


def own_namespaces(folded: list[str]) -> ColumnElement[bool]:
    """Return the condition over `repos` that one is of this node and in one of these namespaces (lower case)."""
    return and_(repos_table.c.namespace_folded.in_(folded), ~repos_table.c.mirrored)


def require_account(actor: Actor) -> int:
    """Return the caller's account id; raises NotAuthenticated for an anonymous one."""
    if actor.account_id is None:
        raise NotAuthenticated("Invalid username or password.", hint="send a token: hf auth login, or HF_TOKEN")
    return actor.account_id


def require_write(actor: Actor, repo: Repo) -> None:
    """Raise NotAuthenticated or NotAllowed unless the caller may change the repository with the token used."""
    require_account(actor)
    require_own(repo)
    if not actor.may_write(repo.people):
        raise NotAllowed(
            f"You don't have the rights to write to {repo.repo.path}",
            hint="use a write token of a member of the namespace, or open a pull request",
        )


def require_own(repo: Repo) -> None:
    """Raise NotAllowed for a mirrored repository: what it holds is what its upstream says."""
    if repo.mirrored:
        raise NotAllowed(
            f"{repo.repo.path} is a mirror: {repo.repo.origin} answers for it, not this node",
            hint="publish there, or publish under a namespace of this node",
        )


def require_contribute(actor: Actor, namespace: str) -> None:
    """Raise NotAuthenticated or NotAllowed unless the caller may create repositories in `namespace`."""
    require_account(actor)
    if not actor.may_contribute(namespace):
        raise NotAllowed(f"You don't have the rights to create a repository under the namespace {namespace!r}")


def require_admin(actor: Actor, repo: Repo) -> None:
    """Raise NotAuthenticated or NotAllowed unless the caller may delete, move and gate the repository."""
    require_account(actor)
    if not actor.may_administer(repo.people):
        raise NotAllowed(f"You don't have the rights to administer {repo.repo.path}")


def require_read_bytes(node: Node, actor: Actor, repo: Repo) -> None:
    """Raise Disabled or GatedRepo unless the caller may read the repository's files.

    A gated repository is open to its own people and to those whose access request was accepted.
    """
    if repo.disabled or repo.state != "live":
        raise Disabled("Access to this resource is disabled.")
    if not repo.gated or actor.belongs(repo.people):
        return
    ask = f"ask {repo.repo.origin}: here it is held for repair only" if repo.mirrored else "ask its owners for access"
    if actor.anonymous:
        raise GatedRepo(
            f"Access to {repo.repo.path} is restricted. You must be authenticated to access it.",
            anonymous=True,
            hint=ask if repo.mirrored else "log in and ask for access",
        )
    mine = and_(access_requests.c.repo_id == repo.id, access_requests.c.account_id == actor.account_id)
    with node.db.read() as conn:
        status = conn.execute(select(access_requests.c.status).where(mine)).scalar_one_or_none()
    if status != "accepted":
        wanted = (
            "Your request to access it is awaiting a review." if status == "pending" else "You are not in the authorized list."
        )
        raise GatedRepo(f"Access to {repo.repo.path} is restricted. {wanted}", anonymous=False, hint=ask)


def resolve_revision(node: Node, repo: Repo, name: str) -> Revision:
    """Return the revision that `name` means in a repository: branch, tag, full ref, commit id or its first 7 digits or more.

    Raises RevisionNotFound; Disabled if its bytes are withdrawn or erased.
    """
    with node.db.read() as conn:
        found = revisions.resolve(conn, repo.id, name)
    if found is None or found.state == "pending":
        raise RevisionNotFound(f"Invalid rev id: {name[:300]}", hint="see the repository's branches and tags")
    if found.state in ("withdrawn", "erased"):
        raise Disabled("Access to this resource is disabled.")
    return found
