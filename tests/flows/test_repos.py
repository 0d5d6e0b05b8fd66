"""Repositories as a whole: names, visibility and its epochs, deletion."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.nodes import add_user, commit, model, new_repo
from tests.support.world import read_log

from hanse.db import leaves, repos, revisions
from hanse.db.repos import Repo
from hanse.errors import Conflict, Disabled, InputError, NotAllowed, NotAuthenticated, RepoNotFound
from hanse.flows import access, refs
from hanse.flows.accounts import create_org, set_default_visibility
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import (
    copies_allowed,
    create_repo,
    delete_repo,
    duplicate_repo,
    move_repo,
    set_copies,
    set_disabled,
    set_gated,
    set_visibility,
)
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility


def _log(node: Node) -> bytes:
    with node.db.read() as conn:
        head = leaves.head(conn)
    assert head is not None
    return b"\n".join(read_log(node, head.size))


def test_creation(node: Node, alice: Actor) -> None:
    """A new repository has one commit with the Hub's .gitattributes; its name is taken in any case."""
    repo = new_repo(node, alice, "Alice/Model")
    assert (repo.state, repo.visibility, repo.repo.path) == ("live", Visibility.PUBLIC, "Alice/Model")
    assert access.resolve(node, ANONYMOUS, model("aLICE/mODEL")).id == repo.id
    first = access.resolve_revision(node, repo, "main")
    listing = node.listings.get(node.store, first.object)
    assert ([entry.path for entry in listing.directory.entries()], first.title) == ([".gitattributes"], "initial commit")
    with pytest.raises(Conflict):
        new_repo(node, alice, "alice/MODEL")


def test_who_may_create(node: Node, alice: Actor) -> None:
    """Repositories are created in one's own namespaces, by accounts, at this node's origin."""
    for actor, error in ((ANONYMOUS, NotAuthenticated), (alice, NotAllowed)):
        with pytest.raises(error):
            new_repo(node, actor, "bob/m")
    with pytest.raises(NotAllowed):
        new_repo(node, add_user(node, "root", admin=True), "nobody/m")


def test_racing_creations(node: Node, alice: Actor) -> None:
    """Of many who create one name at once exactly one succeeds."""

    def attempt(_: int) -> bool:
        try:
            new_repo(node, alice, "alice/m")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1


def test_an_organisation_may_be_private_by_default(node: Node) -> None:
    """Where nobody says otherwise, a new repository is what its organisation's setting says; who says so is obeyed."""
    root, name = add_user(node, "root", admin=True), "lab-private-by-default"
    create_org(node.db, node.clock, name)
    assert create_repo(node, root, model(f"{name}/before")).visibility is Visibility.PUBLIC
    set_default_visibility(node.db, name, private=True)
    assert create_repo(node, root, model(f"{name}/unsaid")).visibility is Visibility.PRIVATE
    assert create_repo(node, root, model(f"{name}/said"), Visibility.PUBLIC).visibility is Visibility.PUBLIC
    set_default_visibility(node.db, name, private=False)
    assert create_repo(node, root, model(f"{name}/after")).visibility is Visibility.PUBLIC


def test_move(node: Node, alice: Actor) -> None:
    """After a rename the old name leads to the new one, until somebody takes it; a taken name is refused."""
    repo = new_repo(node, alice, "alice/old")
    other = new_repo(node, alice, "alice/other")
    moved = move_repo(node, alice, repo, model("alice/New"))
    assert moved.repo.path == "alice/New"
    assert access.resolve(node, ANONYMOUS, model("alice/old")).repo.path == "alice/New"
    with pytest.raises(Conflict):
        move_repo(node, alice, other, moved.repo)
    commit(node, alice, moved, PutBytes("a", b"1"))
    commit(node, alice, repo, PutBytes("a", b"2"))
    assert move_repo(node, alice, moved, model("alice/NEW")).repo.path == "alice/NEW"
    again = new_repo(node, alice, "alice/old")
    assert access.resolve(node, ANONYMOUS, model("alice/old")).id == again.id


def test_transfer(node: Node, alice: Actor, bob: Actor) -> None:
    """A repository goes to another namespace only by somebody with rights on both sides."""
    repo = new_repo(node, alice, "alice/m")
    for actor in (alice, bob):
        with pytest.raises(NotAllowed):
            move_repo(node, actor, repo, model("bob/m"))
    assert move_repo(node, add_user(node, "root", admin=True), repo, model("bob/m")).repo.path == "bob/m"


def _names(node: Node, repo: Repo) -> list[bytes]:
    revs = [access.resolve_revision(node, repo, "main")]
    return [b"secret", b"refs/heads/dev", *(text.encode() for row in revs for text in (row.rev, row.tree))]


