"""An S3 bucket, or a part of one, as the place of a static site; needs the extra `s3`.

The keys are those of a user's other S3 tools: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and `AWS_ENDPOINT` for
other stores than Amazon's. What is there is listed once; an object is whole or not there by S3's own rules.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import BadSetting, Conflict, InputError, StorageError
from hanse.flows.static.folder import MARK
from hanse.model.repo import Origin
from hanse.model.staticlayout import INDEX, StaticPath, is_lasting
from hanse.peers.addresses import parse_base

if TYPE_CHECKING:
    from obstore.store import S3Store

SCHEME = "s3://"
_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]*:/")
"""A scheme as addresses have it; of two slashes a path keeps one."""
_BUCKET = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_LASTING = "public, max-age=31536000, immutable"


class BucketSink:
    """Writes a site to `s3://BUCKET/PREFIX`; raises InputError for no such address, BadSetting without the extra."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store = open_bucket(url)
        self._there: dict[str, tuple[int, str]] = {}

    @contextmanager
    def claimed(self, origin: Origin) -> Iterator[None]:
        """See what is there, for the length of a `with` block; raises Conflict for other things or another log, StorageError.

        One process at a time may write to a bucket: nothing here can see to that.
        """
        import obstore  # noqa: PLC0415 an extra

        with bucket_errors(self.url):
            self._there = listed(self._store)
            if MARK in self._there:
                said = bytes(obstore.get(self._store, MARK).bytes())[:300].decode("utf-8", "replace")
                if said != origin:
                    raise Conflict(f"{self.url} is of {said!r}, not of {origin}", hint="name another prefix")
            elif self._there:
                raise Conflict(
                    f"{self.url} has other things in it, such as {next(iter(self._there))[:80]!r}",
                    hint="name an empty prefix: what does not belong to the site is removed from it",
                )
            else:
                obstore.put(self._store, MARK, origin.encode())
        yield

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether an object is there with this many bytes."""
        return self._there.get(path, (-1, ""))[0] == size

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take an object unless it is there with the same bytes; tell whether it was written. Raises StorageError."""
        import obstore  # noqa: PLC0415 an extra

        data = content if isinstance(content, bytes) else content.read_bytes()
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if self._there.get(path) == (len(data), tag):
            return False
        with bucket_errors(self.url):
            cache = _LASTING if is_lasting(path) else "no-cache"
            obstore.put(
                self._store,
                path,
                data,
                attributes={"Cache-Control": cache, "Content-Type": media_type(path)},
                use_multipart=False,
            )
        self._there[path] = len(data), tag
        return True

    def settle(self) -> None:
        """Do nothing: an object that was taken is durable."""

    def prune(self, keep: Collection[StaticPath]) -> int:
        """Remove the objects that the site does not have any more; return how many. Raises StorageError."""
        import obstore  # noqa: PLC0415 an extra

        gone = sorted(set(self._there) - set(keep) - {MARK})
        with bucket_errors(self.url):
            for path in gone:
                obstore.delete(self._store, path)
                del self._there[path]
        return len(gone)


def listed(store: S3Store) -> dict[str, tuple[int, str]]:
    """Return size and entity tag of every object, by its path."""
    return {one["path"]: (one["size"], (one["e_tag"] or "").strip('"')) for page in store.list() for one in page}


def media_type(path: StaticPath) -> str:
    """Return the media type that a file of the layout is given in a bucket."""
    if path.endswith(".json") or path == INDEX:
        return "application/json"
    return "text/plain; charset=utf-8" if path.endswith("/checkpoint") else "application/octet-stream"


def is_bucket(place: str) -> bool:
    """Tell whether files go to a bucket, not to a folder; raises InputError for an address of anything else."""
    if not place.startswith(SCHEME) and _ADDRESS.match(place):
        raise InputError(
            f"{place[:200]!r} is neither a path nor s3://BUCKET/PREFIX", hint=f"a folder that is called so: ./{place[:200]}"
        )
    return place.startswith(SCHEME)


def open_bucket(url: str) -> S3Store:
    """Return a bucket, or the part below a prefix; raises InputError for no such address, BadSetting without the extra."""
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    parts = prefix.rstrip("/").split("/") if prefix else []
    if (
        not url.startswith(SCHEME)
        or _BUCKET.fullmatch(bucket) is None
        or not {"", ".", ".."}.isdisjoint(parts)
        or not (url.isprintable() and len(url) <= 1024)
    ):
        raise InputError(f"{url[:200]!r} is no address of a bucket", hint="s3://BUCKET or s3://BUCKET/PREFIX")
    _require_endpoint()
    try:
        from obstore.store import S3Store  # noqa: PLC0415 an extra
    except ImportError as error:
        raise BadSetting("writing to a bucket needs the extra s3", hint="pip install 'hanse[s3]'") from error
    with bucket_errors(url):
        return S3Store(bucket, prefix=prefix.rstrip("/") or None)


def _require_endpoint() -> None:
    """Raise BadSetting for an address of a store that is none: the library, which reads it, would not survive that."""
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        try:
            parse_base(os.environ.get(name) or "https://none")
        except InputError as error:
            raise BadSetting(f"{name}: {error.message}") from error


@contextmanager
def bucket_errors(url: str) -> Iterator[None]:
    """Turn what a bucket's server says in a `with` block into StorageError."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 an extra

    try:
        yield
    except (BaseError, OSError) as error:
        said = str(error).partition("\n\nDebug source")[0]
        raise StorageError(f"{url}: {said}"[:600], hint="see AWS_ACCESS_KEY_ID, AWS_REGION and AWS_ENDPOINT") from error
