"""Damaged objects moved out of the store, kept for whoever wants to see what happened to them."""

from __future__ import annotations

import os
from pathlib import Path

from hanse.store.base import BlobStore
from hanse.store.durable import make_directory, storage_errors, sync_directory
from hanse.store.keys import ObjectKey

_PIECE = 1024 * 1024


def move_object(store: BlobStore, key: ObjectKey, folder: Path) -> bool:
    """Move the object at `key` into `folder`, under its key; tell whether it was there to be moved.

    It is durable in its new place before it leaves the old one. An object of the same key that was moved before is replaced.
    Raises StorageError.
    """
    if store.size(key) is None:
        return False
    target = folder / key
    with storage_errors(f"quarantine {key}"):
        make_directory(target.parent)
        with target.open("wb") as file:
            size = store.size(key) or 0
            for at in range(0, size, _PIECE):
                file.write(store.get(key, at, _PIECE))
            file.flush()
            os.fsync(file.fileno())
        sync_directory(target.parent)
    store.delete(key)
    return True
