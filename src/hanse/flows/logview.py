"""The node's own log as it shows it to others: checkpoints, leaves, and proofs of them.

Everything here is read from what is committed, by any process of the node; nothing waits for the sequencer or for witnesses.
A checkpoint is signed when it is asked for: Ed25519 gives the same signature each time.
"""

from __future__ import annotations

from functools import lru_cache

from hanse.db import cosignatures, leaves
from hanse.db.engine import Database
from hanse.errors import BlobNotFound, NotFoundError
from hanse.flows.logfiles import LogFiles
from hanse.flows.loghistory import LogHistory
from hanse.flows.logstate import LogState, Snapshot
from hanse.model.publickey import Signer
from hanse.model.repo import Origin, RepoType
from hanse.store.base import BlobStore
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.map import advisory_key, ref_key
from hanse.tlog.mapproof import MapProof
from hanse.tlog.note import ED25519, NoteKey, SignatureLine, encode_note
from hanse.tlog.proof import consistency_proof, inclusion_proof

_SIGNED = 256


class LogView:
    """The node's log for readers. Safe for threads.

    origin: of the log; key: its verifier key, named by its origin; files: its tiles and bundles; state: its maps.
    """

    def __init__(self, db: Database, store: BlobStore, origin: Origin, signer: Signer, state: LogState | None = None) -> None:
        self._db = db
        self._signer = signer
        self.origin = origin
        self.files = LogFiles(db, store)
        self.state = state or LogState(db)
        self._history = LogHistory(db, self.files)
        self.key = NoteKey(origin, signer.public, ED25519)
        self._sign = lru_cache(_SIGNED)(self._signature)

    @property
    def size(self) -> int:
        """Leaves in the committed log."""
        return self.files.head().size

    def head(self, size: int | None = None) -> Checkpoint:
        """Return size and root of the log as it is, or as it was with `size` leaves; raises BlobNotFound if it is shorter."""
        if size is None:
            committed = self.files.head()
            return Checkpoint(self.origin, committed.size, bytes.fromhex(committed.root))
        return Checkpoint(self.origin, size, self.files.root(size))

    def checkpoint(self, size: int | None = None) -> bytes:
        """Return the checkpoint of the log (with `size` leaves, else of now): signed by the log, with all known cosignatures.

        Raises BlobNotFound if the log is not that long; RolledBack or Equivocation, signing nothing, if the log is not the one
        that others cosigned.
        """
        head = self.head(size)
        self._history.require(self.origin, self.size)
        with self._db.read() as conn:
            known = cosignatures.of_size(conn, self.origin, head.size)
        lines = [one.line for one in known if one.root == head.root.hex()]
        return encode_note(head.text, [self._sign(head.text), *lines])

    def checkpoint_after(self, index: int) -> bytes:
        """Return the first checkpoint with the leaf at `index` that anybody cosigned, as far as cosignatures are kept.

        They are kept of the newest sizes, and of the first one after each evaluation record. Raises NotFoundError if there is
        none, and as `checkpoint` does.
        """
        with self._db.read() as conn:
            size = cosignatures.first_size(conn, self.origin, index)
        if size is None:
            raise NotFoundError(
                f"nobody cosigned a checkpoint with the leaf {index} yet",
                hint="it takes a witness: hanse witness ask, and a moment",
            )
        return self.checkpoint(size)

    def _signature(self, text: str) -> str:
        return SignatureLine(self.origin, self.key.key_id, self._signer.sign(text.encode())).text

    def newest_cosigned(self, kind: str, quorum: int) -> int | None:
        """Return the largest size that `quorum` cosigners of a kind (`witness`, `mirror`) cosigned; None if there is none."""
        with self._db.read() as conn:
            return cosignatures.newest_size(conn, self.origin, kind, quorum)

    def leaf(self, index: int) -> bytes:
        """Return the leaf at `index`; raises BlobNotFound."""
        found = self.leaves(index, index + 1)
        if not found:
            raise BlobNotFound(f"the log has no leaf {index}")
        return found[0]

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Return the leaves from index `start` to before `end`, as far as the log goes."""
        with self._db.read() as conn:
            return leaves.logged(conn, start, end)

    def prove_leaf(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the RFC 6962 proof that leaf `index` is in the log of `size` leaves; raises BadFormat or BlobNotFound."""
        return inclusion_proof(index, size, self.files.read_wide)

    def prove_growth(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the RFC 6962 proof that the log of `new` leaves continues that of `old`; raises BadFormat or BlobNotFound."""
        return consistency_proof(old, new, self.files.read_wide)

    def snapshot(self, size: int) -> Snapshot:
        """Return the newest snapshot leaf in the log of `size` leaves, and its maps; raises BlobNotFound if there is none."""
        return self.state.snapshot(size)

    def prove_ref(
        self, kind: RepoType, repo: str, ref: str, size: int, origin: Origin | None = None
    ) -> tuple[Snapshot, MapProof]:
        """Return the snapshot under a checkpoint of `size` leaves, and the proof that its map of refs has a ref, or has not.

        repo and ref: as leaves have them (`namespace/name` in lower case, or concealed); origin: the log's own if None.
        """
        found = self.snapshot(size)
        return found, found.maps.refs.prove(ref_key(origin or self.origin, kind, repo, ref))

    def prove_advisory(self, advisory: str, size: int) -> tuple[Snapshot, MapProof]:
        """Return the snapshot under a checkpoint of `size` leaves, and the proof that an advisory is active in it, or is not."""
        found = self.snapshot(size)
        return found, found.maps.advisories.prove(advisory_key(advisory))
