"""Files by Xet reconstruction: a token, a plan of terms over xorbs, ranges of xorbs, chunks unpacked (hub-api.md B.1 to B.3).

All of it is claims: terms, ranges and frames are checked for form and bounds, so that an answer cannot take memory or name places
without limit. Whether the bytes are the right ones is for the caller to check, as with every place.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from hanse.clock import SystemClock
from hanse.content.compression import decompress
from hanse.content.terms import Term, check_term
from hanse.content.xorb import HEADER_BYTES, MAX_XORB_BYTES, ChunkHeader, parse_chunk_header
from hanse.errors import HanseError, InputError, PeerMisbehaved, PeerRefused
from hanse.model.digest import XetHash, parse_xet
from hanse.peers.addresses import Server, server_of
from hanse.peers.bulk import BulkClient, refusal
from hanse.peers.chunklists import chunk_list_limit, parsed_length
from hanse.peers.client import Answer, parse_base

WINDOW = 256 * 1024 * 1024
"""Bytes of a file that one plan covers."""
MAX_PLAN_BYTES = 32 * 1024 * 1024
_MAX_TOKEN_BYTES = 64 * 1024
_FRESH_SECONDS = 60
_KEPT = 2
"""Xorb ranges kept in memory at most, packed (up to 64 MiB each), where a plan comes back to them."""
_PIECE = 512 * 1024
_NOT_OFFERED = frozenset({400, 401, 403, 404, 405, 410, 501})


class _Token(msgspec.Struct):
    cas: str = msgspec.field(name="casUrl")
    access: str = msgspec.field(name="accessToken")
    exp: int = 0


class _Span(msgspec.Struct):
    start: int
    end: int


class _Term(msgspec.Struct):
    hash: str
    length: int = msgspec.field(name="unpacked_length")
    range: _Span = msgspec.field(name="range")


class _Part(msgspec.Struct):
    chunks: _Span
    bytes: _Span


class _Place(msgspec.Struct):
    url: str
    ranges: list[_Part]


class _PlaceV1(msgspec.Struct):
    url: str
    range: _Span
    url_range: _Span


class _Plan(msgspec.Struct):
    terms: list[_Term]
    skip: int = msgspec.field(default=0, name="offset_into_first_range")
    xorbs: dict[str, list[_Place]] = {}
    info: dict[str, list[_PlaceV1]] = msgspec.field(default_factory=dict, name="fetch_info")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Chunks [first, end) of a xorb, and under which address and range (last byte inclusive) they can be had."""

    url: str
    first: int
    end: int
    start: int
    last: int


@dataclass(frozen=True, slots=True)
class _Step:
    """A term and the stretch that holds it."""

    term: Term
    stretch: _Stretch


