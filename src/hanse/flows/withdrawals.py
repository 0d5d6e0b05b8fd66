"""Taking down what members take back, by `withdraw` leaves in their own logs: copies of it are let go."""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import copies
from hanse.db.engine import Database
from hanse.errors import HanseError
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import WithdrawLeaf, WithdrawOp

_KIND = b'"kind":"withdraw"'


def note(db: Database, origin: str, entries: Sequence[bytes], now: int) -> int:
    """Take down the withdrawals among verified leaves of a log, and return their number. Doing it again changes nothing.

    Only the member that answers for a repository can take it back; what others refuse to serve is their own affair. Leaves about
    repositories that are not public name nothing, and no copy of them is anywhere.
    """
    found = [leaf for data in entries if _KIND in data and (leaf := _read(origin, data)) is not None]
    if found:
        with db.write() as conn:
            for leaf in found:
                copies.withdraw(conn, leaf.origin, leaf.type.value, leaf.repo, rev=leaf.rev, now=now)
    return len(found)


def _read(origin: str, data: bytes) -> WithdrawLeaf | None:
    try:
        leaf = parse_leaf(data)
    except HanseError:  # carried along by the mirror as it is
        return None
    if not isinstance(leaf, WithdrawLeaf) or leaf.concealed or leaf.origin != origin or leaf.op is not WithdrawOp.WITHDRAW:
        return None
    return leaf
