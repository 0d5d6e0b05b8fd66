"""The evidence file of a revision is all that a verifier without network needs, for those who may see the repository."""

from __future__ import annotations

import pytest
from tests.support.attesting import ask, cosigned, settle
from tests.support.nodes import MAIN, add_user, commit, new_repo

from hanse.db.repos import Repo
from hanse.errors import BadDigest, NotFoundError, RevisionNotFound, VerificationFailed
from hanse.flows import evidence as flow
from hanse.flows.evidence import of_revision, of_tree
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.publish import Published, PutBytes
from hanse.flows.refs import create_branch, create_tag
from hanse.flows.repos import set_visibility
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.conceal import conceal_value
from hanse.model.evidence import UnverifiedEvidence, parse_evidence
from hanse.model.leaf import leaf_hash, parse_leaf
from hanse.model.ref_leaf import RefLeaf
from hanse.model.repo import Visibility
from hanse.model.trust_leaf import AttestLeaf
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.proof import verify_inclusion

NOW = 1_800_000_100
MEMBERS = ("b.example.org", "c.example.org")
FILES = {f"part-{number}.bin": b"%d" % number * 1000 for number in range(9)}


def _publish(node: Node, actor: Actor, name: str = "alice/m", seen: Visibility = Visibility.PUBLIC) -> tuple[Repo, Published]:
    repo = new_repo(node, actor, name, seen)
    return repo, commit(node, actor, repo, *(PutBytes(path, data) for path, data in FILES.items()))


def _verify(node: Node, found: UnverifiedEvidence, repo: str = "alice/m", ref: str | None = MAIN) -> VerifiedRevision:
    trust = Trust(logs={node.origin: (node.log.key,)})
    policy = load_policy("open", node.staging.root)
    return verify_revision(found, trust, policy, Wanted(origin=node.origin, repo=repo, ref=ref), NOW)


def test_a_settled_revision_verifies(node: Node, alice: Actor) -> None:
    """The file parses, every leaf is proved, and a verifier comes to the revision, its files and its place in the log."""
    repo, made = _publish(node, alice)
    settle(node)
    rev, data = of_revision(node, repo, "main")
    assert rev == made.rev
    found = parse_evidence(data)
    (log,) = found.logs
    head = open_checkpoint(log.checkpoint, node.log.key).checkpoint
    for leaf in log.leaves:
        verify_inclusion(leaf_hash(leaf.leaf), leaf.index, head.size, head.root, leaf.path)
    verified = _verify(node, found)
    assert (verified.rev, verified.tree) == (made.rev, made.tree)
    assert {one.path for one in verified.files} == {*FILES, ".gitattributes"}
    assert verified.position is not None
    assert verified.position.seq == made.seq
    assert of_tree(node, ANONYMOUS, made.tree) == data


def test_publishing_waits_for_nobody(node: Node, alice: Actor) -> None:
    """Before it settled the evidence shows where the revision is logged, and a verifier says what is missing."""
    repo, made = _publish(node, alice)
    found = parse_evidence(of_revision(node, repo, "main")[1])
    assert found.bundles == ()
    assert [one.value for one in found.maps] == [(made.seq, made.rev, made.tree)]
    with pytest.raises(VerificationFailed, match="nobody has signed its list of files yet"):
        _verify(node, found)


def test_the_checkpoint_that_most_cosigned(node: Node, alice: Actor) -> None:
    """Cosignatures come later: shown is the newest checkpoint of a majority, never one from before the revision was attested."""
    repo, made = _publish(node, alice)
    ask(node, MEMBERS)
    early = cosigned(node, MEMBERS, NOW)
    settle(node)
    assert _shown(node, repo) == (node.log.size, 0)
    first = cosigned(node, MEMBERS[:1], NOW)
    assert _shown(node, repo) == (first, 2)
    create_branch(node, alice, repo, "a")
    agreed = cosigned(node, MEMBERS, NOW + 10)
    create_branch(node, alice, repo, "b")
    cosigned(node, MEMBERS[1:], NOW + 20)
    assert early < first < agreed < node.log.size
    assert _shown(node, repo) == (agreed, 4)
    verified = _verify(node, parse_evidence(of_revision(node, repo, "main")[1]))
    assert (verified.rev, verified.logs[0].checkpoint.size) == (made.rev, agreed)


def _shown(node: Node, repo: Repo) -> tuple[int, int]:
    """Return size and number of cosignatures of the checkpoint in the evidence of `main`."""
    (log,) = parse_evidence(of_revision(node, repo, "main")[1]).logs
    opened = open_checkpoint(log.checkpoint, node.log.key)
    return opened.checkpoint.size, len(opened.note.signatures) - 1


