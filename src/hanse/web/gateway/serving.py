"""uvicorn as a gateway runs it: standard loop (sendfile), bounded heads, nothing written to the program's terminal."""

from __future__ import annotations

import logging

import uvicorn
from starlette.types import ASGIApp

from hanse.web.protocol import HeadLimited
from hanse.web.sendfile import with_sendfile

DRAIN_SECONDS = 2
KEEP_ALIVE_SECONDS = 75


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return a server for an application; `run(sockets=[…])` in any thread, end it with `should_exit`."""
    # An answer that is cut off on purpose is no news; errors of the application are logged by itself.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        with_sendfile(app),
        loop="asyncio",
        http=HeadLimited,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    return uvicorn.Server(config)
