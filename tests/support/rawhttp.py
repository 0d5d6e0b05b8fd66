"""HTTP as bytes: requests that no well-behaved client would send, one connection, answers parsed by the standard library."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class RawClient:
    """Sends requests with any bytes in path and headers to a port; reconnects when the server hung up."""

    def __init__(self, port: int, token: str = "", *, timeout: float = 120, host: str = "127.0.0.1") -> None:
        self.port = port
        self.token = token
        self.timeout = timeout
        self.host = host
        self._socket: socket.socket | None = None

    def __call__(
        self, method: str, target: str | bytes, body: bytes | None = None, headers: Mapping[str, str | bytes] | None = None
    ) -> Reply:
        """Send one request and return the answer; `target` goes out as it is."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        head = [method.encode() + b" " + (target if isinstance(target, bytes) else target.encode()) + b" HTTP/1.1"]
        lines: dict[str, str | bytes] = {"host": f"{self.host}:{self.port}"}
        if self.token:
            lines["authorization"] = f"Bearer {self.token}"
        if body is not None:
            lines["content-length"] = str(len(body))
        for name, value in (lines | given).items():
            head.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")))
        data = b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")
        try:
            return self._exchange(method, data)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()  # the server may have closed a kept connection meanwhile
            return self._exchange(method, data)

    def json(self, method: str, target: str, value: Any = None, **headers: str) -> Reply:
        """Send a JSON body."""
        body = b"" if value is None else json.dumps(value).encode()
        return self(method, target, body, {"content-type": "application/json", **headers})

    def _exchange(self, method: str, data: bytes) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection((self.host, self.port), timeout=self.timeout)
        sender = self._socket
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the answer may come before the body is through
            sender.sendall(data)
        response = http.client.HTTPResponse(sender, method=method)
        try:
            response.begin()
            body = response.read()
            headers: dict[str, str] = {}
            for name, value in response.getheaders():  # several of one name are one list (RFC 9110, section 5.3)
                before = headers.get(name.lower())
                headers[name.lower()] = value if before is None else f"{before}, {value}"
            closing = response.will_close
        finally:
            response.close()
        if closing:
            self.close()
        return Reply(response.status, headers, body)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
