"""The federations that an export has, read as from a server: so that they can be trusted where there is no network."""

from __future__ import annotations

from hanse.errors import BlobNotFound
from hanse.flows.leaving.sources import ExportSource, small
from hanse.model.digest import Sha256
from hanse.model.repo import Origin
from hanse.model.staticlayout import FEDERATIONS, StaticPath, federation_path
from hanse.peers.federationclient import MAX_LIST_BYTES, Claimed, parse_list


class ExportedFederations:
    """What an export has of federations; believed nothing, like a server. Methods raise StorageError or TooLarge."""

    def __init__(self, source: ExportSource) -> None:
        self._source = source
        self.url = source.name

    def listed(self) -> list[Claimed]:
        """Return which federations it has, none without a list; raises PeerMisbehaved or BadFormat for what is no list."""
        data = self._file(FEDERATIONS, MAX_LIST_BYTES)
        return [] if data is None else parse_list(data)

    def metadata(self, name: Origin, role: str, version: int, limit: int) -> bytes | None:
        """Return a version of `root` or `targets`, None if the export does not have it."""
        return self._file(federation_path(name, role, f"{version}.json"), limit)

    def file(self, name: Origin, digest: Sha256, size: int) -> bytes | None:
        """Return a file by its SHA-256 and size in bytes, None if the export does not have it."""
        return self._file(federation_path(name, "files", digest), size)

    def _file(self, path: StaticPath, limit: int) -> bytes | None:
        try:
            return small(self._source, path, limit)
        except BlobNotFound:
            return None
