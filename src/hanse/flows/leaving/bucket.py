"""An export written to a bucket, `s3://BUCKET/PREFIX`: the layout of a folder, the index last; needs the extra `s3`.

While it is written there is no `export.json`; objects below `export.progress/` say which files are there, a batch each. Killed,
the same command goes on there; run again into a whole export, it writes what is new and removes what no longer belongs to it. One
process at a time may write to a bucket: nothing here can see to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import HanseError, InputError
from hanse.flows.leaving.progress import Done, line_of, parse_line
from hanse.flows.static.bucket import bucket_errors, listed, media_type, open_bucket
from hanse.model.digest import Sha256
from hanse.model.exportindex import INDEX, MAX_FILES, MAX_SUMS_BYTES, SUMS, parse_sums
from hanse.model.staticlayout import StaticPath

if TYPE_CHECKING:
    from obstore.store import S3Store

PROGRESS = "export.progress/"
_BATCH_FILES = 256
_BATCH_BYTES = 512 * 1024 * 1024


class BucketExport:
    """A `Sink` of the layout, into a bucket. done: what is there by now.

    Raises InputError for no address of a bucket, a place that holds something else than an export, and for what not everybody
    may read; BadSetting without the extra; StorageError.
    """

    def __init__(self, url: str, *, private: bool = False) -> None:
        if private:
            raise InputError(
                "what is not public is not written to a bucket: who may read there is not seen from here",
                hint="name a folder or an archive",
            )
        self.url = url
        self.done: dict[StaticPath, Done] = {}
        self._store: S3Store = open_bucket(url)
        with bucket_errors(url):
            self._there = listed(self._store)
        self._records = sorted(path for path in self._there if path.startswith(PROGRESS))
        if self._there and INDEX not in self._there and not self._records:
            raise InputError(
                f"{url} holds something else than an export", hint="name an empty prefix, or one of an earlier export"
            )
        self._known = {one.path: one for one in (*self._before(), *self._recorded())}
        self._waiting: list[Done] = list(self._known.values())
        self._size = 0
        if INDEX in self._there:
            self._record()
            self._delete(INDEX)
        self._waiting = []

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether a file that never changes is there with this many bytes, as was recorded."""
        known = self._known.get(path)
        if known is None or known.size != size or self._there.get(path, (-1, ""))[0] != size:
            return False
        self.done[path] = known
        return True

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file; see `Sink`."""
        data = content if isinstance(content, bytes) else content.read_bytes()
        one = Done(path, len(data), _sha256(data))
        # The entity tag tells what is there even if a run was killed between an object and its record.
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if self._known.get(path) == one and self._there.get(path) == (one.size, tag):
            self.done[path] = one
            return False
        self._put(path, data)
        self._there[path] = one.size, tag
        self._waiting.append(one)
        self._size += one.size
        if len(self._waiting) >= _BATCH_FILES or self._size >= _BATCH_BYTES:
            self.settle()
        return True

    def settle(self) -> None:
        """Record what was put: an object that was taken is durable."""
        if self._waiting:
            self._record()
        self.done |= {one.path: one for one in self._waiting}
        self._waiting, self._size = [], 0

    def finish(self, sums: bytes, index: bytes) -> None:
        """Remove what does not belong to the export, write the digests and, last of all, the index."""
        self.settle()
        for path in sorted(set(self._there) - set(self.done) - set(self._records)):
            self._delete(path)
        self._put(SUMS, sums)
        self._put(INDEX, index)
        for path in self._records:
            self._delete(path)

    def close(self) -> None:
        """Do nothing: what was written is kept for the next try."""

    def _before(self) -> Iterator[Done]:
        """Yield the files of a whole export that lies there, with the digests that it says."""
        if INDEX in self._there and self._there.get(SUMS, (0, ""))[0] <= MAX_SUMS_BYTES:
            with suppress(HanseError):  # it is written anew
                for path, digest in parse_sums(self._get(SUMS).decode("ascii", "replace").splitlines()).items():
                    if path in self._there:
                        yield Done(path, self._there[path][0], digest)

    def _recorded(self) -> Iterator[Done]:
        """Yield what an earlier try recorded, the later word last."""
        for name in self._records[:MAX_FILES]:
            for line in self._get(name).decode("ascii", "replace").splitlines():
                if (found := parse_line(line)) is not None:
                    yield found

    def _record(self) -> None:
        last = self._records[-1] if self._records else ""
        number = last.removeprefix(PROGRESS)
        name = f"{PROGRESS}{int(number) + 1 if number.isdecimal() else 1:08}"
        self._put(name, b"".join(map(line_of, self._waiting)))
        self._records.append(name)

    def _get(self, path: str) -> bytes:
        import obstore  # noqa: PLC0415 an extra

        with bucket_errors(self.url):
            return bytes(obstore.get(self._store, path).bytes())

    def _put(self, path: str, data: bytes) -> None:
        import obstore  # noqa: PLC0415 an extra

        attributes = {"Cache-Control": "no-cache", "Content-Type": media_type(StaticPath(path))}
        with bucket_errors(self.url):
            obstore.put(self._store, path, data, attributes=attributes, use_multipart=False)

    def _delete(self, path: str) -> None:
        import obstore  # noqa: PLC0415 an extra

        with bucket_errors(self.url):
            obstore.delete(self._store, path)
        self._there.pop(path, None)


def _sha256(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())
