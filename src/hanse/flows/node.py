"""The node as flows see it: one plain value that holds every effect, built once in `hanse.app`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hanse.clock import Clock
from hanse.db.engine import Database
from hanse.flows.advisories.kept import Book
from hanse.flows.downloads import Downloads
from hanse.flows.epochs import Epochs
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.keyring import Keyring
from hanse.flows.listing import Listings
from hanse.flows.logview import LogView
from hanse.flows.replays import Replays
from hanse.flows.scanner import Scanning
from hanse.flows.sequence import Sequencer
from hanse.flows.transfers import Transfers
from hanse.model.limits import Limits
from hanse.model.repo import Origin
from hanse.policy.copies import Copies
from hanse.store.base import BlobStore
from hanse.store.staging import Staging

KEPT = "kept"
"""Folder, in that of evaluations, of the files of records that were logged (`hanse.flows.evaluations.kept`)."""


@dataclass(frozen=True, slots=True)
class Node:
    """Everything a flow may need.

    origin: this node's own origin; keys: what it signs with; secret: 32 bytes that sign Xet tokens and URLs; epochs: the CAS
    epoch in every CAS address; aliases: case-folded canonical id without namespace -> namespace/name; transfers: what the data
    path keeps in memory; downloads: pulls counted and not written yet; scanning: the scanner, None if the node has none;
    federations: what is kept of those that the node is in, or follows; replays: what the logs that it mirrors come to; rules: how
    many copies are wanted where no federation says so; evaluations: folder of runs, None where none are kept; advised: the
    advisories that are known here.
    """

    origin: Origin
    keys: Keyring = field(repr=False)
    store: BlobStore
    staging: Staging
    db: Database
    clock: Clock
    limits: Limits
    secret: bytes = field(repr=False)
    epochs: Epochs
    listings: Listings
    sequencer: Sequencer
    log: LogView
    aliases: Mapping[str, str] = field(default_factory=dict)
    transfers: Transfers = field(default_factory=Transfers)
    downloads: Downloads = field(default_factory=Downloads)
    scanning: Scanning | None = None
    federations: FederationFiles | None = None
    replays: Replays | None = None
    rules: Copies | None = None
    evaluations: Path | None = None
    advised: Book = field(default_factory=Book)

    @property
    def epoch(self) -> str:
        """The CAS epoch as last read from the catalogue."""
        return self.epochs.text
