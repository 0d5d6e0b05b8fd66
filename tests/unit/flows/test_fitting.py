"""A manifest fits what is wanted if it contradicts nothing of it, and its tree is that of its files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadProof
from hanse.flows.fitting import UNSIGNED, fits, hidden, nothing, tree_of
from hanse.flows.trust import Wanted
from hanse.flows.veil import CLEAR, Veil
from hanse.model.digest import EMPTY_XET, GitOid, Sha256
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.sign.oms import Manifest, ManifestFile, ManifestRevision
from hanse.tlog.map import MerkleMap, tree_key, tree_value

REV, TREE = GitOid("a" * 40), Sha256("b" * 64)
FILE = ManifestFile("a.txt", 1, Sha256("c" * 64), EMPTY_XET)
MADE = ManifestRevision(RepoId(Origin("a.example"), RepoType.MODEL, "Org", "Name"), REV, TREE)
MANIFEST = Manifest("name", (FILE,), Sha256("d" * 64), MADE, ())
STOCK = replace(MANIFEST, revision=None)


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        (Wanted(), True),
        (Wanted(repo="org/NAME", type=RepoType.MODEL), True),
        (Wanted(rev=REV, tree=TREE, origin=Origin("a.example")), True),
        (Wanted(repo="org/other"), False),
        (Wanted(type=RepoType.DATASET), False),
        (Wanted(rev=GitOid("e" * 40)), False),
        (Wanted(tree=Sha256("e" * 64)), False),
        (Wanted(origin=Origin("b.example")), False),
    ],
)
def test_what_fits(want: Wanted, expected: bool) -> None:
    """Every part that is wanted must be the same; one that names nothing fits only who names nothing."""
    assert fits(MANIFEST, want) is expected
    assert fits(STOCK, want) is (want == Wanted())


def test_the_tree_of_files() -> None:
    """It is the root of their map; without sizes and Xet hashes there is none."""
    assert FILE.size is not None
    assert FILE.xet is not None
    entry = (tree_key(FILE.path), tree_value(FILE.size, FILE.sha256, FILE.xet))
    assert tree_of(MANIFEST.files) == MerkleMap.empty().apply([entry]).root.hex()
    for bare in (replace(FILE, size=None), replace(FILE, xet=None)):
        with pytest.raises(BadProof, match=r"no size and xet hash of a\.txt"):
            tree_of([bare])


def test_what_is_said_where_none_fits() -> None:
    """What the evidence is about, and what was asked for."""
    assert (
        nothing([], Wanted())
        == "the evidence has no signed manifest by a key that is known; a signer who is in no log is named with --key"
    )
    says = nothing([MANIFEST, STOCK], Wanted(repo="org/other"))
    assert "Org/Name aaaaaaaaaaaa" in says
    assert says.endswith("not about org/other")
    assert "a bundle without a name" in says
    assert UNSIGNED.startswith("nobody has signed")


def test_concealed_names() -> None:
    """Commit id and tree are compared as leaves have them."""
    assert hidden(MANIFEST, CLEAR) == (REV, TREE)
    assert hidden(MANIFEST, Veil(b"s" * 32)) != (REV, TREE)
