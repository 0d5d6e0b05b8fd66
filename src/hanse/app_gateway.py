"""The composition root of a gateway: a held store, a puller, and the web edge on a loopback port.

The listening socket comes first: programs can be started against it while everything else is still being loaded, and wait for
their first answer in the socket's queue.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import BadSetting, HanseError
from hanse.flows.gateway_env import client_env, hub_cache, repo_folder
from hanse.flows.gateway_session import Session
from hanse.flows.policies import LoadedPolicy
from hanse.store.held.store import Held

if TYPE_CHECKING:
    import uvicorn

PUBLIC_HUB = "https://huggingface.co"
_HOST = "127.0.0.1"
_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What a gateway is started with. home: HANSE_HOME; store: the held store; environ: as it was before; limit: bytes."""

    policy: LoadedPolicy
    home: Path
    store: Path
    environ: Mapping[str, str]
    nodes: tuple[str, ...] = ()
    upstream: str | None = PUBLIC_HUB
    offline: bool = False
    limit: int | None = None

    @property
    def cache(self) -> Path:
        """The hub cache of programs under this policy."""
        return hub_cache(self.home, self.policy.policy)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; 0 takes a free port. Raises BadSetting if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise BadSetting(f"cannot listen on {_HOST}:{port}: {error.strerror}", hint="choose another --port") from error
    return listener


class Gateway:
    """A gateway around a listening socket. say: told one line at a time what a person should see."""

    def __init__(self, options: GatewayOptions, listener: socket.socket, secret: str, say: Callable[[str], None]) -> None:
        self.options = options
        self.session = Session(options.policy.policy.name, say)
        self.port = int(listener.getsockname()[1])
        self.url = f"http://{_HOST}:{self.port}/{secret}"
        self._secret = secret
        self._listener = listener
        self._say = say
        self._server: uvicorn.Server | None = None
        self._stopping = threading.Event()

    @property
    def env(self) -> dict[str, str]:
        """The environment of programs that are to use this gateway."""
        return client_env(self.options.environ, self.url, self.options.cache)

    @contextlib.contextmanager
    def running(self, held: Held) -> Iterator[None]:
        """Serve in a thread while the block lasts."""
        thread = threading.Thread(target=self._serve_or_say, args=(held,), name="gateway")
        thread.start()
        try:
            yield
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        """End `serve`; may be called from any thread, before it began, too."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True

    def serve(self, held: Held) -> None:
        """Serve until `stop`."""
        with contextlib.closing(self._listener), self._app(held) as server:
            self._server = server
            server.should_exit = self._stopping.is_set()
            server.run(sockets=[self._listener])

    def _serve_or_say(self, held: Held) -> None:
        try:
            self.serve(held)
        except HanseError as error:
            self._say(f"the gateway ended: {error.message}")

    @contextlib.contextmanager
    def _app(self, held: Held) -> Iterator[uvicorn.Server]:
        from hanse.web.gateway.app import GatewayApp  # noqa: PLC0415 the web stack is loaded while the program starts
        from hanse.web.gateway.guard import Guard  # noqa: PLC0415 same
        from hanse.web.gateway.serving import server_of  # noqa: PLC0415 same

        options = self.options
        with self._source(held) as (source, home):
            app = GatewayApp(
                source,
                Guard(self.port, self._secret),
                self.session,
                home=home,
                cached=lambda kind, name: repo_folder(options.cache, kind.plural, name).is_dir(),
                stop=self.stop,
            )
            yield server_of(app)
