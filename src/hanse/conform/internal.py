"""A server that nobody outside should reach: where hostile redirects lead, and a record of who followed them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

SECRET = b"internal-secret-of-this-machine"


class InternalServer:
    """Answers every GET with a secret. calls: how often it was reached; credentials: what tokens were brought."""

    def __init__(self) -> None:
        self.calls = 0
        self.credentials: list[str] = []
        outer = self

        class _Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer with the secret."""
                outer.calls += 1
                token = self.headers.get("authorization")
                if token:
                    outer.credentials.append(token)
                self.send_response(200)
                self.send_header("Content-Length", str(len(SECRET)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(SECRET)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/internal"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
