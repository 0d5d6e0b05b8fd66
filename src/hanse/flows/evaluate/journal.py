"""The journal of a run: answers as they come, so that a run which was killed goes on where it stood.

The first line says what is run: suite, model, engine and numerics. A run goes on only under the same line, because answers of two
engines are not one result. The rest are lines of the transcript. A line that was cut off by a crash is dropped; what was made
durable, every `BATCH` answers and at the end, stays.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from hanse.errors import BadFormat, Busy, Conflict
from hanse.evals.itemtable import Status
from hanse.evals.transcript import MAX_BYTES, Spoken, parse_spoken
from hanse.flows.bounded import read_bounded
from hanse.model.canonical import canonical, parse_canonical
from hanse.store.durable import storage_errors, sync_directory, write_all

BATCH = 16
_MAX_PLAN = 64 * 1024


class Journal:
    """The journal at `path`, held by this process until `close`. plan: what is run.

    Raises Busy if another process runs it, Conflict if it is of another plan, BadFormat if it is none, or StorageError.
    """

    def __init__(self, path: Path, plan: dict[str, Any]) -> None:
        with storage_errors(f"open {path}"):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(f"another process runs in {path.parent}", hint="wait for it, or choose another folder") from error
            self._found = self._open(path, canonical(plan))
        except BaseException:
            os.close(self._file)
            raise
        self._waiting = 0

    def _open(self, path: Path, plan: bytes) -> dict[tuple[str, int], Spoken]:
        """Read what is there, cut off what is not whole, and return the answers."""
        data = read_bounded(path, MAX_BYTES)
        whole = data.rfind(b"\n") + 1
        with storage_errors(f"write {path}"):
            if whole < len(data):
                os.ftruncate(self._file, whole)
            if not whole:
                write_all(self._file, plan + b"\n")
                os.fsync(self._file)
                sync_directory(path.parent)
                return {}
        first, *lines = data[:whole].split(b"\n")[:-1]
        parse_canonical(first, "the first line of a journal", _MAX_PLAN)
        if first != plan:
            raise Conflict(
                f"{path.parent} holds a run of another suite, model, engine or machine",
                hint="go on with it as it was begun, or choose another folder",
            )
        found: dict[tuple[str, int], Spoken] = {}
        for line in lines:
            one = parse_spoken(line)
            known = found.get((one.item, one.epoch))
            if known is not None and known.answer.status is not Status.INFRA_ERROR:
                raise BadFormat(f"{path} has two answers to {one.item} in epoch {one.epoch}")
            found[one.item, one.epoch] = one
        return found

    @property
    def answers(self) -> dict[tuple[str, int], Spoken]:
        """The answers so far, by item and epoch."""
        return self._found

    def append(self, one: Spoken) -> None:
        """Add an answer; raises StorageError."""
        with storage_errors("write the journal"):
            write_all(self._file, one.encode() + b"\n")
        self._found[one.item, one.epoch] = one
        self._waiting += 1
        if self._waiting >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Make everything so far durable; raises StorageError."""
        with storage_errors("write the journal"):
            os.fsync(self._file)
        self._waiting = 0

    def close(self) -> None:
        """Make it durable and let others have it."""
        try:
            self.flush()
        finally:
            os.close(self._file)
