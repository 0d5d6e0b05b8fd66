"""Nodes whose copy of a log is behind what was seen of it here: they read it once they are told so, and are asked again.

Who saw a log at its own node and then asks another member would be refused otherwise until that member has read it by itself.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hanse.errors import HanseError
from hanse.flows.fetch_evidence import PAUSES, seen_before
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.verify import falls_short

VAIN_SECONDS = 60.0
"""How long a node is not waited for again that was waited for in vain."""
LONGEST_SECONDS = 2 * sum(PAUSES)
"""After so long nobody is asked again: each answer may take its time, too."""
MAX_KEPT = 256


class Behind:
    """Waits for nodes that are behind, and remembers for whom in vain. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vain: OrderedDict[tuple[str, str], float] = OrderedDict()

    def later(
        self,
        answers: Sequence[NodeAnswer],
        failure: HanseError,
        home: Path,
        ask: Callable[[Sequence[str]], Sequence[NodeAnswer]],
    ) -> Iterator[list[NodeAnswer]]:
        """Yield the answers again, newer, as long as a node is behind; nothing where `failure` may not come of that.

        ask: asks nodes again; home: HANSE_HOME, which knows how far logs were seen.

        However slowly they answer, nobody is asked again after `LONGEST_SECONDS`.
        """
        found, waited = list(answers), dict[str, str]()
        until = time.monotonic() + LONGEST_SECONDS
        for pause in PAUSES if falls_short(failure) else ():
            behind = {one.node: seen for one in found if (seen := self._behind(one, home))}
            if not behind:
                return
            if time.monotonic() > until:
                break
            waited = behind
            time.sleep(pause)
            again = {one.node: one for one in ask(tuple(behind)) if one.state is State.SHOWN}
            found = [replace(one, data=again[one.node].data) if one.node in again else one for one in found]
            yield found
        self._note(waited)

    def _behind(self, one: NodeAnswer, home: Path) -> str:
        """Return which logs a node shows shorter than they were seen, empty if it was waited for in vain lately."""
        seen = seen_before(one.data, home)
        with self._lock:
            vain = self._vain.get((one.node, seen), 0.0)
        return "" if time.monotonic() < vain else seen

    def _note(self, waited: dict[str, str]) -> None:
        with self._lock:
            for pair in waited.items():
                self._vain[pair] = time.monotonic() + VAIN_SECONDS
            while len(self._vain) > MAX_KEPT:
                self._vain.popitem(last=False)
