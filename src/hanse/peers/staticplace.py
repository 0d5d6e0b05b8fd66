"""Files of a static site by their Xet hash: their terms say which stored bytes of which xorbs make them up.

Stored chunks are unpacked here and nowhere believed: whoever reads checks every chunk against the file's signed hash.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hanse.errors import HanseError, NotFoundError, PeerMisbehaved
from hanse.model.digest import XetHash
from hanse.model.filepin import FilePin
from hanse.model.staticlayout import StaticPath, chunks_path, reconstruction_path, xorb_path
from hanse.peers.addresses import server_of
from hanse.peers.bulk import PIECE, BulkClient, refusal
from hanse.peers.chunklists import chunk_list_limit, parsed_length
from hanse.peers.client import Answer, parse_base

if TYPE_CHECKING:
    from hanse.content.staticterms import StaticRead, StaticTerm

_REMEMBERED = 8
"""Files whose terms are kept: a file is asked for in many ranges, several files at once."""
_GONE = frozenset({401, 403, 404, 410})


class StaticPlace:
    """A static site as a place of bytes, see `Place`. Raises InputError on construction for no address."""

    def __init__(self, client: BulkClient, url: str) -> None:
        self._client = client
        self.url = parse_base(url)
        self._lock = threading.Lock()
        self._terms: OrderedDict[XetHash, tuple[StaticTerm, ...]] = OrderedDict()

    @property
    def name(self) -> str:
        """Host, port and path, as people are told it: several sites can be at one server, as buckets are."""
        return server_of(self.url).name + urlsplit(self.url).path

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`; raises NotFoundError also for a file without a Xet hash.

        The site may be brought up to date meanwhile, and a xorb have another name: then the terms are read once more.
        """
        at = start
        for last in (False, True):
            try:
                for piece in self._pieces(pin, at, end):
                    at += len(piece)
                    yield piece
            except NotFoundError:
                if last or not self._forget(pin):
                    raise
            else:
                return

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the site says it, None if it has none, see `Place`."""
        if pin.xet is None or not pin.size:
            return None
        found = self._get(chunks_path(pin.xet), chunk_list_limit(pin.size))
        return None if found is None else parsed_length(found.body, self.name)

    def _pieces(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        from hanse.content.staticterms import reads  # noqa: PLC0415 most gateways do without

        if start == end:
            return
        pending, size = list[bytes](), 0
        for one in reads(self._terms_of(pin), start, end):
            for piece in self._chunks(one):
                if size + len(piece) > PIECE:
                    yield b"".join(pending)
                    pending, size = [], 0
                pending.append(piece)
                size += len(piece)
        yield b"".join(pending)

    def _chunks(self, one: StaticRead) -> Iterator[bytes]:
        """Yield the wanted bytes of each chunk of a read."""
        url, end = f"{self.url}/{xorb_path(one.xorb)}", one.at + sum(one.stored)
        skip, left, buffer = one.skip, one.take, bytearray()
        coming = self._client.read(url, one.at, end, None)
        for stored, length in zip(one.stored, one.raw, strict=True):
            while len(buffer) < stored:
                buffer += next(coming)
            raw = self._unpacked(bytes(buffer[:stored]), length)
            del buffer[:stored]
            wanted = raw[skip : skip + left]
            skip, left = 0, left - len(wanted)
            yield wanted
        next(coming, None)  # lets the client see that it ends here

    def _unpacked(self, frame: bytes, length: int) -> bytes:
        from hanse.content.compression import decompress  # noqa: PLC0415 as above
        from hanse.content.xorb import HEADER_BYTES, parse_chunk_header  # noqa: PLC0415 as above

        try:
            header = parse_chunk_header(frame)
            if (header.length, header.payload) == (length, len(frame) - HEADER_BYTES):
                return decompress(frame[HEADER_BYTES:], header.scheme, length)
        except HanseError as error:
            raise PeerMisbehaved(f"{self.name} has a chunk that cannot be unpacked: {error.message}"[:400]) from error
        raise PeerMisbehaved(f"{self.name} has a chunk of {header.length} bytes where its terms say {length}")

    def _terms_of(self, pin: FilePin) -> tuple[StaticTerm, ...]:
        from hanse.content.staticterms import parse_static, static_limit  # noqa: PLC0415 as above

        if pin.xet is None:
            raise NotFoundError(f"nobody has said under which Xet hash {self.name} would have {pin.path[:200]!r}")
        with self._lock:
            known = self._terms.get(pin.xet)
            if known is not None:
                self._terms.move_to_end(pin.xet)
                return known
        answer = self._get(reconstruction_path(pin.xet), static_limit(pin.size))
        if answer is None:
            raise NotFoundError(f"{self.name} does not have {pin.path[:200]!r}")
        try:
            terms = parse_static(answer.body, pin.size)
        except HanseError as error:
            raise PeerMisbehaved(f"{self.name} has false terms of {pin.path[:200]!r}: {error.message}"[:600]) from error
        with self._lock:
            self._terms[pin.xet] = terms
            while len(self._terms) > _REMEMBERED:
                self._terms.popitem(last=False)
        return terms

    def _forget(self, pin: FilePin) -> bool:
        """Forget the terms of a file; return whether they were known."""
        with self._lock:
            return pin.xet is not None and self._terms.pop(pin.xet, None) is not None

    def _get(self, path: StaticPath, limit: int) -> Answer | None:
        found = self._client.get(f"{self.url}/{path}", limit=limit)
        if found.status == 200:
            return found
        if found.status in _GONE:
            return None
        raise refusal(found.status, found.headers, self.name)
