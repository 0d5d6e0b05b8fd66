"""Gets the chunk list of a file from whoever has it; only one that recomputes to the pinned xet hash is a chunk list."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from hanse.errors import BadFormat, DigestMismatch, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.inturn import InTurn
from hanse.flows.pull.layout import Layout, chunk_layout
from hanse.flows.pull.sources import Source, Sources, as_failure
from hanse.model.filepin import FilePin

PATIENCE_SECONDS = 30.0
"""After so long a file is fetched without a chunk list."""


def find_chunk_list(
    pin: FilePin, sources: Sources, report: Callable[[Event], None], stopped: Callable[[], bool]
) -> tuple[bytes, Layout] | None:
    """Return the chunk list of a file and its layout, None if nobody has it.

    Liars are reported, and asked for bytes only if nobody else is left.
    """
    if pin.xet is None:
        return None
    asking = InTurn(sources.left, lambda source: source.place.chunk_list(pin), stopped)
    for source, answer in asking.answers(PATIENCE_SECONDS):
        name = source.place.name
        if answer is None:
            continue
        if isinstance(answer, Exception):
            _note(pin, source, answer, sources, report)
            continue
        try:
            return answer, chunk_layout(pin, answer)
        except (DigestMismatch, BadFormat) as error:
            if sources.lied(source, error.message, of_list=True):
                report(Event(Kind.LIE, pin.path, name, None, 0, pin.size, f"{name}: {error.message}"))
    return None


def _note(pin: FilePin, source: Source, problem: Exception, sources: Sources, report: Callable[[Event], None]) -> None:
    """Note a place that does not answer, or with what is no list; having none says nothing about having the file."""
    error = as_failure(problem, source.place.name)
    limited = isinstance(error, PeerRefused) and error.status == HTTPStatus.TOO_MANY_REQUESTS
    if (limited or isinstance(error, PeerDown | PeerTooSlow | PeerMisbehaved)) and sources.failed(source, error):
        report(Event(Kind.DEAD, pin.path, source.place.name, None, 0, pin.size, error.message))
