"""Locks between threads and processes that end with their holder, whatever ends him: flock(2) on a file."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from hanse.store.durable import storage_errors

_POLL_SECONDS = 0.02
_MOMENT_SECONDS = 0.01


class FileLock:
    """An exclusive lock that was got; `release` gives it back and removes the file."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    @classmethod
    def get(cls, path: Path, wait: float = 0.0) -> FileLock | None:
        """Return the lock named by `path`, None if somebody else has it for longer than `wait` seconds; raises StorageError."""
        # At least a moment: who asks whether a lock is taken (`taken`) has it himself meanwhile.
        until, pause = time.monotonic() + max(wait, _MOMENT_SECONDS), 0.001
        while True:
            lock = cls._try(path)
            if lock is not None or time.monotonic() >= until:
                return lock
            time.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)

    @classmethod
    def _try(cls, path: Path) -> FileLock | None:
        with storage_errors(f"lock {path.name}"):
            while True:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Whoever had it may have removed the file meanwhile: then this lock is on nothing that others see.
                    if os.fstat(file).st_ino == path.stat().st_ino:
                        return cls(path, file)
                except BlockingIOError:
                    os.close(file)
                    return None
                except FileNotFoundError:
                    pass
                except OSError:
                    os.close(file)
                    raise
                os.close(file)

    def release(self) -> None:
        """Give the lock back; idempotent."""
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            # Unlocked by name, because a child process may still have the descriptor.
            fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file = -1


def taken(path: Path) -> bool:
    """Tell whether somebody has the lock named by `path`."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
