"""A mirrored revision is one like any other: checked, collected, rebuilt, deleted; private ones say nothing in clear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support import world
from tests.support.nodes import add_user, fresh_catalogue, make_node, running
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.db import alarms, mirrors, repos, revisions
from hanse.db.engine import Database
from hanse.errors import GatedRepo, IntegrityError, PolicyError, RepoNotFound
from hanse.flows import access
from hanse.flows.collect import collect
from hanse.flows.evidence import of_revision
from hanse.flows.fsck import fsck
from hanse.flows.mirror.complete import complete
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.rows import find_mirror
from hanse.flows.mirror.upstream import InfoClaim
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.rebuild import rebuild
from hanse.flows.repos import delete_repo
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import verify_revision
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import GitOid
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RefName, RepoType

MODEL = RepoType.MODEL
MAIN = RefName("refs/heads/main")
PICKLE = b"\x80\x04cos\nsystem\n(S'true'\ntR."


@dataclass(frozen=True)
class Hidden(HubUpstream):
    """An upstream that shows the repository to few."""

    gated: bool = False
    private: bool = False

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Return what a revision name means, and who may know."""
        return replace(super().info(kind, path, rev), gated=self.gated, private=self.private)


def test_checks_and_collection_leave_it_alone(node: Node) -> None:
    """A full check finds nothing, and collection takes nothing away, whatever the upstream took back."""
    with upstream() as (origin, hub):
        mirror(node, hub, MODEL, NAME)
        origin.rewrite(NAME, {"README.md": b"gone\n"})
        repo = mirror(node, hub, MODEL, NAME).repo
    found = fsck(node, deep=True).problems  # test nodes stage files among their objects
    assert [one for one in found if not one.name.startswith("mirror/")] == []
    with node.db.read() as conn:
        used = repos.get(conn, repo.id)
    done = collect(node)
    assert (done.revisions, done.files, done.xorbs) == (0, 0, 0)
    assert used is not None
    assert used.used_bytes == sum(map(len, FILES.values())) + len(b"gone\n")


def test_a_lost_catalogue_comes_back(database: Database, tmp_path: Path) -> None:
    """Mirrors are made again from journal and records: revisions without a ref, names as spelled, evidence."""
    node = make_node(database, tmp_path / "data")
    with running(node), upstream() as (origin, hub):
        first = origin.repo(NAME).refs["refs/heads/main"]
        origin.commit(NAME, changed(a_txt=b"a"))
        mirror(node, hub, MODEL, NAME, first)
        mirror(node, hub, MODEL, NAME)
        origin.commit("Org/Spelled", {"a.txt": b"x"})
        mirror(node, hub, MODEL, "Org/Spelled")
        hidden = mirror(node, Hidden(hub.hub, private=True), MODEL, _other(origin), "main").repo
    world.check(node)
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
    assert rebuild(new).problems == ()
    world.check(new)
    for one in (node, new):
        with one.db.read() as conn:
            found = repos.in_state(conn, "live")
            assert [(item.repo.path, item.mirrored, item.visibility.value) for item in found] == [
                ("Org/Spelled", True, "public"),
                ("org/hidden", True, "private"),
                (NAME, True, "public"),
            ]
            tiny = found[2]
            assert {row.rev for row in revisions.all_of(conn, tiny.id, ["live"])} >= {first}
    assert of_revision(new, found[2], first)[1] == of_revision(node, found[2], first)[1]
    assert hidden.salt is not None
    new.db.close()


def _other(origin: object) -> str:
    from hanse.conform.origin import HubOrigin

    assert isinstance(origin, HubOrigin)
    origin.commit("org/hidden", {"secret.txt": b"s"})
    return "org/hidden"


