"""Which file has which digests: the rows of the index about the store's own files and adopted ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from hanse.errors import StorageError
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.store.held.heldfile import HeldFile, Identity, hash_file, identify
from hanse.store.held.index import Index

TOUCH_SECONDS = 60
"""How often the time of a file's last use is noted."""
_TOUCH = "UPDATE copies SET used = ? WHERE path = ?"
MAX_AMONG = 500
"""Values that one query looks for."""
_COLUMNS = "path, own, sha256, xet, git_oid, dev, ino, size, mtime_ns, ctime_ns, used"
FORGET = "DELETE FROM copies WHERE path = ?"
INSERT = """
INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET
    own = excluded.own, sha256 = excluded.sha256, size = excluded.size, dev = excluded.dev, ino = excluded.ino,
    mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, used = excluded.used,
    xet = CASE sha256 WHEN excluded.sha256 THEN coalesce(excluded.xet, xet) ELSE excluded.xet END,
    git_oid = CASE sha256 WHEN excluded.sha256 THEN coalesce(excluded.git_oid, git_oid) ELSE excluded.git_oid END
"""


class Digests(NamedTuple):
    """What was computed from the bytes of one file; xet and git_oid (of the content): None where only the SHA-256 was."""

    sha256: Sha256
    xet: XetHash | None = None
    git_oid: GitOid | None = None

    def agrees(self, pin: FilePin) -> bool:
        """Tell whether no digest that both have is different."""
        pairs = ((pin.sha256, self.sha256), (pin.xet, self.xet), (None if pin.lfs else pin.git_oid, self.git_oid))
        return all(wanted is None or found is None or wanted == found for wanted, found in pairs)


class Copy(NamedTuple):
    """One row. path: inside the store if `own`, absolute otherwise; used: seconds since 1970."""

    path: bytes
    own: bool
    digests: Digests
    identity: Identity
    used: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Copy:
        """Return the row with these columns."""
        path, own, sha256, xet, git_oid, *identity, used = row
        return cls(path, bool(own), Digests(sha256, xet, git_oid), Identity(*identity), used)

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return self.identity.size


