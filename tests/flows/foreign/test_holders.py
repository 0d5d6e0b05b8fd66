"""Who holds a revision is said by the manifests in the logs, and a publisher that cannot be reached is silent."""

from __future__ import annotations

from dataclasses import replace

from tests.flows.foreign.conftest import A, Agreed, B, C

from hanse.db import witnesses
from hanse.flows.access import resolve_revision
from hanse.flows.foreign.holders import silent_since, vouchers
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, Visibility


def test_who_vouches(agreed: Agreed) -> None:
    """Everybody else who signed the manifest of this very tree, with whether others saw his log; nothing of what is hidden."""
    node, repo = agreed.three[B], agreed.at[B]
    revision = resolve_revision(node, repo, "main")
    found = vouchers(node, repo, revision)
    assert {one.log: one.witnessed for one in found} == {A: True, C: True}
    assert vouchers(node, repo, replace(revision, tree=Sha256("0" * 64))) == ()
    assert vouchers(node, replace(repo, visibility=Visibility.PRIVATE), revision) == ()


def test_silence(agreed: Agreed) -> None:
    """It is told since the log was last read, as long as its address does not answer; a false log is not silent."""
    node = agreed.three[C]
    assert silent_since(node, Origin(A)) is None
    assert silent_since(node, Origin("x.example")) is None
    for failure, told in (("PeerDown: no", True), ("BadProof: false", False), ("", False)):
        with node.db.write() as conn:
            witnesses.set_failure(conn, A, failure)
        assert (silent_since(node, Origin(A)) is not None) is told
