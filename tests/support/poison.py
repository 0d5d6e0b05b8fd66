"""A holder of copies that lies: everything comes from a real node, and what it is told to falsify is falsified on the way."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_KEPT = ("content-type", "content-range", "etag", "accept-ranges")
Lie = Callable[[bytes], bytes]


def flipped(data: bytes) -> bytes:
    """Return the bytes with one bit of the middle one turned."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data


def longer(data: bytes) -> bytes:
    """Return more than there is."""
    return data + bytes(1000)


def shorter(data: bytes) -> bytes:
    """Return less than there is."""
    return data[: len(data) // 2]


def zeros(data: bytes) -> bytes:
    """Return as many bytes, all of them zero."""
    return bytes(len(data))


@dataclass
class Poisoned:
    """A lying holder at `url`. lies: what is done to answers, by a part of their path; asked: paths of falsified answers."""

    url: str
    lies: dict[str, Lie] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> bytes:
        """Return what is answered instead of the truth."""
        lie = next((lie for part, lie in self.lies.items() if path.endswith(part.lstrip("*")) or part in path), None)
        if lie is None:
            return body
        self.asked.append(path)
        return lie(body)


@contextmanager
def poisoned(target: str, lies: Mapping[str, Lie]) -> Iterator[Poisoned]:
    """Run a lying holder in front of a node for the length of a `with` block."""
    there = urlsplit(target)
    holder = Poisoned("", dict(lies))

    class Handler(BaseHTTPRequestHandler):
        """Forwards one request."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Ask the node, and answer what is made of it."""
            asked = {name: value for name, value in self.headers.items() if name.lower() in ("range", "accept")}
            connection = http.client.HTTPConnection(str(there.hostname), there.port or 80, timeout=20)
            with closing(connection), suppress(OSError):  # whoever asked may hang up on a liar
                connection.request("GET", self.path, headers=asked)
                got = connection.getresponse()
                body = holder.answer(self.path, got.read()) if got.status < 300 else got.read()
                self.send_response(got.status)
                for name in _KEPT:
                    if value := got.headers.get(name):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        holder.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield holder
        finally:
            server.shutdown()
            thread.join()
