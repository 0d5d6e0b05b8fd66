"""What a node says of the files in `.eval_results` of a revision."""

from __future__ import annotations

from typing import Any

from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.flows.evalresults import MAX_BYTES, MAX_FILES, eval_results
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor

GOOD = b"- dataset: {id: cais/hle, task_id: default}\n  value: 20.9\n  date: 2025-01-15\n  unknown: 1\n"


def _found(node: Node, owner: Actor, repo: Repo, *files: PutBytes) -> list[dict[str, Any]] | None:
    rev = commit(node, owner, repo, *files).rev
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, rev)
    assert found is not None
    return eval_results(node, repo, rev, node.listings.get(node.store, found.object), "http://n.example")


def test_claims_of_the_publisher(lite: Node, owner: Actor, repo: Repo) -> None:
    """Known fields of every entry are shown, files elsewhere are not, and what does not parse is named with the reason."""
    assert _found(lite, owner, repo, PutBytes("a.txt", b"x"), PutBytes("results/hle.yaml", GOOD)) is None
    assert _found(lite, owner, repo, PutBytes(".eval_results", b"x")) is None
    files = [PutBytes(".eval_results/hle.yaml", GOOD), PutBytes(".eval_results/sub/x.yaml", GOOD)]
    new = new_repo(lite, owner, "owner/other")
    broken = {"bom.yml": b"\xff", "list.yaml": b"a: 1", "nan.yaml": GOOD.replace(b"20.9", b".nan"), "bomb.yaml": b"- &a [*a]"}
    files += [PutBytes(f".eval_results/{name}", data) for name, data in broken.items()]
    found = _found(lite, owner, new, *files)
    assert found is not None
    assert [one["filename"].split("/")[1] for one in found if "error" in one] == sorted(broken)
    good = [one for one in found if "error" not in one]
    assert good == [{"dataset": {"id": "cais/hle", "task_id": "default"}, "value": 20.9, "date": "2025-01-15"}]


def test_bounds(lite: Node, owner: Actor, repo: Repo) -> None:
    """At most 20 files are looked at, and at most 32 KiB of them are read."""
    many = [PutBytes(f".eval_results/{at:02}.yaml", GOOD) for at in range(MAX_FILES + 5)]
    large = GOOD + b"#" * (MAX_BYTES - len(GOOD))
    found = _found(lite, owner, repo, PutBytes(".eval_results/00-.yaml", large), *many)
    assert found is not None
    assert (len(found), sum("error" in one for one in found)) == (MAX_FILES, MAX_FILES - 1)
