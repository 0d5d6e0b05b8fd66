"""uvicorn as a gateway runs it: standard loop (sendfile), bounded heads, nothing written to the program's terminal.

It ends as soon as it is told to, since whoever waits for the program under `hanse run` waits for its gateway, too.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from hanse.web.protocol import HeadLimited
from hanse.web.sendfile import with_sendfile

DRAIN_SECONDS = 2
KEEP_ALIVE_SECONDS = 75
_TICK_SECONDS = 0.1
_LEAVE_SECONDS = 0.005
"""How long connections that the other side has closed may take to be seen as closed."""


class GatewayServer(uvicorn.Server):
    """A server that `stop` wakes: uvicorn's own looks ten times a second, and once more before it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._woken: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End it; may be called from any thread, also before it runs or after it ended."""
        self.should_exit = True
        if self._loop is not None and self._woken is not None:
            with suppress(RuntimeError):  # the loop is closed: it has ended
                self._loop.call_soon_threadsafe(self._woken.set)

    async def main_loop(self) -> None:
        """Serve until `stop`."""
        self._woken, self._loop, ticks = asyncio.Event(), asyncio.get_running_loop(), 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and wait for answers on the way, at most DRAIN_SECONDS."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LEAVE_SECONDS)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for one in sockets or []:
            one.close()


def server_of(app: ASGIApp) -> GatewayServer:
    """Return a server for an application; `run(sockets=[…])` in any thread, end it with `stop`."""
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
    return GatewayServer(config)
