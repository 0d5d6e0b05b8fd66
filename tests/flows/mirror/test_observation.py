"""What a mirror saw of an upstream is signed, logged, in the evidence, and only what the upstream itself said."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.flows.foreign.conftest import A, B, C
from tests.support.fellows import fellows
from tests.support.nodes import fresh_catalogue, make_node
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.db import attestations, leaves, mirrors, revisions
from hanse.db.attestations import Attestation
from hanse.db.repos import Repo
from hanse.flows.evidence import of_revision
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.observation import attest_observation, basis_of
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.rebuild import rebuild
from hanse.flows.standing import Seen, revision_standing
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.digest import GitOid
from hanse.model.evidence import parse_evidence
from hanse.model.leaf import parse_leaf
from hanse.model.predicates import OBSERVATION
from hanse.model.repo import RefName, RepoType
from hanse.model.trust_leaf import AttestLeaf

MODEL = RepoType.MODEL
MAIN = RefName("refs/heads/main")
NOW = 1_800_000_100


def _verified(node: Node, repo: Repo) -> VerifiedRevision:
    trust = Trust(logs={node.origin: (node.log.key,)})
    want = Wanted(origin=repo.repo.origin, repo=repo.repo.path, ref=MAIN)
    data = of_revision(node, repo, "main")[1]
    return verify_revision(parse_evidence(data), trust, load_policy("open", node.staging.root), want, NOW)


def _rows(node: Node, repo: Repo, rev: GitOid) -> list[Attestation]:
    with node.db.read() as conn:
        return [row for row in attestations.of_revision(conn, repo.id, rev) if row.predicate == OBSERVATION]


def _seen(found: VerifiedRevision) -> list[dict[str, Any]]:
    return [dict(one.statement.predicate) for one in found.attested if one.statement.predicate_type == OBSERVATION]


def test_what_was_seen_is_signed(node: Node) -> None:
    """Who saw which ref when, and the digest of what the upstream said of every file, which anybody can compute again."""
    with upstream() as (_, hub):
        found = mirror(node, hub, MODEL, NAME)
    (row,) = _rows(node, found.repo, found.revision.rev)
    with node.db.read() as conn:
        pending, asked = leaves.get(conn, row.leaf_id), mirrors.get(conn, found.repo.id)
        claimed = mirrors.claimed(conn, found.repo.id, found.revision.rev)
    assert claimed is not None
    assert asked is not None
    assert pending is not None
    assert pending.index is not None
    leaf = parse_leaf(pending.leaf)
    assert isinstance(leaf, AttestLeaf)
    assert (leaf.predicate, leaf.origin, leaf.rev, leaf.ref) == (OBSERVATION, found.repo.repo.origin, found.revision.rev, None)
    verified = _verified(node, found.repo)
    (said,) = _seen(verified)
    when = said.pop("observedOn")
    assert said == {
        "origin": found.repo.repo.origin,
        "type": "model",
        "repo": NAME,
        "ref": MAIN,
        "seq": 1,
        "observer": node.origin,
        "claimed": {"files": len(FILES), "bytes": sum(map(len, FILES.values())), "listed": claimed.pinned},
    }
    (seen,) = [one for one in verified.attested if one.observed]
    assert (seen.member, seen.observed) == (node.origin, (MAIN, when))
    assert seen.about(found.revision.rev, found.revision.tree)
    assert hashlib.sha256(_listed(claimed.pins)).hexdigest() == claimed.pinned
    standing = revision_standing(node, found.repo, found.revision)
    assert standing.observed == (Seen(MAIN, row.created_at),)
    assert (standing.holder, standing.elsewhere) == (None, ())


def _listed(pins: bytes) -> bytes:
    """Return the list of files as the docs say that its digest is made, from what is kept of the claim."""
    from hanse.flows.mirror.claims import unpack

    rows = [[one.path, one.size, one.git_oid, one.lfs, one.sha256 or "", one.xet or ""] for one in unpack(pins)]
    return msgspec.json.encode(sorted(rows))


def test_each_position_once(node: Node) -> None:
    """Of an upstream that did not change nothing is said again; a ref that comes back is another position, and is said."""
    with upstream() as (origin, hub):
        first = mirror(node, hub, MODEL, NAME)
        size = node.log.size
        mirror(node, hub, MODEL, NAME)
        mirror(node, hub, MODEL, NAME, first.revision.rev)
        assert (node.log.size, len(_rows(node, first.repo, first.revision.rev))) == (size, 1)
        origin.commit(NAME, changed(a_txt=b"a"))
        second = mirror(node, hub, MODEL, NAME)
        origin.repo(NAME).refs[MAIN] = first.revision.rev
        mirror(node, hub, MODEL, NAME)
    assert [row.basis for row in _rows(node, first.repo, second.revision.rev)] == [basis_of(MAIN, 2)]
    assert [row.basis for row in _rows(node, first.repo, first.revision.rev)] == [basis_of(MAIN, 1), basis_of(MAIN, 3)]
    assert [said["seq"] for said in _seen(_verified(node, first.repo))] == [1, 3]
    assert attest_observation(node, second.repo, MAIN, second.revision) is None, "the ref is elsewhere"


def test_a_killed_mirror_goes_on(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was observed and attested before the process ended is signed as observed when the same is mirrored again."""
    with upstream() as (_, hub), monkeypatch.context() as patched:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr("hanse.flows.mirror.journey.attest_observation", killed)
        with pytest.raises(KeyboardInterrupt):
            mirror(node, hub, MODEL, NAME)
        patched.undo()
        again = mirror(node, hub, MODEL, NAME)
        assert len(_rows(node, again.repo, again.revision.rev)) == 1


