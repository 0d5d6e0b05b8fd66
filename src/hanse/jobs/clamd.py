"""ClamAV as a second opinion: a file streamed to clamd by INSTREAM (clamd(8)). Never the gate."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">I")
_PIECE = 1024 * 1024
_SECONDS = 20
_MAX_REPLY = 4096


class ClamStream:
    """One file on its way to clamd.

    address: `unix:/path` or `host:port`. Errors of any kind end the stream; the result then says so.
    """

    def __init__(self, address: str) -> None:
        self._sock: socket.socket | None = None
        with contextlib.suppress(OSError, ValueError):
            self._sock = _connect(address)
            self._send(b"zINSTREAM\0")

    def feed(self, data: bytes | memoryview) -> None:
        """Send the next bytes."""
        view = memoryview(data)
        for at in range(0, len(view), _PIECE):
            piece = view[at : at + _PIECE]
            self._send(_LENGTH.pack(len(piece)))
            self._send(piece)

    def result(self) -> dict[str, Any]:
        """End the stream and return what clamd says: {status: safe | unsafe | error, virusFound, virusNames}."""
        self._send(_LENGTH.pack(0))
        reply = b""
        if self._sock is not None:
            with self._sock, contextlib.suppress(OSError):
                while not reply.endswith(b"\0") and len(reply) < _MAX_REPLY and (part := self._sock.recv(_MAX_REPLY)):
                    reply += part
        return parse_reply(reply)

    def close(self) -> None:
        """Hang up without a result."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    @property
    def closed(self) -> bool:
        """Tell whether nobody listens, or not any more."""
        return self._sock is None

    def _send(self, data: bytes | memoryview) -> None:
        if self._sock is None:
            return
        try:
            self._sock.sendall(data)
        except OSError:  # it may have refused the size already: its reply still tells
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)


def parse_reply(reply: bytes) -> dict[str, Any]:
    """Return the Hub's `avScan` for a reply such as `stream: OK` or `stream: NAME FOUND`."""
    text = reply.rstrip(b"\0\n").decode("utf-8", "replace")
    if text == "stream: OK":
        return {"status": "safe", "virusFound": False, "virusNames": []}
    if text.startswith("stream: ") and text.endswith(" FOUND"):
        return {"status": "unsafe", "virusFound": True, "virusNames": [text[len("stream: ") : -len(" FOUND")][:200]]}
    return {"status": "error", "virusFound": None, "virusNames": []}


def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(_SECONDS)
        try:
            sock.connect(address.removeprefix("unix:"))
        except OSError:
            sock.close()
            raise
        return sock
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=_SECONDS)
