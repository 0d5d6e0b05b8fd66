"""Who may talk to a gateway: programs of this machine that know the session's secret, and no web page.

The secret is the first segment of every path, so that a client needs nothing but its endpoint's address. Host must name this
gateway (a page of another name that was made to point here does not), and a request that a browser marks as coming from a page
is refused.
"""

from __future__ import annotations

import hmac

from starlette.requests import Request

from hanse.errors import NotAllowed


class Guard:
    """Checks requests to the gateway at `port`; `secret` opens it."""

    def __init__(self, port: int, secret: str) -> None:
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        self._secret = secret.encode()
        self._port = port

    @property
    def base(self) -> str:
        """Address of the gateway with its secret: what HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._port}/{self._secret.decode()}"

    def check(self, request: Request, first: str) -> None:
        """Let a request pass whose path starts with segment `first`; raises NotAllowed, saying as little as it can."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise NotAllowed("this gateway answers to 127.0.0.1 only, and the request names another host")
        site = request.headers.get("sec-fetch-site", "none")
        if "origin" in request.headers or site not in ("none", "same-origin"):
            raise NotAllowed("this gateway does not answer web pages")
        if not hmac.compare_digest(first.encode("utf-8", "surrogatepass"), self._secret):
            raise NotAllowed(
                "the address lacks this session's secret",
                hint='start the program with `hanse run -- COMMAND`, or run `eval "$(hanse gateway env)"` first',
            )
