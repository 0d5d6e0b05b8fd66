"""A mirror has its row from the first claim on, and its first claims stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.memoryplaces import pin_of

from hanse.db import alarms, mirrors, repos
from hanse.errors import Conflict, IntegrityError, NotAllowed, RepoNotFound
from hanse.flows import access
from hanse.flows.accounts import set_claims
from hanse.flows.mirror.claims import RevisionClaim, unpack
from hanse.flows.mirror.rows import address, find_mirror, hidden, open_mirror, pin, raise_alarm
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType

UP = RepoId(Origin("up.example"), RepoType.MODEL, "Org", "m")
CLAIM = RevisionClaim(UP, GitOid("1" * 40), (pin_of("a.txt", b"a", lfs=False), pin_of("b.bin", b"b")))


def test_a_row_is_made_once(node: Node) -> None:
    """The name is taken, nobody finds it before something is complete, and another address of the upstream replaces the first."""
    assert find_mirror(node, UP) is None
    repo = open_mirror(node, UP, "https://up.example")
    assert open_mirror(node, replace(UP, namespace="org"), "https://up.example:444").id == repo.id
    found = find_mirror(node, UP)
    assert found is not None
    assert (found.id, found.state, found.public) == (repo.id, "pending", True)
    with node.db.read() as conn:
        row = mirrors.get(conn, repo.id)
    assert row is not None
    assert row.url == "https://up.example:444"
    with pytest.raises(RepoNotFound):
        access.find_named(node, ANONYMOUS, replace(UP, origin=node.origin))
    with pytest.raises(NotAllowed, match="own name"):
        open_mirror(node, replace(UP, origin=node.origin), "x")


def test_the_first_claim_stays(node: Node) -> None:
    """More digests are no contradiction; others are an alarm and refused."""
    repo = open_mirror(node, UP, "")
    first = pin(node, repo, replace(CLAIM, source="cache"))
    assert pin(node, repo, CLAIM).source == "upstream"
    other = replace(CLAIM, files=(CLAIM.files[0], pin_of("b.bin", b"B")))
    with pytest.raises(IntegrityError, match=r"b\.bin had git blob id"):
        pin(node, repo, other)
    with node.db.read() as conn:
        kept = mirrors.claimed(conn, repo.id, CLAIM.rev)
        (alarm,) = alarms.every(conn)
    assert kept is not None
    assert kept.pinned == first.pinned
    assert (alarm.kind, alarm.origin, alarm.repo) == ("upstream-contradiction", "up.example", "org/m")


def test_a_false_size_gives_way(node: Node) -> None:
    """While files are missing the size that the digest is of is pinned once it is told, with an alarm; later nothing changes."""
    repo = open_mirror(node, UP, "")
    lie = replace(CLAIM, files=(CLAIM.files[0], replace(CLAIM.files[1], size=77)))
    pin(node, repo, lie)
    mended = pin(node, repo, CLAIM)
    assert tuple(unpack(mended.pins)) == CLAIM.files
    assert pin(node, repo, CLAIM).pinned == mended.pinned
    with node.db.write() as conn:
        assert mirrors.claimed(conn, repo.id, CLAIM.rev) == mended
        assert len(alarms.every(conn)) == 1
        mirrors.set_state(conn, repo.id, CLAIM.rev, "complete", now=1)
    with pytest.raises(IntegrityError, match="77"):
        pin(node, repo, lie)


def test_alarms_do_not_name_what_is_not_public(node: Node) -> None:
    """Of a private mirror the alarm says that there is something, not what."""
    repo = open_mirror(node, UP, "", private=True)
    raise_alarm(node, repo, "upstream-lie", "secret org/m", b"evidence")
    with node.db.read() as conn:
        (alarm,) = alarms.every(conn)
    assert (alarm.repo, "org" in alarm.says) == ("", False)


def test_which_mirror_a_plain_name_means(lite: Node, owner: Actor) -> None:
    """One mirror is found; those of two upstreams are ambiguous; a namespace that somebody here has never means a mirror.

    Whoever mirrors is told that the plain name does not mean his mirror, and what does.
    """
    plain = replace(UP, origin=lite.origin)
    for number, origin in enumerate(("up.example", "upper.example")):
        repo = open_mirror(lite, replace(UP, origin=Origin(origin)), "")
        with lite.db.write() as conn:
            repos.take_name(conn, repo.repo, repo.id)
            repos.update_columns(conn, repo.id, state="live")
        if number == 0:
            assert access.find_named(lite, ANONYMOUS, plain).id == repo.id
            assert not hidden(lite, repo)
            assert address(lite, repo) == UP.path
    with pytest.raises(Conflict, match=r"up\.example, upper\.example"):
        access.find_named(lite, ANONYMOUS, plain)
    assert "mirrored from up.example, too" in hidden(lite, repo)
    set_claims(lite.db, {"org": Origin("up.example")})
    assert "belongs to up.example" in hidden(lite, repo)
    assert hidden(lite, repo).endswith("/o/upper.example")
    mine = open_mirror(lite, replace(UP, namespace="owner"), "")
    assert "owner is an account of this node" in hidden(lite, mine)
    assert address(lite, mine) == f"/o/up.example/owner/{UP.name}"
    with lite.db.write() as conn:
        repos.take_name(conn, mine.repo, mine.id)
        repos.update_columns(conn, mine.id, state="live")
    with pytest.raises(RepoNotFound):
        access.find_named(lite, owner, replace(plain, namespace="owner"))
