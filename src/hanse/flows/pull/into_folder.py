"""A revision as a plain folder, with the notes by which `hf download --local-dir` sees that its files are there already."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from hanse.flows.local_files import BOOKKEEPING
from hanse.flows.pull.into_cache import Put
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import parse_path
from hanse.store.durable import storage_errors
from hanse.store.sharing import replace_text


def write_folder(folder: Path, rev: GitOid, pulled: Iterable[FilePin], put: Put) -> Path:
    """Write the files of a revision into `folder`, in place of files of the same names, and return it.

    Raises StorageError, StorageFull, BadPath, and what `put` raises.
    """
    notes = folder.joinpath(*BOOKKEEPING)
    with storage_errors(f"make the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        notes.mkdir(parents=True, exist_ok=True)
    replace_text(notes / ".gitignore", "*")
    for pin in pulled:
        path = folder / parse_path(pin.path)
        note = notes / "download" / f"{pin.path}.metadata"
        with storage_errors(f"write {path}"):
            for one in (path, note):
                one.parent.mkdir(parents=True, exist_ok=True)
        put(pin, path)
        replace_text(note, f"{rev}\n{pin.etag}\n{time.time()}\n")
    return folder