def test_only_what_the_upstream_said(node: Node) -> None:
    """Nothing is signed of a commit id alone, of what only a cache told, or of what came without an upstream's address."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs[MAIN]
        found = mirror(node, hub, MODEL, NAME, rev)
        assert not _rows(node, found.repo, found.revision.rev)
        found = mirror(node, hub, MODEL, NAME)
    with node.db.write() as conn:
        attestations.drop(conn, found.repo.id)
        mirrors.put(conn, mirrors.Mirror(found.repo.id, ""))
    assert attest_observation(node, found.repo, MAIN, found.revision) is None


def test_a_lost_catalogue(node: Node, tmp_path: Path) -> None:
    """Rebuilt from log and bundles, the observation is known, and mirroring again says nothing new."""
    with upstream() as (_, hub):
        found = mirror(node, hub, MODEL, NAME)
        new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
        assert rebuild(new).problems == ()
        with new.db.read() as conn:
            revision = revisions.get(conn, found.repo.id, found.revision.rev)
        assert revision is not None
        (row,) = _rows(new, found.repo, found.revision.rev)
        assert row.basis == basis_of(MAIN, 1)
        assert revision_standing(new, found.repo, revision).observed == (Seen(MAIN, row.created_at),)
        new.db.close()


def test_three_mirrors_in_twenty_kilobytes(tmp_path: Path) -> None:
    """Three members who mirror ten files of an upstream: one file shows that all agree, and who shows it, what it saw."""
    files = {f"part-{number}.bin": b"%d" % number * 1000 for number in range(10)}
    with fellows(tmp_path, A, B, C) as three:
        with upstream(files) as (_, hub):
            rows = {one: mirror(three[one], hub, MODEL, NAME) for one in (A, B, C)}
        three.round()
        for one, found in rows.items():
            data = of_revision(three[one], found.repo, "main")[1]
            want = Wanted(origin=found.repo.repo.origin, repo=NAME, ref=MAIN)
            policy = load_policy("careful", three[A].staging.root)
            verified = verify_revision(parse_evidence(data), three.trust, policy, want, three.clock.now())
            assert {item.member for item in verified.attested if item.vouches} == {A, B, C}
            assert [said["observer"] for said in _seen(verified)] == [one]
            assert not verified.notices
            assert len(data) <= 20_000
