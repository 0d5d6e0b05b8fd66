"""Only the member that answers for a repository takes copies of it back, and only by a leaf in its own log."""

from __future__ import annotations

from dataclasses import replace

from tests.support.leaves import ATTESTED

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.flows import sightings
from hanse.flows.node import Node
from hanse.flows.withdrawals import note
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin, RepoType
from hanse.model.trust_leaf import Reason, WithdrawLeaf, WithdrawOp

HOME = Origin("home.example")
ROW = Copy(HOME, "model", "alice/m", GitOid("1" * 40), Sha256("2" * 64), 1, copies.HELD)


def _leaf(*, origin: Origin = HOME, op: WithdrawOp = WithdrawOp.WITHDRAW, whole: bool = False) -> bytes:
    reason = Reason.LEGAL if op is WithdrawOp.WITHDRAW else None
    rev, tree = (None, None) if whole else (ROW.rev, ROW.tree)
    return encode_leaf(WithdrawLeaf(5, origin, RepoType.MODEL, "alice/m", op, reason, rev, tree))


def test_the_owner_takes_back(lite: Node) -> None:
    """A withdrawal in the home's log counts, of a revision or of all; one of somebody else, or what is no leaf, does not."""
    with lite.db.write() as conn:
        copies.put_new(conn, [ROW])
    other = Origin("other.example")
    assert note(lite.db, other, [_leaf()], 9) == 0
    assert note(lite.db, HOME, [_leaf(origin=other), b'"kind":"withdraw"'], 9) == 0
    with lite.db.read() as conn:
        found = copies.get(conn, ROW.key)
    assert found == ROW
    assert note(lite.db, HOME, [_leaf(), _leaf(whole=True)], 9) == 2
    with lite.db.read() as conn:
        found = copies.get(conn, ROW.key)
    assert found is not None
    assert (found.state, found.changed_at) == (copies.WITHDRAWN, 9)


def test_the_owner_gives_back(lite: Node) -> None:
    """What was taken back is planned anew once it is given back; what is held meanwhile is left alone."""
    with lite.db.write() as conn:
        copies.put_new(conn, [ROW])
    assert note(lite.db, HOME, [_leaf(op=WithdrawOp.RESTORE)], 9) == 1
    with lite.db.read() as conn:
        assert copies.get(conn, ROW.key) == ROW
    assert note(lite.db, HOME, [_leaf(), _leaf(op=WithdrawOp.RESTORE, whole=True)], 9) == 2
    with lite.db.read() as conn:
        assert copies.get(conn, ROW.key) is None


def test_what_was_taken_back_before_it_was_planned_stays_so(lite: Node) -> None:
    """A withdrawal counts for what was settled, even if no copy of it was thought of yet."""
    attest = replace(ATTESTED, origin=HOME, repo="alice/m", rev=ROW.rev, tree=ROW.tree)
    sightings.note(lite.db, HOME, 0, [encode_leaf(attest)])
    note(lite.db, HOME, [_leaf(whole=True)], 9)
    with lite.db.read() as conn:
        found = copies.get(conn, ROW.key)
        assert copies.unplanned(conn, [HOME], 9) == []
    assert found is not None
    assert found.state == copies.RELEASED