class Copies:
    """The rows of one store. Raises StorageError where it reads or writes the index.

    folder: of the store; clock: seconds since 1970.
    """

    def __init__(self, index: Index, folder: Path, clock: Callable[[], float]) -> None:
        self._index = index
        self._folder = folder
        self._clock = clock

    def find(self, pin: FilePin) -> HeldFile | None:
        """Return a file that is what `pin` says, as `Held.find`."""
        for column, value in _names(pin):
            sql = f"SELECT {_COLUMNS} FROM copies WHERE {column} = ? AND size = ? ORDER BY own DESC LIMIT 50"  # noqa: S608 - fixed names
            for row in self._index.rows(sql, (value, pin.size)):
                copy = Copy.of(row)
                if copy.digests.agrees(pin) and (found := self.opened(copy)) is not None:
                    with suppress(StorageError):
                        self._touch([copy])
                    return found
        return None

    def find_all(self, pins: Iterable[FilePin]) -> dict[FilePin, HeldFile]:
        """Return those of many files that are here, each as `find` does."""
        wanted = list(dict.fromkeys(pins))
        rows = self._named(wanted)
        found, opened = dict[FilePin, HeldFile](), dict[bytes, tuple[Copy, HeldFile | None]]()
        for pin in wanted:
            for copy in (one for name in _names(pin) for one in rows.get(name, ())):
                if copy.size != pin.size or not copy.digests.agrees(pin):
                    continue
                if copy.path not in opened:
                    opened[copy.path] = copy, self.opened(copy)
                file = opened[copy.path][1]
                if file is not None:
                    found[pin] = file
                    break
        with suppress(StorageError):
            self._touch([copy for copy, file in opened.values() if file is not None])
        return found

    def _named(self, pins: Sequence[FilePin]) -> dict[tuple[str, str], list[Copy]]:
        """Return the rows that any of these pins may mean, by column and value, the store's own first."""
        found: dict[tuple[str, str], list[Copy]] = {}
        for column, place in (("xet", 3), ("sha256", 2), ("git_oid", 4)):
            values = list({value for pin in pins for name, value in _names(pin) if name == column})
            for start in range(0, len(values), MAX_AMONG):
                some = values[start : start + MAX_AMONG]
                marks = ", ".join("?" * len(some))
                sql = f"SELECT {_COLUMNS} FROM copies WHERE {column} IN ({marks}) ORDER BY own DESC"  # noqa: S608 - fixed names
                for row in self._index.rows(sql, some):
                    found.setdefault((column, row[place]), []).append(Copy.of(row))
        return found

    def listed(self, *, own: bool) -> list[Copy]:
        """Return the rows of the store's own files, or of adopted ones, the least recently used first."""
        sql = f"SELECT {_COLUMNS} FROM copies WHERE own = ? ORDER BY used, path"  # noqa: S608 - fixed names
        return [Copy.of(row) for row in self._index.rows(sql, (int(own),))]

    def below(self, folder: bytes) -> dict[str, tuple[Identity, Digests]]:
        """Return what adopted files below a folder are, by path; there may be tens of thousands."""
        start = folder.rstrip(b"/") + b"/"
        sql = f"SELECT {_COLUMNS} FROM copies WHERE own = 0 AND path > ? AND path < ?"  # noqa: S608 - fixed names
        return _hashed(self._index.rows(sql, (start, start[:-1] + b"0")))  # "0" comes after "/"

    def among(self, paths: Sequence[bytes]) -> dict[str, tuple[Identity, Digests]]:
        """Return the same of some files, at most `MAX_AMONG`, however many there are beside them."""
        marks = ", ".join("?" * len(paths))
        sql = f"SELECT {_COLUMNS} FROM copies WHERE own = 0 AND path IN ({marks})"  # noqa: S608 - fixed names
        return _hashed(self._index.rows(sql, paths))

    def row(self, path: bytes, *, own: bool, digests: Digests, identity: Identity) -> tuple[str, tuple[Any, ...]]:
        """Return statement and values that note a file, used now."""
        now = int(self._clock())
        return INSERT, (path, int(own), *digests, *identity, now, now)

    def note(self, path: bytes, *, own: bool, digests: Digests, identity: Identity) -> None:
        """Note a file, used now."""
        self._index.write(*self.row(path, own=own, digests=digests, identity=identity))

    def forget(self, path: bytes, *, flushed: bool = False) -> None:
        """Remove a row; the file stays."""
        self._index.write(FORGET, (path,), flushed=flushed)

    def at(self, path: bytes) -> Copy | None:
        """Return the row of a path."""
        rows = self._index.rows(f"SELECT {_COLUMNS} FROM copies WHERE path = ?", (path,))  # noqa: S608 - fixed names
        return Copy.of(rows[0]) if rows else None

    def where(self, copy: Copy) -> Path:
        """Return the path of a row's file."""
        return self._folder / os.fsdecode(copy.path) if copy.own else Path(os.fsdecode(copy.path))

    def opened(self, copy: Copy) -> HeldFile | None:
        """Return the file of a row if it is the one that was hashed; rows of files that are gone are removed."""
        path = self.where(copy)
        found = identify(path)
        if found is None:
            if not os.path.lexists(path):
                self.forget(copy.path)
            return None
        if copy.own and not found.inside(copy.identity):
            # Moved or restored from a backup, perhaps; only its bytes can tell.
            return self.rehashed(copy)
        if not copy.own and found != copy.identity:
            return None
        return HeldFile(path, found.size, *copy.digests, not copy.own, found)

    def rehashed(self, copy: Copy) -> HeldFile | None:
        """Return the file of a row if its bytes, read now, have its SHA-256; the row is renewed, or removed if they do not."""
        path = self.where(copy)
        hashed = hash_file(path)
        if hashed is None or hashed[0] != copy.digests.sha256:
            self.forget(copy.path, flushed=True)  # or a power loss could bring back what was found to be false
            return None
        self.note(copy.path, own=copy.own, digests=copy.digests, identity=hashed[1])
        return HeldFile(path, hashed[1].size, *copy.digests, not copy.own, hashed[1])

    def _touch(self, copies: Iterable[Copy]) -> None:
        now = int(self._clock())
        # In the future, too: the clock was wrong when it was used.
        due = [(now, copy.path) for copy in copies if abs(now - copy.used) >= TOUCH_SECONDS]
        if due:
            self._index.write_all(((_TOUCH, due),))


def _names(pin: FilePin) -> list[tuple[str, str]]:
    """Return by which columns a pin is looked for, the best first, with what it says there."""
    names = (("xet", pin.xet), ("sha256", pin.sha256), ("git_oid", None if pin.lfs else pin.git_oid))
    return [(column, value) for column, value in names if value is not None]


def _hashed(rows: Sequence[Sequence[Any]]) -> dict[str, tuple[Identity, Digests]]:
    return {os.fsdecode(row[0]): (Identity._make(row[5:10]), Digests._make(row[2:5])) for row in rows}
