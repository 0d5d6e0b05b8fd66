"""What members take back, and give back, by `withdraw` leaves in their own logs: copies of it are let go, or made anew."""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import copies
from hanse.db.engine import Database
from hanse.errors import HanseError
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import WithdrawLeaf, WithdrawOp

_KIND = b'"kind":"withdraw"'


def note(db: Database, origin: str, entries: Sequence[bytes], now: int) -> int:
    """Take down the withdrawals among verified leaves of a log, in their order, and return their number. Safe to repeat.

    Only the member that answers for a repository can take it back, or give it back; what others refuse to serve is their own
    affair. Leaves about repositories that are not public name nothing, and no copy of them is anywhere.
    """
    found = [leaf for data in entries if _KIND in data and (leaf := _read(origin, data)) is not None]
    if found:
        with db.write() as conn:
            for leaf in found:
                repo = (leaf.origin, leaf.type.value, leaf.repo)
                if leaf.op is WithdrawOp.WITHDRAW:
                    copies.withdraw(conn, repo, rev=leaf.rev, now=now)
                else:
                    copies.restore(conn, repo, rev=leaf.rev)
    return len(found)


def _read(origin: str, data: bytes) -> WithdrawLeaf | None:
    try:
        leaf = parse_leaf(data)
    except HanseError:  # carried along by the mirror as it is
        return None
    if not isinstance(leaf, WithdrawLeaf) or leaf.concealed or leaf.origin != origin:
        return None
    return leaf
