"""uvicorn as every kind of node runs it: one listening socket, bounded heads, a clean end."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from hanse.errors import BadSetting
from hanse.settings import Settings
from hanse.web.protocol import HeadLimited
from hanse.web.repeats import limit_repeats

DRAIN_SECONDS = 30


class Server(uvicorn.Server):
    """uvicorn, announcing itself once it accepts connections."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and print where."""
        await super().startup(sockets)
        if self.started:
            print(f"listening on {self._address}", flush=True)  # noqa: T201 the line that people and scripts wait for


def bind(settings: Settings) -> socket.socket:
    """Return a listening socket; raises BadSetting with the remedy when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted; without, every kept connection waits 40 ms
    # (delayed ACK) for the second packet of each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except (OSError, TypeError, ValueError) as error:  # the latter for what cannot be the name of a host
        listener.close()
        why = error.strerror if isinstance(error, OSError) else error
        raise BadSetting(
            f"cannot listen on {settings.host}:{settings.port}: {why}",
            hint="choose another --port (0 takes a free one), or stop the program that uses this one",
        ) from error
    listener.set_inheritable(True)
    return listener


def address_of(settings: Settings, listener: socket.socket) -> str:
    """Return the address at which a node listens."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def run(app: ASGIApp, settings: Settings, listener: socket.socket) -> None:
    """Serve an application until SIGTERM or SIGINT, and drain."""
    limit_repeats()
    # uvicorn raises the signal that stopped it once more when it has drained; a clean stop ends with 0, not by that signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: uvicorn has drained as far as it could
        Server(config_of(app, settings), address_of(settings, listener)).run(sockets=[listener])


def config_of(app: ASGIApp | Callable[[], ASGIApp], settings: Settings, *, workers: int = 0) -> uvicorn.Config:
    """Return how uvicorn runs an application; with `workers` processes, each of which makes its own by calling `app`."""
    return uvicorn.Config(
        app,
        factory=workers > 0,
        loop="asyncio",  # the standard loop: uvloop has no sendfile (docs/decisions)
        http=HeadLimited,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # hanse.web.address believes trusted proxies only
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        workers=workers or 1,
    )