def test_private_repositories_are_not_named_in_the_log(node: Node, alice: Actor) -> None:
    """No name, ref, commit id or tree of a private repository stands in the journal, whatever is done to it."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    commit(node, alice, repo, PutBytes("a", b"1"))
    refs.create_branch(node, alice, repo, "dev")
    words = _names(node, repo)
    repo = set_visibility(node, alice, repo, Visibility.FEDERATION)
    repo = move_repo(node, alice, repo, model("alice/secret2"))
    commit(node, alice, repo, PutBytes("b", b"1"))
    words += _names(node, repo)
    delete_repo(node, alice, repo)
    log = _log(node)
    assert [word for word in words if word in log] == []


def test_visibility_epochs(node: Node, alice: Actor) -> None:
    """Going public starts a chain in clear, going private a concealed one under a new salt; commits go on after each."""
    repo = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    refs.create_tag(node, alice, repo, "v1", "main", message="words")
    refs.create_branch(node, alice, repo, "gone")
    refs.delete_branch(node, alice, repo, "gone")
    salts = {repo.salt}
    for turn, visibility in enumerate([Visibility.PUBLIC, Visibility.PRIVATE, Visibility.FEDERATION, Visibility.PRIVATE]):
        repo = set_visibility(node, alice, repo, visibility)
        assert repo.visibility is visibility
        assert visibility is Visibility.PUBLIC or repo.salt not in salts
        salts.add(repo.salt)
        commit(node, alice, repo, PutBytes("a", b"%d" % turn))
        with node.db.read() as conn:
            rows = revisions.all_refs(conn, repo.id, deleted=True)
        assert [(row.ref, row.seq, row.message) for row in rows] == [("refs/heads/main", 2, ""), ("refs/tags/v1", 1, "words")]
    assert set_visibility(node, alice, repo, Visibility.PRIVATE).salt == repo.salt


@pytest.mark.parametrize(
    ("visibility", "state"),
    [(Visibility.PUBLIC, "retired"), (Visibility.PRIVATE, "withdrawn"), (Visibility.FEDERATION, "withdrawn")],
)
def test_deletion(node: Node, alice: Actor, visibility: Visibility, state: str) -> None:
    """A deleted repository is missing for everybody and its names are free; public ones retire, others are withdrawn."""
    repo = new_repo(node, alice, "alice/m", visibility)
    rev = commit(node, alice, repo, PutBytes("a", b"1")).rev
    repo = move_repo(node, alice, repo, model("alice/n"))
    delete_repo(node, alice, repo)
    for name in ("alice/m", "alice/n"):
        with pytest.raises(RepoNotFound):
            access.resolve(node, alice, model(name))
    with node.db.read() as conn:
        found, row = repos.get(conn, repo.id), revisions.get(conn, repo.id, rev)
    assert found is not None
    assert row is not None
    assert (found.state, row.state) == (state, state)
    for change in (lambda: commit(node, alice, repo, PutBytes("b", b"")), lambda: delete_repo(node, alice, repo)):
        with pytest.raises(RepoNotFound):
            change()
    again = new_repo(node, alice, "alice/m", visibility)
    assert again.id != repo.id


def test_duplicate(node: Node, alice: Actor, bob: Actor) -> None:
    """A duplicate has the files of the source's main and a history of its own; one needs to see the source."""
    source = new_repo(node, alice, "alice/m")
    commit(node, alice, source, PutBytes("d/a", b"1"))
    copy = duplicate_repo(node, bob, source, model("bob/m"), Visibility.PRIVATE)
    old, new = (access.resolve_revision(node, repo, "main") for repo in (source, copy))
    assert (new.tree, new.parent, copy.visibility) == (old.tree, None, Visibility.PRIVATE)
    commit(node, bob, copy, PutBytes("d/b", b"2"))
    disabled = set_disabled(node, add_user(node, "root", admin=True), source, disabled=True)
    with pytest.raises(Disabled):
        duplicate_repo(node, bob, disabled, model("bob/n"))


def test_settings(node: Node, alice: Actor, bob: Actor) -> None:
    """Gates are set by the namespace's administrators, disabling by the node's operator."""
    repo = new_repo(node, alice, "alice/m")
    assert set_gated(node, alice, repo, "manual").gated == "manual"
    with pytest.raises(InputError):
        set_gated(node, alice, repo, "sometimes")
    with pytest.raises(NotAllowed):
        set_gated(node, bob, repo, "")
    with pytest.raises(NotAllowed):
        set_disabled(node, alice, repo, disabled=True)


def test_who_allows_copies_of_what_is_gated(node: Node, alice: Actor, bob: Actor) -> None:
    """Its owner does, in the log, for a public repository under its present name; what is said already is not said again."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(NotAllowed):
        set_copies(node, bob, repo, allowed=True)
    assert not copies_allowed(node, repo)
    for allowed in (True, True, False, True):
        set_copies(node, alice, repo, allowed=allowed)
        assert copies_allowed(node, repo) is allowed
    assert _log(node).count(b'"kind":"copies"') == 3
    repo = move_repo(node, alice, repo, model("alice/other"))
    assert not copies_allowed(node, repo)
    hidden = set_visibility(node, alice, repo, Visibility.PRIVATE)
    with pytest.raises(InputError):
        set_copies(node, alice, hidden, allowed=True)
