"""Fixed-window rate limits per principal, or per address for anonymous callers (hub-api.md A.1, 429)."""

from __future__ import annotations

import time

from hanse.errors import RateLimited
from hanse.web.routing import Call, Route

WINDOW = 300
MAX_KEYS = 100_000


class RateLimiter:
    """Counts requests per window in this process; `limit` 0 switches it off."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._window = 0
        self._counts: dict[str, int] = {}

    def check(self, call: Call, route: Route) -> None:
        """Count one request; raises RateLimited with the seconds until the window ends.

        Addresses that carry their own signature or a CAS token are limited by the tokens handed out, not here.
        """
        if self.limit and route.auth:
            key = f"a{call.actor.account_id}" if not call.actor.anonymous else f"i{call.caller}"
            self.count(key, self.limit)

    def count(self, key: str, limit: int) -> None:
        """Count one use of `key` against `limit` per window; raises RateLimited."""
        now = int(time.monotonic())
        window = now // WINDOW
        if window != self._window or len(self._counts) > MAX_KEYS:
            self._window, self._counts = window, {}
        used = self._counts.get(key, 0) + 1
        self._counts[key] = used
        if used > limit:
            wait = WINDOW - now % WINDOW
            words = f"more than {limit} requests in {WINDOW} seconds"
            raise RateLimited(words, retry_after=wait, limit=limit, window=WINDOW, hint=f"wait {wait} seconds")
