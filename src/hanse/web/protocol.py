"""uvicorn's HTTP protocol with bounds on what comes before a request: bytes and time of its head.

uvicorn bounds neither: a client could send header lines for ever, all of them kept in memory, before any route was found.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers; up to one read of the socket (256 KiB) passes beyond it."""
HEAD_SECONDS = 60.0
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class HeadLimited(HttpToolsProtocol):
    """Answers 431 to a head or trailer of more than MAX_HEAD bytes, and hangs up on a head that takes over HEAD_SECONDS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = 0  # bytes since anything was completed: a head, a piece of a body, a request
        self._moved = False
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; those that complete nothing are counted."""
        self._moved = False
        super().data_received(data)
        self._waiting = 0 if self._moved else self._waiting + len(data)
        if self._waiting > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_REFUSAL)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start the clock with the first byte of a further request."""
        self._in_head = True
        super().on_message_begin()
        self._start_clock()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line; trailers after a body are dropped."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock: what follows is the body, which routes bound."""
        self._in_head, self._moved = False, True
        self._stop_clock()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._moved = True
        super().on_message_complete()

    def _start_clock(self) -> None:
        self._stop_clock()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
