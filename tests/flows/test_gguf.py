"""What is told about the GGUF files of a repository."""

from __future__ import annotations

from tests.samples.texts import gguf
from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.flows.gguf import gguf_summary
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import GitOid


def _summary(node: Node, repo: Repo, rev: GitOid) -> dict[str, object] | None:
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, rev)
    assert found is not None
    return gguf_summary(node, repo, node.listings.get(node.store, found.object))


def test_the_first_file_at_the_root(node: Node, alice: Actor) -> None:
    """The summary is of the first GGUF file at the root; a repository without one has none, and one that is broken neither."""
    repo = new_repo(node, alice, "alice/m")
    none = commit(node, alice, repo, PutBytes("a.txt", b"x"), PutBytes("sub/x.gguf", gguf({"general.architecture": "bert"})))
    assert _summary(node, repo, none.rev) is None
    broken = commit(node, alice, repo, PutBytes("z.gguf", b"GGUF"))
    assert _summary(node, repo, broken.rev) is None
    whole = commit(node, alice, repo, PutBytes("b.gguf", gguf({"general.architecture": "llama"})))
    found = _summary(node, repo, whole.rev)
    assert found is not None
    assert found["architecture"] == "llama"
    assert _summary(node, repo, whole.rev) == found
