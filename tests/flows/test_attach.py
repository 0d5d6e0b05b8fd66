"""What an owner signed is attached if it is true of the revision and by his key, and then logged like any other word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.attesting import attest_all, settle, wait
from tests.support.nodes import MAIN, commit, new_repo
from tests.support.signing import attest_key

from hanse.db import attestations, leaves
from hanse.db.repos import Repo
from hanse.errors import (
    BadFormat,
    BadSignature,
    Conflict,
    DigestMismatch,
    HanseError,
    NotAllowed,
    NotAuthenticated,
    TooLarge,
)
from hanse.flows import attach as flow
from hanse.flows.attach import attach, signable
from hanse.flows.evidence import of_revision
from hanse.flows.node import Node
from hanse.flows.ownerkeys import register_owner
from hanse.flows.policies import load_policy
from hanse.flows.publish import Published, PutBytes
from hanse.flows.repos import set_visibility
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.keys.files import FileSigner
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import EMPTY_XET, GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.evidence import parse_evidence
from hanse.model.key_leaf import Holder
from hanse.model.leaf import parse_leaf
from hanse.model.repo import RefName, RepoId, Visibility
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import make_bundle
from hanse.sign.oms import folder_statement, manifest_statement
from hanse.sign.statement import OMS, REF, Statement, ref_statement, review_statement, revision_subject
from hanse.tlog.map import ref_key


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues elsewhere."""
    return lite


@pytest.fixture(name="key")
def _key(node: Node, alice: Actor) -> FileSigner:
    """Return the key that alice registered for her namespace."""
    key = attest_key()
    register_owner(node, alice, "alice", key.public)
    return key


def _publish(node: Node, alice: Actor, name: str = "alice/m", data: bytes = b"1") -> tuple[Repo, Published]:
    repo = new_repo(node, alice, name)
    return repo, commit(node, alice, repo, PutBytes("a", data))


def _entries(node: Node, alice: Actor, repo: Repo, rev: str = "main") -> list[Entry]:
    found = signable(node, alice, repo, rev)
    return list(node.listings.get(node.store, found.revision.object).directory.entries())


def _manifest(node: Node, alice: Actor, repo: Repo, made: Published) -> Statement:
    return manifest_statement("m", _entries(node, alice, repo, made.rev), repo.repo, made.rev, made.tree)


def _verify(node: Node, repo: Repo) -> VerifiedRevision:
    found = parse_evidence(of_revision(node, repo, "main")[1])
    trust = Trust(logs={node.origin: (node.log.key,)})
    want = Wanted(origin=node.origin, repo=repo.repo.folded, ref=MAIN)
    return verify_revision(found, trust, load_policy("open", node.staging.root), want, node.clock.now())


def test_the_owner_signs_revision_and_position(node: Node, alice: Actor, key: FileSigner) -> None:
    """The map of refs moves only with the owner's signature; then the evidence shows him as who answers for the name."""
    repo, made = _publish(node, alice)
    settle(node)
    place = ref_key(node.origin, repo.repo.type, "alice/m", MAIN)
    assert node.log.snapshot(node.log.size).maps.refs.get(place) is None
    ((ref, seq),) = signable(node, alice, repo, "main").positions
    assert (ref, seq) == (MAIN, made.seq)
    position = ref_statement(repo.repo, ref, seq, made.rev, made.tree)
    listed = [make_bundle(one, key).encode() for one in (_manifest(node, alice, repo, made), position)]
    done = attach(node, alice, repo, "main", listed)
    assert [(one.predicate, one.key) for one in done] == [(OMS, key.public.fingerprint), (REF, key.public.fingerprint)]
    assert attach(node, alice, repo, made.rev, listed) == done
    wait(node)
    assert node.log.snapshot(node.log.size).maps.refs.get(place) is not None
    leaf = parse_leaf(node.log.leaf(done[1].index))
    assert isinstance(leaf, AttestLeaf)
    assert (leaf.ref, leaf.seq, leaf.must) == (MAIN, made.seq, True)
    verified = _verify(node, repo)
    assert verified.owner is not None
    assert (verified.rev, verified.owner.public, verified.owner.holder) == (made.rev, key.public, Holder.OWNER)


def test_latest_stays_at_what_the_owner_signed(node: Node, alice: Actor, key: FileSigner) -> None:
    """A version that the owner did not sign yet is served here, and elsewhere the last one that he signed is latest."""
    repo, made = _publish(node, alice)
    position = ref_statement(repo.repo, MAIN, made.seq, made.rev, made.tree)
    listed = [make_bundle(one, key).encode() for one in (_manifest(node, alice, repo, made), position)]
    attach(node, alice, repo, "main", listed)
    later = commit(node, alice, repo, PutBytes("a", b"2"))
    settle(node)
    for rev in (made.rev, later.rev):
        (found,) = parse_evidence(of_revision(node, repo, rev)[1]).maps
        assert found.value == (made.seq, made.rev, made.tree)


