"""`hanse publish-static`: a node's public things to a folder or a bucket, so that any web server serves them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hanse.flows.node import Node
from hanse.flows.static.bucket import BucketSink, is_bucket
from hanse.flows.static.folder import FolderSink
from hanse.flows.static.selection import Written
from hanse.flows.static.sink import Sink
from hanse.flows.static.write import write_static
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath


class Site(Sink, Protocol):
    """A sink that keeps a site over several writings."""

    def claimed(self, origin: Origin) -> AbstractContextManager[None]:
        """Keep the place for this log; raises Conflict for a place with other things in it, or of another log."""
        ...

    def prune(self, keep: set[StaticPath]) -> int:
        """Remove what the site does not have any more; return how many files."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedSite:
    """What a writing came to. removed: files that the site does not have any more."""

    written: Written
    removed: int


def site_at(place: str) -> Site:
    """Return the site at a folder, or at `s3://BUCKET/PREFIX`; raises InputError or BadSetting."""
    return BucketSink(place) if is_bucket(place) else FolderSink(Path(place).expanduser().absolute())


def publish_static(node: Node, site: Site) -> PublishedSite:
    """Bring a site up to date with what is public at the node.

    What is not public any more is removed once the new checkpoint is there. Raises Conflict, StorageFull or StorageError.
    """
    with site.claimed(node.origin):
        written = write_static(node, site)
        return PublishedSite(written, site.prune(written.paths))
