"""Reads every file of an export once: its SHA-256, and of xorbs the name that their chunks make up; a few threads at a time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from hanse.content.xorb import XorbReader, XorbTable
from hanse.errors import HanseError, StorageError
from hanse.flows.leaving.sources import ExportSource, pieces
from hanse.jobs.cores import cores
from hanse.model.digest import Sha256, XetHash, parse_xet
from hanse.model.staticlayout import StaticPath

_XORBS = "xorbs/"
_THREADS = 4


def hash_files(
    source: ExportSource,
    digests: Mapping[StaticPath, Sha256],
    fail: Callable[[str, str], None],
    advance: Callable[[int, int], None],
) -> dict[XetHash, XorbTable]:
    """Compare the files that are there with their digests, and return the tables of the xorbs that are what they are called.

    fail: told what fails, and how; advance: told how many bytes of how many were read. About 0.6 MB for each GB are kept.
    Raises StorageError.
    """
    there = [path for path in digests if path in source.sizes]
    total, lock, done = sum(source.sizes[path] for path in there), threading.Lock(), 0
    tables: dict[XetHash, XorbTable] = {}

    def check(path: StaticPath) -> None:
        nonlocal done
        table = None
        try:
            digest, table = _read(source, path)
            says = "" if digest == digests[path] else f"{path} is not what was exported: its SHA-256 is {digest}"
        except StorageError:
            raise
        except HanseError as error:
            says = f"{path}: {error.message}"
        with lock:
            if says:
                fail("files", says)
            elif table is not None:
                tables[table.xorb] = table
            done += source.sizes[path]
            advance(done, total)

    with ThreadPoolExecutor(min(_THREADS, cores()), thread_name_prefix="verify-export") as pool:
        for _ in pool.map(check, there):
            pass
    return tables


def _read(source: ExportSource, path: StaticPath) -> tuple[str, XorbTable | None]:
    """Return the SHA-256 of a file and, of a xorb, its table; raises BadFormat or DigestMismatch for a false xorb."""
    state = hashlib.sha256()
    reader = XorbReader() if path.startswith(_XORBS) else None
    for piece in pieces(source, path):
        state.update(piece)
        if reader is not None:
            reader.feed(piece)
    return state.hexdigest(), None if reader is None else reader.finish(parse_xet(path.removeprefix(_XORBS)))
