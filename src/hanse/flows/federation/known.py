"""What a reader trusts because of the federations that are kept on this machine."""

from __future__ import annotations

from pathlib import Path

from hanse.flows.federation.roots import Roots
from hanse.flows.federation.seen import seen_in


def known_roots(folder: Path, now: int) -> Roots:
    """Return what the federations kept in a folder vouch for at `now`; read again only when one of them changed.

    Raises StorageError if what is kept is damaged, BadProof if it has expired (`hanse.flows.federation.trusted`).
    """
    seen = seen_in(folder)
    if not seen:
        return Roots()
    from hanse.flows.federation.trusted import roots_seen  # noqa: PLC0415 it loads TUF, which most readers do not need

    return roots_seen(folder, seen, now)
