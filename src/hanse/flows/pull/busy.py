"""For how long a server is waited for that first has to fetch a file itself: as long as it says that something moves there.

Its word is bounded: nothing may move for a minute, longer only for large files, which it checks when the last byte is there; and
nobody is waited for longer than a day, however much he says.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.model.steps import NO_STEPS, Steps

STILL_SECONDS = 60.0
CHECKED_RATE = 32 * 1024 * 1024
"""Bytes a second that a server is thought to check at least."""
MAX_STILL_SECONDS = 3600.0
MAX_SECONDS = 86_400.0
MAX_REST_SECONDS = 10.0
"""It is asked again after so long at most: what is waited for may be there sooner than it thought."""
_SAY_SECONDS = 30.0


@dataclass(slots=True)
class Waited:
    """The waiting for one server and one file; times are monotonic seconds.

    heard: how far it said it was; since: when that changed last; said: when a person was told last, and `pause` until the next.
    """

    heard: Steps = NO_STEPS
    began: float | None = None
    since: float = 0.0
    said: float | None = None
    pause: float = _SAY_SECONDS

    def goes_on(self, steps: Steps, now: float) -> bool:
        """Take what a server says about how far it is; tell whether it is to be waited for."""
        if self.began is None:
            self.began, self.since = now, now
        if steps != self.heard:
            self.heard, self.since = steps, now
        still = min(STILL_SECONDS + steps.total / CHECKED_RATE, MAX_STILL_SECONDS)
        return now - self.since < still and now - self.began < MAX_SECONDS

    def to_say(self, now: float) -> bool:
        """Tell whether a person is to be told of the waiting now: at once, then less and less often."""
        if self.said is not None:
            if now - self.said < self.pause:
                return False
            self.pause *= 2
        self.said = now
        return True


def rest_of(retry_after: int) -> float:
    """Return after how many seconds a server that says so is asked again."""
    return min(max(float(retry_after), 1.0), MAX_REST_SECONDS)
