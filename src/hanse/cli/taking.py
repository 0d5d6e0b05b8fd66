"""What the commands share that take repositories of others into this node: `hanse mirror` and `hanse import`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hanse.cli.admin import Where, settings_of
from hanse.cli.inplace import clear

if TYPE_CHECKING:
    from hanse.flows.node import Node
    from hanse.model.repo import RepoType


def parse_subject(name: str) -> tuple[RepoType, str, str]:
    """Return type, `namespace/name` (or the name of an old one that has no namespace) and revision of `[datasets/]NAME[@REV]`."""
    from hanse.model.repo import RepoType

    path, _, rev = name.partition("@")
    kind = RepoType.MODEL
    for one in RepoType:
        if path.startswith(f"{one.plural}/"):
            kind, path = one, path.removeprefix(f"{one.plural}/")
    return kind, path, rev or "main"


@contextmanager
def opened(where: Where | None) -> Iterator[Node]:
    """Open an existing node that may be serving in another process, able to write its journal."""
    from hanse.cli.upkeep import tended
    from hanse.flows.keyleaves import register_keys

    with tended(settings_of(where)) as node:
        register_keys(node)
        node.sequencer.start()
        yield node


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set, for the length of a `with` block; the second of a kind ends the process at once.

    SIGINT raises KeyboardInterrupt as well, as everywhere: whoever waits for a silent server would not look at the event.
    """
    stop = threading.Event()
    former = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def came(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # first: whatever follows may wait for a thread that waits for a server
        stop.set()
        if number == signal.SIGINT:
            raise KeyboardInterrupt

    try:
        for one in former:
            signal.signal(one, came)
        yield stop
    except KeyboardInterrupt:
        clear()
        print("stopped; the same command goes on where this one was", file=sys.stderr)
        raise
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
