"""Asking nodes and hubs about one revision, without waiting long for the silent where something is held already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hanse.errors import EntryNotFound, GatedRepo, HanseError, PeerDown, PeerError, PeerRefused, RevisionNotFound
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked
from hanse.flows.pull.claims import Claimed, ask_claims
from hanse.flows.pull.known import Known
from hanse.flows.pull.origins import Origins
from hanse.flows.pull.threads import done_within, started
from hanse.model.repo import Origin

HELD_SECONDS = 1.5
"""How long sources are waited for when there is something to give without them."""


class Asking:
    """Who is asked for one question, and whether they answer. now: seconds; held: there is something to give without them."""

    def __init__(self, origins: Origins, asked: Asked, known: Known, now: int, *, held: bool) -> None:
        self.origins = origins
        self.asked = asked
        self.known = known
        self.now = now
        self.held = held

    def _patience(self, url: str) -> float | None:
        """Return for how long to wait for a source, 0 for not asking it: where nothing is held, as long as it takes."""
        return self.origins.health.patience(url, HELD_SECONDS) if self.held else None

    def ask_nodes(self, nodes: Sequence[str]) -> list[NodeAnswer]:
        """Return what these nodes say; those left alone or too slow for what is held are down."""
        patience = {node: self._patience(node) for node in nodes}
        asking = {node: started(self._asking(node)) for node, seconds in patience.items() if seconds != 0}
        waits = [patience[node] for node in asking]
        done = done_within(list(asking.values()), None if None in waits else max((one or 0.0 for one in waits), default=0.0))
        found = []
        for node in nodes:
            future = asking.get(node)
            if future is None or future not in done:
                says = self._silent(node, asked=future is not None)
                found.append(NodeAnswer(node, State.DOWN, says=says, error=PeerDown(says)))
            else:
                found.append(future.result())
        return found

    def _asking(self, node: str) -> Callable[[], NodeAnswer]:
        def ask() -> NodeAnswer:
            from hanse.flows.pull.asknodes import ask_node  # noqa: PLC0415 it loads what verifies evidence

            token, home = self.origins.token(node, self.asked), self.origins.settings.home
            answer = self.origins.sites.ask(
                node,
                self.asked,
                lambda: ask_node(self.origins.peers, node, self.asked, token, home),
            )
            self.note(node, answer.error)
            return answer

        return ask

    def _silent(self, url: str, *, asked: bool) -> str:
        """Return in words that a source did not answer; one that was asked now rests until it does."""
        if asked:
            self.origins.health.failed(url)
        return f"{url} did not answer {'in time' if asked else 'lately'}"

    def note(self, url: str, error: HanseError | None) -> None:
        """Note whether a source answers."""
        if isinstance(error, PeerError) and not isinstance(error, PeerRefused):
            self.origins.health.failed(url)
        else:
            self.origins.health.answered(url)

    def claims(self, url: str, origin: Origin) -> Claimed:
        """Return an origin's claims, not waiting long if something is held; raises NotFoundError or PeerError."""
        patience = self._patience(url)
        if patience == 0:
            raise PeerDown(self._silent(url, asked=False))
        waiting = started(lambda: self._ask_hub(url, origin))
        if not done_within([waiting], patience):
            raise PeerDown(self._silent(url, asked=True))
        return waiting.result()

    def _ask_hub(self, url: str, origin: Origin) -> Claimed:
        try:
            found = self._asked_claims(url, origin, anonymous=False)
        except PeerError as error:
            self.note(url, error)
            raise
        except EntryNotFound as error:
            raise RevisionNotFound(error.message) from error
        self.origins.health.answered(url)
        return found

    def _asked_claims(self, url: str, origin: Origin, *, anonymous: bool) -> Claimed:
        """Return an origin's claims; a token that it does not know does not hide what is public."""
        try:
            hub = self.origins.hub(url, self.asked, anonymous=anonymous)
            return ask_claims(hub, origin, self.asked, self.known, self.now)
        except PeerRefused as error:
            if not anonymous and hub.headers and error.status == 401:
                return self._asked_claims(url, origin, anonymous=True)
            if error.status in (401, 403):
                raise GatedRepo(error.message, anonymous=error.status == 401, hint=error.hint) from error
            raise
