"""A revision as a plain folder, with the notes by which `hf download --local-dir` sees that its files are there already."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hanse.clock import SystemClock
from hanse.errors import StorageError
from hanse.flows.local_files import BOOKKEEPING
from hanse.flows.pull.into_cache import Put
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import parse_path
from hanse.store.durable import make_directories, storage_errors
from hanse.store.sharing import replace_text


def check_places(folder: Path, pulled: Iterable[FilePin]) -> None:
    """Raise StorageError if a folder stands where a file is to go, or something else where a folder is to be; names the first.

    To be asked before anything is replaced, and best before anything is fetched.
    """
    if not os.path.lexists(folder):
        return
    notes, parents = folder.joinpath(*BOOKKEEPING, "download"), {folder}
    for pin in pulled:
        for path in (folder / parse_path(pin.path), notes / f"{pin.path}.metadata"):
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 no error for what cannot be looked at
                raise _taken(path, "a folder, and a file is to go there")
            parents.add(path.parent)
    parents |= {above for one in parents for above in one.parents if above.is_relative_to(folder)}
    for path in sorted(parents):
        if os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112 same
            raise _taken(path, "a file, and a folder is to go there")


def _taken(path: Path, what: str) -> StorageError:
    return StorageError(f"{path} is {what}; nothing was changed", hint="move it away, or name another folder with --to")


def write_folder(folder: Path, rev: GitOid, pulled: Iterable[FilePin], put: Put) -> Path:
    """Write the files of a revision into `folder`, in place of files of the same names, and return it.

    The notes are not flushed: without one, or with what a power loss made of it, `hf` hashes or fetches the file again.
    Raises StorageError, StorageFull, BadPath, and what `put` raises.
    """
    notes = folder.joinpath(*BOOKKEEPING)
    pins = [(pin, folder / parse_path(pin.path), notes / "download" / f"{pin.path}.metadata") for pin in pulled]
    with storage_errors(f"make the folder {folder}"):
        make_directories(folder, (path.parent for _, path, _ in pins))
        for parent in dict.fromkeys([notes, *(note.parent for _, _, note in pins)]):
            parent.mkdir(parents=True, exist_ok=True)
    replace_text(notes / ".gitignore", "*")
    put((pin, path) for pin, path, _ in pins)
    for pin, _, note in pins:
        replace_text(note, f"{rev}\n{pin.etag}\n{SystemClock().now()}\n")
    return folder
