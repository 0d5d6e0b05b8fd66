"""Which of the addresses that a puller asks are static sites: files of a node, handed on by a web server that knows nothing.

They are found out by their `hanse.json`, which is looked for where a node's answer is missing. What is found is kept for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from hanse.errors import HanseError, NotFoundError, PeerError, PeerMisbehaved
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked
from hanse.model.filepin import FilePin
from hanse.peers.place import Place
from hanse.peers.staticsite import Getter, StaticSite

AGAIN_SECONDS = 600.0
"""After so long an address that was no site is looked at again."""


class Sites:
    """The static sites among the addresses that are asked. Safe for threads."""

    def __init__(self, client: Getter, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[bool, float]] = {}

    def known(self, url: str) -> bool:
        """Tell whether an address was found to be a static site; nobody is asked."""
        with self._lock:
            return self._seen.get(url, (False, 0.0))[0]

    def look(self, url: str) -> StaticSite | None:
        """Return the static site at an address, None if there is none; a web server is asked for it now and then.

        Raises PeerDown or PeerTooSlow if it does not answer.
        """
        site = StaticSite(self._client, url)
        with self._lock:
            static, since = self._seen.get(url, (False, -AGAIN_SECONDS))
        if not static and self._clock() - since >= AGAIN_SECONDS:
            static = site.index() is not None
            with self._lock:
                self._seen[url] = static, self._clock()
        return site if static else None

    def ask(self, url: str, asked: Asked, otherwise: Callable[[], NodeAnswer]) -> NodeAnswer:
        """Return what a static site says about a question, or what a node does (`otherwise`) where there is none.

        Never raises what a server can cause.
        """
        if not self.known(url):
            answer = otherwise()
            if answer.state is not State.ABSENT and not isinstance(answer.error, PeerMisbehaved):
                return answer
        else:
            answer = None
        try:
            site = self.look(url)
            return answer or otherwise() if site is None else _asked(site, asked)
        except PeerError as error:
            return NodeAnswer(url, State.DOWN, says=error.message, error=error)


def _asked(site: StaticSite, asked: Asked) -> NodeAnswer:
    """Return what a site has about a question."""
    kind, folded = asked.repo.type, asked.repo.folded
    rev = site.find(kind, folded, asked.revision)
    data = None if rev is None else site.evidence(kind, folded, rev)
    if data is not None:
        return NodeAnswer(site.url, State.SHOWN if data.strip() else State.UNSIGNED, data)
    says = f"the site has no {asked.repo.path} at {asked.revision[:60]}"
    if site.refs(kind, folded) is not None:
        return NodeAnswer(site.url, State.ABSENT, says=says, revision=True)
    taken = asked.repo.namespace.lower() in site.namespaces()
    return NodeAnswer(site.url, State.CLAIMED if taken else State.ABSENT, says=says)


class NodeOrSite:
    """A place that is a node's, unless its address turns out to be a static site. url: of both."""

    def __init__(self, sites: Sites, url: str, node: Place, site: Place) -> None:
        self._sites, self._url = sites, url
        self._node, self._site = node, site
        self.name = site.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`."""
        begun = False
        if not self._sites.known(self._url):
            try:
                for piece in self._node.read(pin, start, end):
                    begun = True
                    yield piece
            except NotFoundError:
                if begun or self._none():
                    raise
            else:
                return
        yield from self._site.read(pin, start, end)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the server says it, None if it has none, see `Place`."""
        if not self._sites.known(self._url):
            found = self._node.chunk_list(pin)
            if found is not None or self._none():
                return found
        return self._site.chunk_list(pin)

    def _none(self) -> bool:
        """Tell whether there is no static site at the address, as far as can be known now."""
        try:
            return self._sites.look(self._url) is None
        except HanseError:
            return True