def test_a_private_upstream_is_concealed(node: Node, alice: Actor) -> None:
    """The log has no word of it, only this node's operators see it, and they can verify it."""
    with upstream() as (_, hub):
        repo = mirror(node, Hidden(hub.hub, private=True), MODEL, NAME).repo
    leaves = b"".join(node.log.leaves(0, node.log.size))
    assert b"org/tiny" not in leaves
    for actor in (ANONYMOUS, alice, Actor(alice.account_id, "org", role="write")):
        with pytest.raises(RepoNotFound):
            access.resolve(node, actor, repo.repo)
    assert access.resolve(node, Actor(alice.account_id, "alice", admin=True), repo.repo).id == repo.id
    rev, data = of_revision(node, repo, "main")
    trust = Trust(logs={node.origin: (node.log.key,)})
    want = Wanted(repo=NAME, ref=MAIN)
    assert verify_revision(parse_evidence(data), trust, load_policy("open", node.staging.root), want, 1_800_000_100).rev == rev


def test_a_gated_upstream_is_gated_here(node: Node, alice: Actor) -> None:
    """Its name may be known, its bytes are for those whom this node's operators let in."""
    with upstream() as (_, hub):
        repo = mirror(node, Hidden(hub.hub, gated=True), MODEL, NAME).repo
    found = access.resolve(node, alice, repo.repo)
    with pytest.raises(GatedRepo):
        access.require_read_bytes(node, Actor(alice.account_id, "org", role="write"), found)


def test_deleted_and_mirrored_again(node: Node, alice: Actor) -> None:
    """An operator gives a mirror up; mirrored again, its chains begin anew and verify."""
    admin = Actor(alice.account_id, "alice", admin=True, role="write")
    with upstream() as (_, hub):
        first = mirror(node, hub, MODEL, NAME)
        delete_repo(node, admin, first.repo)
        assert find_mirror(node, first.repo.repo) is None
        again = mirror(node, hub, MODEL, NAME)
    assert again.repo.id != first.repo.id
    assert again.revision.tree == first.revision.tree


def test_a_commit_id_has_one_tree(lite: Node) -> None:
    """Contents that were taken in under false names do not become a second tree of a revision."""
    with upstream() as (_, hub):
        found = mirror(lite, hub, MODEL, NAME)
    with lite.db.read() as conn:
        row = mirrors.claimed(conn, found.repo.id, found.revision.rev)
        assert row is not None
        taken = mirrors.contents(conn, found.repo.id, _oids(lite, found.repo.id, found.revision.rev))
    (some, *_), other = sorted(taken), next(one for one in taken.values() if one.size == len(FILES["config.json"]))
    with pytest.raises(IntegrityError, match="has tree"):
        complete(lite, found.repo, row, taken | {some: other} if taken[some] != other else taken | {sorted(taken)[1]: other})
    with lite.db.read() as conn:
        assert alarms.count(conn) == 1


def _oids(node: Node, repo: int, rev: str) -> list[GitOid]:
    from hanse.flows.mirror.claims import unpack
    from hanse.flows.mirror.intake import key_of

    with node.db.read() as conn:
        row = mirrors.claimed(conn, repo, rev)
    assert row is not None
    return [key_of(pin) for pin in unpack(row.pins)]


def test_what_the_scanner_refuses_is_not_mirrored(scanned: Node) -> None:
    """A malicious file keeps the whole revision out, with its reason; other revisions are mirrored."""
    with upstream({"README.md": b"# x\n", "pytorch_model.bin": PICKLE}) as (origin, hub):
        with pytest.raises(PolicyError, match=r"pytorch_model\.bin"):
            mirror(scanned, hub, MODEL, NAME)
        origin.commit(NAME, FILES)
        good = mirror(scanned, hub, MODEL, NAME)
    with scanned.db.read() as conn:
        states = {one.state: one.says for one in mirrors.of_repo(conn, good.repo.id)}
    assert states.keys() == {"refused", "complete"}
    assert "pytorch_model.bin" in states["refused"]
    add_user(scanned, "bob")
