"""The held store: plain files whose bytes were checked, one store per machine user, shared by all gateways and commands."""

from hanse.store.held.heldfile import HeldFile
from hanse.store.held.partial import Partial
from hanse.store.held.store import Held, open_or_temporary

__all__ = ["Held", "HeldFile", "Partial", "open_or_temporary"]
