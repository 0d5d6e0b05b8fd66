"""Reads of one response, bounded in what time-outs of a socket leave open: each of those begins anew with every byte.

The head of an answer has a time by which it must be there, whole, and so may have the whole answer; a body that only drips ends;
headers behind a body are as few as those of a head. http.client alone would read on for as long as a byte comes now and then.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

HEAD_SECONDS = 20.0
"""Until when the head of an answer must be there, whole, where no stall time-out says less."""
REST_OF_HEAD_SECONDS = 5.0
"""How long after its first byte the head of an answer must be there: one that is late may be prepared, one that drips is not."""
LEAST_RATE = 1024
"""Bytes a second below which a body counts as standing still, on average over one stall time-out of waiting."""
_BUFFER = 64 * 1024
_SKIPPED = 300
"""Bytes of a body nobody needs that are read, so that the connection can be kept."""


class Late(TimeoutError):
    """The time for something has passed; the text goes on after the name of the server."""


def left_until(by: float) -> float:
    """Return how many seconds are left until `by` (time.monotonic); raises TimeoutError if none are."""
    left = by - time.monotonic()
    if left <= 0:
        raise Late("did not answer in time")
    return left


class _Timed(io.RawIOBase):
    """Reads of one response, with limits on the time of its head and of the whole, and a least rate for its body."""

    def __init__(self, raw: socket.SocketIO, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._stall = sock.gettimeout() or HEAD_SECONDS
        self._until: float | None = time.monotonic() + self._stall
        self._late = "did not answer in time"
        self._in_head, self._begun = True, False
        self._waited = 0.0
        self._came = 0

    def body(self, stall: float, until: float | None) -> None:
        """From now on a body is read, whole by `until` if there is such a time."""
        self._in_head, self._stall, self._until = False, stall, until
        self._late = "did not finish its answer in time"
        self._sock.settimeout(stall)

    def hurry(self, seconds: float) -> None:
        """Limit the time of what is still to be read to so many seconds."""
        by = time.monotonic() + seconds
        self._until = by if self._until is None else min(self._until, by)

    def readable(self) -> bool:
        """Tell that this is read from."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what is there; raises TimeoutError."""
        began = time.monotonic()
        try:
            if self._until is not None:
                self._sock.settimeout(min(left_until(self._until), self._stall))
            count = self._raw.readinto(buffer)
        except TimeoutError as error:
            raise Late(self._late) from error
        if not self._in_head:
            self._count(time.monotonic() - began, count or 0)
        elif not self._begun:
            self._begun, self._late = True, "sends the head of its answer too slowly"
            self.hurry(REST_OF_HEAD_SECONDS)
        return count

    def _count(self, waited: float, came: int) -> None:
        self._waited += waited
        self._came += came
        if self._waited > self._stall:
            if self._came < LEAST_RATE * self._waited:
                raise Late("sends its answer too slowly")
            self._waited, self._came = 0.0, 0

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class Response(http.client.HTTPResponse):
    """A response whose reads are timed."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self._timed = _Timed(sock.makefile("rb", buffering=0), sock)
        self.fp = io.BufferedReader(self._timed, _BUFFER)

    def _read_status(self) -> tuple[str, int, str]:
        """Read the first line of an answer; an interim one of any kind is skipped, where the library skips 100 alone.

        It would take the interim answer for the whole, and the answer itself for that to the next request.
        """
        version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
        return version, http.client.CONTINUE if status < http.client.OK else status, reason

    def begun(self, stall: float, until: float | None) -> None:
        """Take note that the head is there; stall: seconds that nothing may come for; until: when the whole must be there."""
        self._timed.body(stall, until)

    def skip(self) -> None:
        """Read what nobody needs, if it is short and does not take longer than a head."""
        self._timed.hurry(REST_OF_HEAD_SECONDS)
        self.read(_SKIPPED)

    def _read_and_discard_trailer(self) -> None:
        """Read the headers behind a body in chunks; the library's own method reads them without end."""
        self._timed.hurry(REST_OF_HEAD_SECONDS)
        http.client.parse_headers(self.fp)
