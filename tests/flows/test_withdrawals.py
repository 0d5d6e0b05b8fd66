"""Only the member that answers for a repository takes copies of it back, and only by a leaf in its own log."""

from __future__ import annotations

from hanse.db import copies
from hanse.db.copies import Copy
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
    assert note(lite.db, HOME, [_leaf(origin=other), b'"kind":"withdraw"', _leaf(op=WithdrawOp.RESTORE)], 9) == 0
    with lite.db.read() as conn:
        found = copies.get(conn, ROW.key)
    assert found == ROW
    assert note(lite.db, HOME, [_leaf(), _leaf(whole=True)], 9) == 2
    with lite.db.read() as conn:
        found = copies.get(conn, ROW.key)
    assert found is not None
    assert (found.state, found.changed_at) == (copies.WITHDRAWN, 9)
