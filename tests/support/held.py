"""Pins of bytes, and bytes in a held store, for tests of what is built on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hanse.content.chunking import split
from hanse.content.gitobjects import blob_id
from hanse.content.hashing import chunk_hash, file_hash
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.store.held import Held, HeldFile


@dataclass
class Clock:
    """Seconds since 1970, as the test says."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def sha256_of(data: bytes) -> Sha256:
    """Return the SHA-256 of `data`."""
    return Sha256(hashlib.sha256(data).hexdigest())


def pin_of(data: bytes, path: str = "model.bin") -> FilePin:
    """Return the pin of a regular file with these bytes, with every digest."""
    xet = file_hash([(chunk_hash(chunk), len(chunk)) for chunk in split(data)])
    return FilePin(path, len(data), blob_id(data), False, sha256_of(data), xet)


def hold(held: Held, data: bytes) -> HeldFile:
    """Put bytes into the store as a fetched file."""
    pin = pin_of(data)
    with held.begin(pin) as partial:
        partial.write(0, data)
        partial.mark(0, len(data))
        return partial.commit(sha256_of(data), pin.xet, pin.git_oid)
