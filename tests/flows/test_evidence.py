"""The evidence file of a revision is all that a verifier without network needs, for those who may see the repository."""

from __future__ import annotations

import json

import pytest
from tests.support.attesting import ask, attest_all, cosigned, settle, wait
from tests.support.nodes import MAIN, commit, new_repo
from tests.support.signers import signer

from hanse.db.repos import Repo
from hanse.errors import BadDigest, NotFoundError, VerificationFailed
from hanse.flows import evidence as flow
from hanse.flows.evidence import SALT_TYPE, of_revision, of_tree
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


def test_debug(node: Node, alice: Actor) -> None:
    repo, made = _publish(node, alice)
    settle(node)
    rev, data = of_revision(node, repo, "main")
    for line in data.splitlines():
        v = json.loads(line)
        print(v["mediaType"], [(l["index"], l["leaf"][:400]) for l in v.get("leaves", [])])
    from hanse.db import leaves
    with node.db.read() as conn:
        for r in leaves.sequenced(conn, 0, 100):
            print(r.index, r.kind, r.repo_id)
    assert 0