def test_older_revisions_and_other_refs(node: Node, alice: Actor) -> None:
    """A tag is shown with its place in the map; a revision that no ref points at any more, with the leaf that once did."""
    repo, first = _publish(node, alice)
    create_tag(node, alice, repo, "v1", "main")
    settle(node)
    second = commit(node, alice, repo, PutBytes("x.txt", b"x"))
    third = commit(node, alice, repo, PutBytes("x.txt", b"y"))
    settle(node)
    assert _verify(node, parse_evidence(of_revision(node, repo, "v1")[1]), ref="refs/tags/v1").rev == first.rev
    assert _verify(node, parse_evidence(of_revision(node, repo, first.rev)[1]), ref=None).rev == first.rev
    found = parse_evidence(of_revision(node, repo, second.rev)[1])
    assert [one.value for one in found.maps] == [(third.seq, third.rev, third.tree)]
    shown = [parse_leaf(one.leaf) for one in found.logs[0].leaves]
    assert [one.rev for one in shown if isinstance(one, RefLeaf)] == [second.rev]
    with pytest.raises(RevisionNotFound):
        of_revision(node, repo, "v9")


def test_a_private_repository_is_shown_to_its_people(node: Node, alice: Actor, bob: Actor) -> None:
    """Its leaves and map key are commitments; the salt beside them opens them, and strangers find no evidence of it at all."""
    repo, made = _publish(node, alice, "alice/secret", Visibility.PRIVATE)
    settle(node)
    data = of_revision(node, repo, "main")[1]
    assert of_tree(node, alice, made.tree) == data
    for stranger in (bob, ANONYMOUS):
        with pytest.raises(NotFoundError):
            of_tree(node, stranger, made.tree)
    found = parse_evidence(data)
    ((salt, name),) = [(one.salt, one.repo) for one in found.salts]
    assert (salt, name) == (repo.salt, "alice/secret")
    assert _verify(node, found, "alice/secret").rev == made.rev
    (attest,) = [leaf for one in found.logs[0].leaves if isinstance(leaf := parse_leaf(one.leaf), AttestLeaf)]
    for name, value in (("repo", "alice/secret"), ("rev", made.rev), ("tree", made.tree)):
        assert getattr(attest, name) == conceal_value(salt, name, value)
    ((place, position),) = [(one.key, one.value) for one in found.maps]
    assert place[3:] == (conceal_value(salt, "repo", "alice/secret"), conceal_value(salt, "ref", MAIN))
    assert position == (made.seq, attest.rev, attest.tree)
    with pytest.raises(NotFoundError):
        of_tree(node, alice, "0" * 64)
    with pytest.raises(BadDigest):
        of_tree(node, alice, "main")


def test_one_file_about_a_tree(node: Node, alice: Actor) -> None:
    """Several revisions with the same files are in one file, each leaf once."""
    repo, made = _publish(node, alice)
    other, again = _publish(node, alice, "alice/n")
    settle(node)
    assert made.tree == again.tree
    found = parse_evidence(of_tree(node, ANONYMOUS, made.tree))
    assert (len(found.bundles), len(found.logs), len(found.maps)) == (2, 1, 2)
    assert {one.key[3] for one in found.maps} == {"alice/m", "alice/n"}
    set_visibility(node, alice, other, Visibility.PRIVATE)
    assert len(parse_evidence(of_tree(node, ANONYMOUS, made.tree)).maps) == 1
    assert repo.public


def test_many_leaves_after_a_snapshot(lite: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attesting ends a batch with a snapshot, so what comes after the newest one is short; where it is not, it is left out."""
    alice = add_user(lite, "alice")
    repo, made = _publish(lite, alice)
    settle(lite)
    found = parse_evidence(of_revision(lite, repo, "main")[1])
    assert found.logs[0].leaves[-1].index == lite.log.size - 1 == lite.log.snapshot(lite.log.size).index
    monkeypatch.setattr(flow, "MAX_TAIL", 0)
    found = parse_evidence(of_revision(lite, repo, "main")[1])
    assert found.logs[0].leaves[-1].index < lite.log.size - 1
    assert [one.value for one in found.maps] == [(made.seq, made.rev, made.tree)]


def test_a_small_file(node: Node, alice: Actor) -> None:
    """Ten files, two cosigning members and what these attest themselves fit into 20 kB."""
    repo, made = _publish(node, alice)
    settle(node)
    cosigned(node, MEMBERS, NOW)
    data = of_revision(node, repo, made.rev)[1]
    assert len(data) < 20_000
