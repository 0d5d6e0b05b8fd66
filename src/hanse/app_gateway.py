"""The composition root of a gateway: a held store, a puller, and the web edge on a loopback port.

The listening socket comes first: programs can be started against it while everything else is still being loaded, and wait for
their first answer in the socket's queue.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.clock import SystemClock
from hanse.errors import BadSetting, HanseError, StorageError
from hanse.flows.gateway.client_home import at_home
from hanse.flows.gateway.env import cache_of, client_env, repo_folder
from hanse.flows.gateway.session import Session, Summary
from hanse.store.durable import make_directory

if TYPE_CHECKING:
    from hanse.flows.chosen_policy import ChosenPolicy
    from hanse.flows.gateway.home import Home
    from hanse.flows.gateway.places import Places
    from hanse.flows.gateway.pull import Counting, GatewaySource
    from hanse.flows.pull.asked import PullSettings
    from hanse.flows.pull.puller import Puller
    from hanse.store.held.store import Held
    from hanse.web.gateway.serving import GatewayServer

HOST = "127.0.0.1"
_BACKLOG = 512
_LOADED = (
    "hanse.web.gateway.serving",
    "hanse.web.gateway.app",
    "hanse.flows.pull.puller",
    "anyio._backends._asyncio",
)
"""What every request needs, in parts: a program that has ended by then is not kept waiting for the rest."""
_LOADED_BESIDE = ("hanse.scan.document", "hanse.scan.plaintext", "hanse.scan.template", "hanse.scan.safetensors")
"""What judges files as most repositories have them; others are loaded with the first file of their kind."""
_LOADED_FOR_NODES = ("hanse.flows.pull.asknodes", "hanse.flows.pull.logged")
"""What verifies evidence, which a gateway that asks no node does without."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What a gateway is started with.

    home: HANSE_HOME; caches: where programs' own caches are; environ: as it was before.
    """

    policy: ChosenPolicy
    home: Path
    caches: Path
    environ: Mapping[str, str]
    nodes: tuple[str, ...] = ()
    upstream: str | None = None
    offline: bool = False

    @property
    def cache(self) -> Path:
        """The hub cache of programs under this policy, for this upstream."""
        return cache_of(self.caches, self.policy.key, self.upstream)

    def settings(self, token_for: Callable[[str], str] = lambda _: "") -> PullSettings:
        """Return whom the puller asks. token_for: the token that the user has for an address."""
        from hanse.flows.pull.asked import PullSettings  # noqa: PLC0415 it loads the scanner's rules

        return PullSettings(self.nodes, self.upstream, self.policy.loaded, self.home, token_for, self.offline)


@contextlib.contextmanager
def caches_folder(home: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Give a folder for programs' caches: HANSE_HOME, or one that goes at the end where that cannot be written."""
    try:
        if not home.is_dir():
            make_directory(home, 0o700)
        if os.access(home, os.W_OK):
            yield home
            return
    except OSError as error:
        if os.path.lexists(home):
            raise StorageError(f"{home} is no folder: {error.strerror}", hint="set HANSE_HOME") from error
    say(f"{home} cannot be written: what is fetched now is kept only until the end")
    import shutil  # noqa: PLC0415 most homes can be written
    import tempfile  # noqa: PLC0415 same

    folder = Path(tempfile.mkdtemp(prefix="hanse-run-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; 0 takes a free port. Raises BadSetting if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadSetting(f"cannot listen on {HOST}:{port}: {error}", hint="choose another --port") from error
    return listener


class Gateway:
    """A gateway around a listening socket. say: told one line at a time what a person should see."""

    def __init__(self, options: GatewayOptions, listener: socket.socket, secret: str, say: Callable[[str], None]) -> None:
        self.options = options
        self.session = Session(options.policy.name, say)
        self.port = int(listener.getsockname()[1])
        self.url = f"http://{HOST}:{self.port}/{secret}"
        self._secret = secret
        self._listener = listener
        self._say = say
        self._server: GatewayServer | None = None
        self._counting: Counting | None = None
        self._stopping = threading.Event()

    @property
    def env(self) -> dict[str, str]:
        """The environment of programs that are to use this gateway; the HF_HOME in it is made."""
        return at_home(client_env(self.options.environ, self.url, self.options.cache))

    def audit(self, held: Held) -> None:
        """Look into the cache that programs will use, before they do; raises StorageError if that is not possible."""
        from hanse.flows.gateway.audit import audit_before, is_empty  # noqa: PLC0415 same

        options = self.options
        if not is_empty(options.cache):
            audit_before(
                options.cache,
                options.caches,
                held,
                settings=self._own_settings,
                now=SystemClock().now(),
                say=self._say,
                warned=lambda: self._warned(held),
            )

    def _warned(self, held: Held) -> str:
        """Return a digest of the advisories that the nodes list now."""
        if self.options.offline or not self.options.nodes:
            return ""
        from hanse.flows.gateway.warned import listed_now  # noqa: PLC0415 same
        from hanse.flows.pull.health import Health  # noqa: PLC0415 same

        return listed_now(self.options.nodes, Health(held, SystemClock()))

    def _own_settings(self) -> PullSettings:
        from hanse.flows.credentials import Credentials  # noqa: PLC0415 same

        return self.options.settings(Credentials(self.options.home, self.options.environ).token_for)

    def summary(self) -> Summary:
        """Return what happened so far."""
        if self._counting is not None:
            self._counting.settle(everything=self._stopping.is_set())
        return self.session.summary()

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
            self._server.stop()

    def serve(self, held: Held) -> None:
        """Serve until `stop`."""
        with contextlib.closing(self._listener):
            if not self._loaded():
                return
            with self._app(held) as server:
                self._server = server
                if not self._stopping.is_set():
                    server.run(sockets=[self._listener])

    def _loaded(self) -> bool:
        """Load what serving takes; return False if it is to stop meanwhile."""
        self._load(_LOADED)
        asks = bool(self.options.nodes) and not self.options.offline
        beside = (*(_LOADED_FOR_NODES if asks else ()), *_LOADED_BESIDE)
        threading.Thread(target=self._load, args=(beside,), name="loading", daemon=True).start()
        return not self._stopping.is_set()

    def _load(self, names: tuple[str, ...]) -> None:
        for name in names:
            if self._stopping.is_set():
                return
            import_module(name)

    def _serve_or_say(self, held: Held) -> None:
        try:
            self.serve(held)
        except HanseError as error:
            self._say(f"the gateway ended: {error.message}")

    @contextlib.contextmanager
    def _app(self, held: Held) -> Iterator[GatewayServer]:
        from hanse.web.gateway.app import GatewayApp  # noqa: PLC0415 the web stack is loaded while the program starts
        from hanse.web.gateway.guard import Guard  # noqa: PLC0415 same
        from hanse.web.gateway.serving import server_of  # noqa: PLC0415 same

        options = self.options
        with self._source(held) as (source, home, check):
            app = GatewayApp(
                source,
                Guard(self.port, self._secret),
                self.session,
                home=home,
                cached=lambda kind, name: repo_folder(options.cache, kind.plural, name).is_dir(),
                check=check,
                summary=self.summary,
                stop=self.stop,
            )
            yield server_of(app)

    @contextlib.contextmanager
    def _source(self, held: Held) -> Iterator[tuple[GatewaySource, Home, Callable[[bytes, str], str]]]:
        from hanse.flows.gateway.home import Home, choose_home, foreign_tokens, same_server  # noqa: PLC0415 same
        from hanse.flows.gateway.pull import Counting, GatewaySource  # noqa: PLC0415 same
        from hanse.flows.pull.fetch import Fetcher  # noqa: PLC0415 same
        from hanse.flows.pull.puller import Puller  # noqa: PLC0415 same
        from hanse.peers.client import PeerClient  # noqa: PLC0415 same

        options = self.options
        settings = self._own_settings()
        token_for = settings.token_for
        self._counting = Counting(self.session)
        url = choose_home(options.environ.get("HF_ENDPOINT", ""), options.nodes, options.upstream)
        puller = Puller(settings, held, Fetcher(held, report=self._counting.report), SystemClock())
        with contextlib.closing(puller), contextlib.closing(PeerClient()) as client:
            home = Home(url, client, foreign_tokens(options.environ, url, token_for(url) if url else ""))
            own_token = same_server(url, settings.home_node)
            source = GatewaySource(puller, self._counting, own_token=own_token)
            yield source, home, self._checking(puller, held, own_token=own_token)

    def _checking(self, puller: Puller, held: Held, *, own_token: bool) -> Callable[[bytes, str], str]:
        """Return what checks what a client says it returned (`Places.check`); it is loaded when a client first does.

        own_token: as in `GatewaySource`.
        """

        @cache
        def places() -> Places:
            from hanse.flows.gateway.places import Places  # noqa: PLC0415 most programs name no place of their own

            return Places(puller, held, self.options.caches, self.session, SystemClock().now)

        def check(body: bytes, token: str) -> str:
            from hanse.flows.adopt.given import parse_given  # noqa: PLC0415 same

            return places().check(parse_given(body), token if own_token else "")

        return check
