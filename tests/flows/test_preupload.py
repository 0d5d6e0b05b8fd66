"""How files are to be sent: size, patterns, first bytes, what is ignored and what is there."""

from __future__ import annotations

from hashlib import sha256

import pytest
from tests.support.nodes import MAIN, commit, new_repo

from hanse.content.gitobjects import blob_id
from hanse.errors import RevisionNotFound
from hanse.flows import lfs, preupload
from hanse.flows.commits import Target
from hanse.flows.lfs import Wanted
from hanse.flows.node import Node
from hanse.flows.preupload import Offered
from hanse.flows.publish import PutBytes, PutFile
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import branch_ref


def test_modes(node: Node, alice: Actor) -> None:
    """Empty files are regular, large ones LFS; in between patterns decide, then whether it is text."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes(".gitattributes", b"*.dat filter=lfs\n*.png -filter\n"))
    offered = {
        "a.dat": (True, Offered("a.dat", 5, b"hello")),
        "b.png": (False, Offered("b.png", 5, b"\x89PNG\0")),
        "c.txt": (False, Offered("c.txt", 5, b"hello")),
        "d.bin": (True, Offered("d.bin", 5, b"a\0b")),
        "big.txt": (True, Offered("big.txt", 11 * 1024 * 1024, b"hello")),
        "big.png": (True, Offered("big.png", 11 * 1024 * 1024, b"hello")),
        "empty.dat": (False, Offered("empty.dat", 0, b"")),
    }
    plans, rev = preupload.plan(node, repo, Target(MAIN), [one for _, one in offered.values()], None)
    assert {plan.path: plan.lfs for plan in plans} == {path: wanted for path, (wanted, _) in offered.items()}
    assert len(rev) == 40


def test_ignored_files(node: Node, alice: Actor) -> None:
    """The repository's .gitignore counts, unless the client sends its own."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes(".gitignore", b"*.log\nbuild/\n"))
    files = [Offered(path, 1, b"x") for path in ("a.log", "build/x", "a.txt")]
    plans, _ = preupload.plan(node, repo, Target(MAIN), files, None)
    assert [plan.ignore for plan in plans] == [True, True, False]
    plans, _ = preupload.plan(node, repo, Target(MAIN), files, "*.txt\n")
    assert [plan.ignore for plan in plans] == [False, False, True]


def test_digests_of_what_is_there(node: Node, alice: Actor) -> None:
    """A regular file is told by its git blob id, an LFS one by its SHA-256, as clients compare them."""
    repo = new_repo(node, alice, "alice/m")
    data = bytes(range(256)) * 10
    digest = Sha256(sha256(data).hexdigest())
    with lfs.open_ingest(node, repo.id, lfs.holder_of(alice), Wanted(digest, len(data)), len(data)) as ingest:
        ingest.feed(data)
        ingest.finish()
    commit(node, alice, repo, PutBytes("a.txt", b"text"), PutFile("m.bin", digest))
    files = [Offered(path, 1, b"x") for path in ("a.txt", "m.bin", "new", "m.bin/below")]
    plans, _ = preupload.plan(node, repo, Target(MAIN), files, None)
    assert [plan.oid for plan in plans] == [blob_id(b"text"), digest, None, None]


def test_an_unknown_branch_is_named(node: Node, alice: Actor) -> None:
    """A branch that is not there is RevisionNotFound."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(RevisionNotFound):
        preupload.plan(node, repo, Target(branch_ref("nope")), [], None)