class XetStore:
    """The content store of an origin, for the files of one revision. Safe for threads.

    token_url: where the origin gives tokens to read with; headers: what the origin itself is sent.
    """

    def __init__(self, client: BulkClient, token_url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._token_url = token_url
        self._headers = headers
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._versions = ["v2", "v1"]
        self._lists = True

    @property
    def _origin(self) -> Server:
        return server_of(self._token_url)

    def read(self, xet: XetHash, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file in pieces of at most 1 MiB; raises as `Place.read`."""
        at, refused = start, -1
        while at < end:
            steps, skip = self._plan(xet, at, min(end, at + WINDOW))
            left = min(end, at + WINDOW) - at
            try:
                for piece in self._pieces(steps, skip, left):
                    at += len(piece)
                    yield piece
            except PeerRefused as error:
                if error.status != 403 or refused == at:  # an address whose time is over is asked for again, once
                    raise
                refused = at

    def chunk_list(self, xet: XetHash, size: int) -> bytes | None:
        """Return the chunk list of a file if the store offers whole ones, as nodes do (36 bytes per chunk), else None.

        The public hub's store only tells opaque subtrees round ranges that are to be changed, which prove no single chunk.
        """
        if not self._lists:
            return None
        found = self._ask(f"/v2/file-chunk-hashes/{xet}", chunk_list_limit(size))
        if found.status == 200 and found.media_type == "application/octet-stream":
            return parsed_length(found.body, self._origin.name)
        if found.status == 200 or found.status in _NOT_OFFERED:
            self._lists = found.status == 404
            return None
        raise refusal(found.status, found.headers, self._origin.name)

    # Asking.

    def _session(self, *, fresh: bool = False) -> _Token:
        with self._lock:
            if fresh or self._token is None or (self._token.exp and self._token.exp - SystemClock().now() < _FRESH_SECONDS):
                found = self._client.get(self._token_url, limit=_MAX_TOKEN_BYTES, headers=self._headers)
                if found.status != 200:
                    raise refusal(found.status, found.headers, self._origin.name)
                with self._formed():
                    token = msgspec.json.decode(found.body, type=_Token)
                    token.cas = parse_base(token.cas)
                self._token = token
            return self._token

    def _ask(self, path: str, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer of the store; a token that it does not take any more is asked for anew, once."""
        for fresh in (False, True):
            token = self._session(fresh=fresh)
            sent = {"authorization": f"Bearer {token.access}", **(headers or {})}
            found = self._client.get(token.cas + path, limit=limit, headers=sent, elsewhere=self._origin)
            if found.status != 401:
                break
        return found

    @property
    def _store(self) -> Server:
        return server_of(self._session().cas)

    @contextmanager
    def _formed(self) -> Iterator[None]:
        """Turn what does not parse in the block into PeerMisbehaved."""
        try:
            yield
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InputError) as error:
            said = error.message if isinstance(error, HanseError) else str(error)
            raise PeerMisbehaved(f"{self._origin.name} answers something else than a Xet store does: {said[:200]}") from error

    # Planning.

    def _plan(self, xet: XetHash, start: int, end: int) -> tuple[list[_Step], int]:
        """Return the steps that give bytes [start, end) of a file, and how many bytes of the first lie before them."""
        found = Answer(404, "", b"")
        while self._versions:
            headers = {"range": f"bytes={start}-{end - 1}"}
            found = self._ask(f"/{self._versions[0]}/reconstructions/{xet}", MAX_PLAN_BYTES, headers)
            if found.status not in (404, 501) or len(self._versions) == 1:
                break
            self._versions = self._versions[1:]
        if found.status != 200:
            raise refusal(found.status, found.headers, self._origin.name)
        with self._formed():
            plan = msgspec.json.decode(found.body, type=_Plan)
            stretches = _stretches(plan)
            steps = [_step(term, stretches) for term in plan.terms]
        covered = sum(step.term.length for step in steps) - plan.skip
        if not steps or not 0 <= plan.skip < steps[0].term.length or covered < end - start:
            raise PeerMisbehaved(f"{self._origin.name} plans {covered} bytes of a file where {end - start} were asked for")
        return steps, plan.skip

    # Reading.

    def _pieces(self, steps: Sequence[_Step], skip: int, left: int) -> Iterator[bytes]:
        """Yield `left` bytes from `skip` in what the steps make up."""
        uses = Counter(step.stretch for step in steps)
        kept: OrderedDict[_Stretch, list[tuple[ChunkHeader, bytes]]] = OrderedDict()
        waiting, size = list[bytes](), 0
        for step in steps:
            for raw in self._chunks(step, uses, kept):
                part = raw[skip : skip + left]
                skip = max(0, skip - len(raw))
                left -= len(part)
                if part:
                    waiting.append(part)
                    size += len(part)
                if size >= _PIECE or (left == 0 and size):
                    yield b"".join(waiting)
                    waiting, size = [], 0
                if left == 0:
                    return

    def _chunks(
        self, step: _Step, uses: Counter[_Stretch], kept: OrderedDict[_Stretch, list[tuple[ChunkHeader, bytes]]]
    ) -> Iterator[bytes]:
        """Yield the chunks of a term, unpacked; raises PeerMisbehaved if they do not have its length together."""
        stretch, term = step.stretch, step.term
        first, end = term.start - stretch.first, term.end - stretch.first
        frames: Iterator[tuple[ChunkHeader, bytes]]
        uses[stretch] -= 1
        if stretch in kept or uses[stretch]:
            if stretch not in kept:
                kept[stretch] = list(self._frames(stretch))
            kept.move_to_end(stretch)
            frames = iter(kept[stretch])
            if not uses[stretch]:
                del kept[stretch]
            elif len(kept) > _KEPT:
                kept.popitem(last=False)
        else:
            frames = self._frames(stretch)
        length = 0
        for number, (header, payload) in enumerate(frames):
            if first <= number < end:
                with self._formed():
                    raw = bytes(decompress(payload, header.scheme, header.length))
                length += len(raw)
                if length > term.length:
                    break
                yield raw
        if length != term.length:
            raise PeerMisbehaved(f"{self._origin.name} sends chunks of xorb {term.xorb} that are not as long as it said")

    def _frames(self, stretch: _Stretch) -> Iterator[tuple[ChunkHeader, bytes]]:
        """Yield header and payload of every chunk of a stretch, which must be exactly its bytes."""
        pieces = self._client.read(stretch.url, stretch.start, stretch.last + 1, None, elsewhere=self._store)
        pending = bytearray()
        count = stretch.end - stretch.first
        for piece in pieces:
            pending += piece
            at = 0
            while len(pending) - at >= HEADER_BYTES:
                with self._formed():
                    header = parse_chunk_header(pending[at : at + HEADER_BYTES])
                stop = at + HEADER_BYTES + header.payload
                if len(pending) < stop:
                    break
                count -= 1
                yield header, bytes(pending[at + HEADER_BYTES : stop])
                at = stop
            del pending[:at]
        if pending or count:
            raise PeerMisbehaved(f"{self._origin.name} sends another number of chunks than it said")


def _stretches(plan: _Plan) -> dict[XetHash, list[_Stretch]]:
    """Return where stretches of each xorb can be had; raises BadFormat or BadDigest."""
    found: dict[XetHash, list[_Stretch]] = {}
    for name, places in plan.xorbs.items():
        rows = found.setdefault(parse_xet(name), [])
        for place in places:
            rows += [_stretch(place.url, part.chunks, part.bytes) for part in place.ranges]
    for name, old in plan.info.items():
        rows = found.setdefault(parse_xet(name), [])
        rows += [_stretch(place.url, place.range, place.url_range) for place in old]
    return found


def _stretch(url: str, chunks: _Span, span: _Span) -> _Stretch:
    if not 0 <= chunks.start < chunks.end or not 0 <= span.start <= span.end < MAX_XORB_BYTES:
        raise InputError(f"chunks {chunks.start} to {chunks.end} cannot lie in bytes {span.start} to {span.end} of a xorb")
    return _Stretch(url, chunks.start, chunks.end, span.start, span.end)


def _step(given: _Term, stretches: Mapping[XetHash, Sequence[_Stretch]]) -> _Step:
    term = Term(parse_xet(given.hash), given.range.start, given.range.end, given.length)
    check_term(term)
    for stretch in stretches.get(term.xorb, ()):
        if stretch.first <= term.start and term.end <= stretch.end:
            return _Step(term, stretch)
    raise InputError(f"no address is given for chunks {term.start} to {term.end} of xorb {term.xorb}")
