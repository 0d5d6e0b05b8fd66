"""A clamd that speaks the real INSTREAM protocol, for tests."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
from pathlib import Path

LIMIT = 3 * 1024 * 1024


class FakeClamd(threading.Thread):
    """A daemon that finds `EICAR` anywhere in a stream and refuses streams over a limit, as clamd does."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.address = f"unix:{path}"
        self.streams: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def run(self) -> None:
        """Serve one connection after another."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            # A client that is refused may hang up in the middle.
            with contextlib.suppress(OSError, struct.error), sock, sock.makefile("rb") as file:
                self._serve(sock, file)

    def _serve(self, sock: socket.socket, file: io.BufferedReader) -> None:
        if file.read(10) != b"zINSTREAM\0":
            sock.sendall(b"UNKNOWN COMMAND\0")
            return
        data = b""
        # A client that hangs up before the empty piece has sent no stream: unpacking nothing raises, and that is its end.
        while length := struct.unpack(">I", file.read(4))[0]:
            data += file.read(length)
            if len(data) > LIMIT:
                sock.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                return
        self.streams.append(data)
        sock.sendall(b"stream: Eicar-Test-Signature FOUND\0" if b"EICAR" in data else b"stream: OK\0")

    def stop(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