def test_a_stock_manifest_is_as_good(node: Node, alice: Actor, key: FileSigner) -> None:
    """A manifest as other tools make it, of exactly these files, is attached although it names no revision."""
    repo, made = _publish(node, alice)
    bundle = make_bundle(folder_statement("m", _entries(node, alice, repo)), key)
    (done,) = attach(node, alice, repo, "main", [bundle.encode()])
    with node.db.read() as conn:
        (row,) = attestations.of_revision(conn, repo.id, made.rev)
        leaf = leaves.get(conn, row.leaf_id)
    assert leaf is not None
    assert (row.payload, leaf.index) == (done.payload, done.index)


def test_false_statements_are_refused(node: Node, alice: Actor, key: FileSigner) -> None:
    """Another repository, revision, file, size or Xet hash, a file too few or too many, another kind of statement: none of it."""
    repo, made = _publish(node, alice)
    other, again = _publish(node, alice, "alice/n", b"2")
    files = _entries(node, alice, repo)
    one = next(entry for entry in files if entry.path == "a")
    rest = [entry for entry in files if entry.path != "a"]

    def said(files: list[Entry], named: RepoId = repo.repo, rev: GitOid = made.rev, tree: Sha256 = made.tree) -> Statement:
        return manifest_statement("m", files, named, rev, tree)

    subject = revision_subject(repo.repo, made.rev, made.tree)
    refused: list[tuple[Statement, type[HanseError]]] = [
        (said(files, named=other.repo), Conflict),
        (said(files, rev=again.rev), Conflict),
        (said(files, tree=again.tree), Conflict),
        (said(_entries(node, alice, other)), DigestMismatch),
        (said([*rest, replace(one, size=one.size + 1)]), DigestMismatch),
        (said([*rest, replace(one, xet=EMPTY_XET)]), DigestMismatch),
        (said(rest), DigestMismatch),
        (said([*files, replace(one, path="b")]), DigestMismatch),
        (folder_statement("m", rest), DigestMismatch),
        (review_statement([subject], verifier="https://x", properties=["P"], time=1), BadFormat),
        (ref_statement(repo.repo, MAIN, made.seq + 1, made.rev, made.tree), Conflict),
        (ref_statement(repo.repo, RefName("refs/heads/b"), made.seq, made.rev, made.tree), Conflict),
        (ref_statement(other.repo, MAIN, made.seq, made.rev, made.tree), Conflict),
    ]
    for statement, error in refused:
        with pytest.raises(error):
            attach(node, alice, repo, "main", [make_bundle(statement, key).encode()])
    with node.db.read() as conn:
        assert attestations.of_repo(conn, repo.id) == []


def test_only_the_owners_key_and_people(node: Node, alice: Actor, bob: Actor, key: FileSigner) -> None:
    """Another key, the node's own among them, is refused whoever asks; so is whoever may not write, and what is no bundle."""
    repo, made = _publish(node, alice)
    statement = _manifest(node, alice, repo, made)
    good = make_bundle(statement, key).encode()
    for signer in (attest_key(), node.keys.attest):
        with pytest.raises(BadSignature):
            attach(node, alice, repo, "main", [good, make_bundle(statement, signer).encode()])
    with pytest.raises(BadFormat):
        attach(node, alice, repo, "main", [b"{}"])
    for actor, error in ((bob, NotAllowed), (ANONYMOUS, NotAuthenticated), (replace(alice, role="read"), NotAllowed)):
        with pytest.raises(error):
            attach(node, actor, repo, "main", [good])
        with pytest.raises(error):
            signable(node, actor, repo, "main")
    with pytest.raises(TooLarge):
        attach(node, alice, repo, "main", [good] * (flow.MAX_BUNDLES + 1))


def test_private_repositories(node: Node, alice: Actor, key: FileSigner) -> None:
    """A manifest of a private repository is logged concealed; positions there need no owner, for no map shows them in clear."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    made = commit(node, alice, repo, PutBytes("a", b"1"))
    (done,) = attach(node, alice, repo, "main", [make_bundle(_manifest(node, alice, repo, made), key).encode()])
    leaf = parse_leaf(node.log.leaf(done.index))
    assert isinstance(leaf, AttestLeaf)
    assert leaf.concealed
    position = ref_statement(repo.repo, MAIN, made.seq, made.rev, made.tree)
    with pytest.raises(NotAllowed):
        attach(node, alice, repo, "main", [make_bundle(position, key).encode()])


def test_a_repository_that_changes_meanwhile(node: Node, alice: Actor, key: FileSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was signed about a repository as it was called and visible before is not entered any more."""
    repo, made = _publish(node, alice)
    bundle = make_bundle(_manifest(node, alice, repo, made), key).encode()
    set_visibility(node, alice, repo, Visibility.PRIVATE)
    with pytest.raises(Conflict, match="changed meanwhile"):
        attach(node, alice, repo, made.rev, [bundle])
    assert attest_all(node) == 1
