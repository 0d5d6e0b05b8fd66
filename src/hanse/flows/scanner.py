"""What a node needs to scan and to judge: workers, ruleset, policy, and what was judged lately.

Nothing in memory here is needed after a restart. The module knows no node, so that `hanse.flows.node` can hold one of these.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hanse.jobs.external import CommandLimits
from hanse.jobs.pool import ScanPool
from hanse.model.admission import Outcome, Policy
from hanse.model.digest import Sha256
from hanse.scan.ruleset import Ruleset
from hanse.scan.versions import SCANNER

K = TypeVar("K")
V = TypeVar("V")
_OUTCOMES = 100_000
_STATUSES = 20_000
_FRESH_BYTES = 64 * 1024 * 1024


class Recent(Generic[K, V]):
    """The last used values up to a bound in weight; threads may share it."""

    def __init__(self, most: int, weight: Callable[[V], int] = lambda _value: 1) -> None:
        self._most = most
        self._weight = weight
        self._used = 0
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value if it is still here."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> None:
        """Keep a value, at the cost of those that were not used for longest."""
        with self._lock:
            self._take(key)
            self._kept[key] = value
            self._used += self._weight(value)
            while self._used > self._most and len(self._kept) > 1:
                self._take(next(iter(self._kept)))

    def pop(self, key: K) -> V | None:
        """Return a value and let go of it."""
        with self._lock:
            return self._take(key)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()
            self._used = 0

    def _take(self, key: K) -> V | None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._used -= self._weight(found)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Which other scanners are asked in the background, beside clamd.

    pool: workers that ask picklescan of that version, None if it is not asked; command: words of another scanner's command,
    empty for none; limits: bounds of it.
    """

    pool: ScanPool | None = None
    version: str = ""
    command: tuple[str, ...] = ()
    limits: CommandLimits = field(default_factory=CommandLimits)

    @property
    def basis(self) -> str:
        """What answers depend on beside the bytes, as one short text."""
        asked = json.dumps([self.version if self.pool is not None else "", self.command])
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(eq=False)
class Scanning:
    """State of the scanner of one node in this process.

    fresh: facts (JSON) made and not in the catalogue yet; outcomes: what was judged, by (content, path); statuses: the same as
    the Hub says it; settled: every content was judged by this scanner, ruleset and policy, as far as this process knows;
    clamd: address of a second opinion, "" for none; others: JSON of what other scanners said, not in the catalogue yet; asking:
    further opinions.
    """

    pool: ScanPool
    rules: Ruleset
    policy: Policy = field(default_factory=Policy)
    fresh: Recent[Sha256, bytes] = field(default_factory=lambda: Recent(_FRESH_BYTES, len))
    outcomes: Recent[tuple[Sha256, str], Outcome] = field(default_factory=lambda: Recent(_OUTCOMES))
    settled: bool = False
    clamd: str = ""
    statuses: Recent[tuple[Sha256, str], dict[str, Any]] = field(default_factory=lambda: Recent(_STATUSES))
    others: Recent[Sha256, str] = field(default_factory=lambda: Recent(_OUTCOMES))
    asking: Asking | None = None

    def close(self) -> None:
        """End all workers."""
        self.pool.close()
        if self.asking is not None and self.asking.pool is not None:
            self.asking.pool.close()

    def keep_others(self, digest: Sha256, av: Mapping[str, Any]) -> None:
        """Keep what clamd says about a content for the transaction that makes it known."""
        self.others.put(digest, json.dumps({"av": dict(av)}, sort_keys=True))

    @property
    def basis(self) -> str:
        """What verdicts and their consequences depend on beside the bytes, as one short text."""
        return hashlib.sha256(f"{SCANNER}\n{self.rules.digest}\n{self.policy}".encode()).hexdigest()[:32]
