"""Files of a node by their Xet hash: `GET {node}/files/{xet}` with ranges, and `GET {node}/files/{xet}/chunks`."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.errors import NotFoundError
from hanse.model.filepin import FilePin
from hanse.peers.addresses import server_of
from hanse.peers.bulk import BulkClient, refusal
from hanse.peers.chunklists import chunk_list_limit, parsed_length
from hanse.peers.client import parse_base


class NodePlace:
    """A node as a place of bytes. token: for this node, or empty. Raises InputError on construction for no address."""

    def __init__(self, client: BulkClient, node_url: str, token: str = "") -> None:
        self._client = client
        self.url = parse_base(node_url)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return server_of(self.url).name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`; raises NotFoundError also for a file without a Xet hash."""
        if start == end:
            return iter(())
        return self._client.read(self._address(pin), start, end, pin.size, headers=self._headers)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the node says it, None if it has none, see `Place`."""
        if pin.xet is None or not pin.size:
            return None
        found = self._client.get(f"{self._address(pin)}/chunks", limit=chunk_list_limit(pin.size), headers=self._headers)
        if found.status == 200:
            return parsed_length(found.body, self.name)
        error = refusal(found.status, found.headers, self.name)
        if isinstance(error, NotFoundError) or found.status in (401, 403):
            return None
        raise error

    def _address(self, pin: FilePin) -> str:
        if pin.xet is None:
            raise NotFoundError(f"nobody has said under which Xet hash {self.name} would have {pin.path[:200]!r}")
        return f"{self.url}/files/{pin.xet}"
