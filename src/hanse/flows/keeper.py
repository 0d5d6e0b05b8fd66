"""What cosigning other logs needs of a node, and no more: a node that is only a witness has nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hanse.clock import Clock
from hanse.db.engine import Database
from hanse.flows.keyring import Keyring
from hanse.model.repo import Origin
from hanse.store.base import BlobStore


class Keeper(Protocol):
    """A node as its witness and mirror see it; `hanse.flows.node.Node` is one."""

    @property
    def origin(self) -> Origin:
        """The node's own origin, from which its names as a cosigner are made."""
        ...

    @property
    def keys(self) -> Keyring:
        """What it signs with."""
        ...

    @property
    def db(self) -> Database:
        """The catalogue with the sizes it cosigned last."""
        ...

    @property
    def store(self) -> BlobStore:
        """Where it keeps copies of logs."""
        ...

    @property
    def clock(self) -> Clock:
        """The time that it signs."""
        ...


@dataclass(frozen=True, slots=True)
class WitnessNode:
    """A node without a hub: only what cosigns."""

    origin: Origin
    keys: Keyring
    db: Database
    store: BlobStore
    clock: Clock
