"""Gets the chunk list of a file from whoever has it; only one that recomputes to the pinned xet hash is a chunk list.

Places are asked in turn, the fastest known first; one that has not answered after `HEDGE_SECONDS` is not waited for alone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from hanse.errors import BadFormat, DigestMismatch, PeerDown, PeerTooSlow
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.layout import Layout, chunk_layout
from hanse.flows.pull.sources import Source, Sources, as_failure
from hanse.model.filepin import FilePin

HEDGE_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""After so long a file is fetched without a chunk list."""
_TICK = 0.1

Answer = tuple[Source, bytes | Exception | None]


def find_chunk_list(
    pin: FilePin, sources: Sources, report: Callable[[Event], None], stopped: Callable[[], bool]
) -> tuple[bytes, Layout] | None:
    """Return the chunk list of a file and its layout, None if nobody has it. Liars are put out and reported."""
    if pin.xet is None:
        return None
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    waiting, asked = sources.left, 0
    until = time.monotonic() + PATIENCE_SECONDS
    while (waiting or asked) and not stopped() and time.monotonic() < until:
        if waiting:
            _ask(pin, waiting.pop(0), answers)
            asked += 1
        answer = _answer(answers, stopped, HEDGE_SECONDS if waiting else until - time.monotonic())
        if answer is None:
            continue
        asked -= 1
        found = _judge(pin, *answer, sources, report)
        if found is not None:
            return found
    return None


def _ask(pin: FilePin, source: Source, answers: queue.SimpleQueue[Answer]) -> None:
    def ask() -> None:
        try:
            answers.put((source, source.place.chunk_list(pin)))
        except Exception as error:  # noqa: BLE001 - a place is code that talks to strangers
            answers.put((source, error))

    threading.Thread(target=ask, name=f"chunk list {source.place.name}", daemon=True).start()


def _answer(answers: queue.SimpleQueue[Answer], stopped: Callable[[], bool], seconds: float) -> Answer | None:
    until = time.monotonic() + seconds
    while not stopped() and (left := until - time.monotonic()) > 0:
        try:
            return answers.get(timeout=min(left, _TICK))
        except queue.Empty:
            continue
    return None


def _judge(
    pin: FilePin, source: Source, answer: bytes | Exception | None, sources: Sources, report: Callable[[Event], None]
) -> tuple[bytes, Layout] | None:
    """Return what is true of an answer; note what it says about the place."""
    name = source.place.name
    if isinstance(answer, Exception):
        # Having no list says nothing about having the file; not answering does.
        error = as_failure(answer, name)
        if isinstance(error, PeerDown | PeerTooSlow) and sources.failed(source, error):
            report(Event(Kind.DEAD, pin.path, name, None, 0, pin.size, error.message))
        return None
    if answer is None:
        return None
    try:
        return answer, chunk_layout(pin, answer)
    except (DigestMismatch, BadFormat) as error:
        if sources.lied(source, error.message):
            report(Event(Kind.LIE, pin.path, name, None, 0, pin.size, f"{name}: {error.message}"))
        return None
