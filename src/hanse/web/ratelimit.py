"""Fixed-window rate limits per principal, or per address for anonymous callers (hub-api.md A.1, 429)."""

from __future__ import annotations

import time
from collections.abc import Callable

from hanse.errors import RateLimited
from hanse.web.routing import Call, Route

WINDOW = 300
MAX_KEYS = 100_000


class RateLimiter:
    """Counts requests per window in this process. clock: seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._window = 0
        self._counts: dict[str, int] = {}

    def check(self, call: Call, route: Route) -> None:
        """Count one request; raises RateLimited with the seconds until the window ends. A limit of 0 is none.

        Requests for files are counted by themselves, as the Hub does: a client asks once or twice for each file of a revision.
        Addresses that carry their own signature or a CAS token are limited by the tokens handed out, not here.
        """
        limits = call.node.limits
        limit, kind = (limits.rate_files, "resolvers") if route.files else (limits.rate_api, "api")
        if limit and route.auth:
            who = f"a{call.actor.account_id}" if not call.actor.anonymous else f"i{call.caller}"
            self.count(f"{kind}/{who}", limit, kind)

    def count(self, key: str, limit: int, kind: str = "api") -> None:
        """Count one use of `key` against `limit` per window; raises RateLimited."""
        now = int(self._clock())
        window = now // WINDOW
        if window != self._window or len(self._counts) > MAX_KEYS:
            self._window, self._counts = window, {}
        used = self._counts.get(key, 0) + 1
        self._counts[key] = used
        if used > limit:
            wait = WINDOW - now % WINDOW
            words = f"more than {limit:,} requests {'for files ' if kind == 'resolvers' else ''}in {WINDOW} seconds"
            raise RateLimited(words, retry_after=wait, limit=limit, window=WINDOW, kind=kind, hint=f"wait {wait} seconds")
