"""Who may see, read and change what; what revision names lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.support.nodes import MAIN, add_user, commit, new_repo

from hanse.db.schema import access_requests
from hanse.db.schema import repos as repos_table
from hanse.errors import BadRepoId, Disabled, GatedRepo, NotAllowed, NotAuthenticated, RepoNotFound, RevisionNotFound
from hanse.flows import access
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import set_disabled, set_gated
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import RepoType, Visibility


def test_invisible_is_missing(node: Node, alice: Actor, bob: Actor) -> None:
    """A private repository and one that never was give the same answer, to anybody."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    for actor in (ANONYMOUS, bob):
        with pytest.raises(RepoNotFound) as hidden:
            access.resolve(node, actor, repo.repo)
        with pytest.raises(RepoNotFound) as absent:
            access.resolve(node, actor, replace(repo.repo, name="nothing"))
        assert hidden.value.message.replace("secret", "nothing") == absent.value.message
    assert access.resolve(node, alice, repo.repo).id == repo.id
    assert access.resolve(node, add_user(node, "root", admin=True), repo.repo).id == repo.id


def test_what_an_operator_types(node: Node, alice: Actor) -> None:
    """A name, with its origin or without; what is not here is answered with how to get it, and with how mirrors are named."""
    repo, operator = new_repo(node, alice, "alice/m"), add_user(node, "root", admin=True)
    for text in ("alice/m", f"{node.origin}/alice/m"):
        assert access.find_typed(node, operator, RepoType.MODEL, text).id == repo.id
    for text in ("alice/other", "elsewhere.example/alice/m"):
        with pytest.raises(RepoNotFound, match=text) as told:
            access.find_typed(node, operator, RepoType.MODEL, text)
        assert "hanse mirror alice/" in told.value.hint
    with pytest.raises(BadRepoId):
        access.find_typed(node, operator, RepoType.MODEL, "a/b/c/d")


def test_revision_names(node: Node, alice: Actor) -> None:
    """A revision is found by branch, full ref, full id and a prefix of at least seven digits, and by nothing else."""
    repo = new_repo(node, alice, "alice/m")
    rev = commit(node, alice, repo, PutBytes("a", b"1")).rev
    for name in ("main", MAIN, rev, rev[:7], rev[:12]):
        assert access.resolve_revision(node, repo, name).rev == rev
    for name in (rev[:6], rev.upper() + "0", "nothing", "refs/heads/nothing", "", "%", "refs/"):
        with pytest.raises(RevisionNotFound):
            access.resolve_revision(node, repo, name)


def test_visible_repositories(node: Node, alice: Actor, bob: Actor) -> None:
    """The condition for listings selects exactly what each caller may see one by one."""
    made = [new_repo(node, alice, f"alice/{each.value}", each) for each in Visibility]
    root = add_user(node, "root", admin=True)
    member = replace(bob, orgs={"alice": "read"})
    for actor, count in ((ANONYMOUS, 1), (bob, 1), (member, 3), (alice, 3), (root, 3)):
        with node.db.read() as conn:
            rows = conn.execute(select(repos_table.c.id).where(access.visible_repos_clause(actor))).all()
        assert sorted(row.id for row in rows) == [repo.id for repo in made if access.may_see(actor, repo)]
        assert len(rows) == count


def test_gates(node: Node, alice: Actor, bob: Actor) -> None:
    """A gated repository opens for its own people and for accepted requests; a disabled one for nobody."""
    repo = set_gated(node, alice, new_repo(node, alice, "alice/m"), "manual")
    access.require_read_bytes(node, alice, repo)
    for actor in (ANONYMOUS, bob):
        with pytest.raises(GatedRepo) as refused:
            access.require_read_bytes(node, actor, repo)
        assert refused.value.anonymous is actor.anonymous
    for status in ("pending", "rejected", "accepted"):
        with node.db.write() as conn:
            conn.execute(access_requests.delete())
            row = {"repo_id": repo.id, "account_id": bob.account_id, "id": "1", "status": status, "created_at": 1}
            conn.execute(access_requests.insert().values(row))
        if status == "accepted":
            access.require_read_bytes(node, bob, repo)
        else:
            with pytest.raises(GatedRepo):
                access.require_read_bytes(node, bob, repo)
    disabled = set_disabled(node, add_user(node, "root", admin=True), repo, disabled=True)
    with pytest.raises(Disabled):
        access.require_read_bytes(node, alice, disabled)


def test_rights(node: Node, alice: Actor, bob: Actor) -> None:
    """Writing needs a write token of the namespace's people, administering one of its administrators."""
    repo = new_repo(node, alice, "alice/m")
    access.require_write(alice, repo)
    access.require_admin(alice, repo)
    access.require_write(replace(bob, orgs={"alice": "write"}), repo)
    access.require_contribute(replace(bob, orgs={"alice": "contributor"}), "alice")
    for actor in (bob, replace(alice, role="read"), replace(bob, orgs={"alice": "contributor"})):
        with pytest.raises(NotAllowed):
            access.require_write(actor, repo)
    with pytest.raises(NotAllowed):
        access.require_admin(replace(bob, orgs={"alice": "write"}), repo)
    for check in (access.require_write, access.require_admin):
        with pytest.raises(NotAuthenticated):
            check(ANONYMOUS, repo)
