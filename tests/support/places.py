"""Places that files come from: servers on loopback that send ranges at a stated rate and misbehave on demand; their clients."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from hanse.content.chunking import split
from hanse.content.gitobjects import blob_id, lfs_pointer_id
from hanse.content.hashing import chunk_hash, encode_chunk_list, file_hash
from hanse.errors import BlobNotFound, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin

_BLOCK = 64 * 1024


def chunks_of(data: bytes) -> list[tuple[bytes, int]]:
    """Return hash and length of every chunk of `data`."""
    return [(chunk_hash(chunk), len(chunk)) for chunk in split(data)]


def pin_of(data: bytes, path: str = "model.safetensors", *, lfs: bool = True, sha256: bool = True, xet: bool = True) -> FilePin:
    """Return the pin of `data` with the digests that are asked for."""
    import hashlib

    digest = Sha256(hashlib.sha256(data).hexdigest())
    oid = lfs_pointer_id(digest, len(data)) if lfs else blob_id(data)
    return FilePin(path, len(data), oid, lfs, digest if sha256 else None, file_hash(chunks_of(data)) if xet else None)


@dataclass
class Faults:
    """What is wrong with a server, changeable while it runs.

    wrong: offsets of bytes that it sends flipped; all_wrong: every byte; cut_after: bytes of an answer after which it hangs up;
    stall_after: after which it sends nothing more; status: answered to everything; chunks: "none", "wrong" or "" for the true
    list; rate: bytes a second, all connections together, 0 without limit; dead: it hangs up at once; hold: nothing from this
    offset on is sent, as long as it is set.
    """

    wrong: frozenset[int] = frozenset()
    all_wrong: bool = False
    cut_after: int | None = None
    stall_after: int | None = None
    status: int = 0
    retry_after: int = 0
    chunks: str = ""
    rate: float = 0.0
    dead: bool = False
    hold: int | None = None


class _Quiet(ThreadingHTTPServer):
    """A server that is not excited about clients that hang up."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class RangeServer:
    """A server of one or several files by path, on a free port of 127.0.0.1; `with` runs it."""

    files: Mapping[str, bytes]
    faults: Faults = field(default_factory=Faults)
    lists: Mapping[str, bytes] = field(default_factory=dict)
    sent: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._free = 0.0
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def throttle(self, size: int) -> None:
        """Wait until `size` more bytes may go out."""
        if not self.faults.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now - 0.01) + size / self.faults.rate
            wait = self._free - now
        if wait > 0:
            time.sleep(wait)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 0

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

            def do_GET(self) -> None:
                owner.requests += 1
                with suppress(OSError):
                    owner._answer(self)

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        faults, path = self.faults, request.path.lstrip("/")
        if faults.dead:
            request.close_connection = True
            return
        if faults.status:
            self._plain(request, faults.status)
        elif path.endswith("/chunks"):
            self._chunks(request, path.removesuffix("/chunks"))
        elif path not in self.files:
            self._plain(request, 404)
        else:
            self._range(request, self.files[path])

    def _plain(self, request: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
        request.send_response(status)
        if self.faults.retry_after:
            request.send_header("Retry-After", str(self.faults.retry_after))
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _chunks(self, request: BaseHTTPRequestHandler, path: str) -> None:
        if self.faults.chunks == "none" or path not in self.files:
            self._plain(request, 404)
            return
        body = self.lists.get(path) or encode_chunk_list(chunks_of(self.files[path]))
        if self.faults.chunks == "wrong":
            body = bytes([body[0] ^ 1]) + body[1:]
        self._plain(request, 200, body)

    def _range(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        first, _, last = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        request.send_header("Content-Length", str(end - start))
        request.end_headers()
        self._body(request, data, start, end)

    def _body(self, request: BaseHTTPRequestHandler, data: bytes, start: int, end: int) -> None:
        for at in range(start, end, _BLOCK):
            faults = self.faults
            stop = min(at + _BLOCK, end)
            if faults.dead or (faults.cut_after is not None and at - start >= faults.cut_after):
                request.close_connection = True
                return
            if faults.stall_after is not None and at - start >= faults.stall_after:
                self._released.wait(30)
                request.close_connection = True
                return
            piece = data[at:stop]
            if faults.all_wrong:
                piece = bytes(byte ^ 0xFF for byte in piece[:64]) + piece[64:]
            for offset in faults.wrong:
                if at <= offset < stop:
                    piece = piece[: offset - at] + bytes([piece[offset - at] ^ 1]) + piece[offset - at + 1 :]
            self.throttle(len(piece))
            while faults.hold is not None and stop > faults.hold and not self._released.wait(0.01):
                pass
            request.wfile.write(piece)
            self.sent += len(piece)


class HttpPlace:
    """A place that asks a `RangeServer`; a plain client, stall: seconds without a byte after which it gives up."""

    def __init__(self, port: int, name: str = "", *, stall: float = 5.0) -> None:
        self.port = port
        self.name = name or f"127.0.0.1:{port}"
        self._stall = stall

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of a file."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._stall)
        try:
            connection.request("GET", f"/{pin.path}", headers={"Range": f"bytes={start}-{end - 1}"})
            answer = connection.getresponse()
            self._check(answer, 206)
            left = end - start
            while left:
                piece = answer.read1(min(left, 1 << 20))
                if not piece:
                    raise PeerMisbehaved(f"{self.name} ended with {left} bytes missing")
                left -= len(piece)
                yield piece
        except TimeoutError as error:
            raise PeerTooSlow(f"{self.name} sent nothing for {self._stall} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise PeerDown(f"{self.name} cannot be reached: {error}") from error
        finally:
            connection.close()

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list as the server has it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._stall)
        try:
            connection.request("GET", f"/{pin.path}/chunks")
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError as error:
            raise PeerTooSlow(f"{self.name} sent nothing for {self._stall} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise PeerDown(f"{self.name} cannot be reached: {error}") from error
        finally:
            connection.close()
        return body if answer.status == 200 else None

    def _check(self, answer: http.client.HTTPResponse, expected: int) -> None:
        if answer.status == 404:
            raise BlobNotFound(f"{self.name} has no such file")
        if answer.status != expected:
            later = int(answer.getheader("Retry-After") or 0)
            raise PeerRefused(f"{self.name} answers {answer.status}", status=answer.status, retry_after=later)
