"""The places that one file can come from: which are usable now, how fast they are, and why the others are not.

Lies and failures are kept apart. A place that sent one false byte is out for this file; if nobody else is left, and every chunk
is checked by itself, it is asked once more: a line or a disk may be at fault. One that cannot be reached, is too slow or broke
the protocol rests for a moment that doubles each time, and is out after `TRIES` in a row without a byte, or as soon as
it let somebody wait in vain and no byte had come since it failed before; one that says when to come back (too many requests) is
left alone until then; one that fetches the file itself first is waited for while that goes on (`hanse.flows.pull.busy`); one that
does not have the file, or refuses it, is out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hanse.errors import (
    AccessError,
    BlobNotFound,
    DigestMismatch,
    HanseError,
    InputError,
    NotFoundError,
    PeerBusy,
    PeerDown,
    PeerError,
    PeerMisbehaved,
    PeerRefused,
    PeerTooSlow,
)
from hanse.flows.pull.busy import Waited, rest_of
from hanse.flows.pull.events import Kind
from hanse.model.steps import NO_STEPS, Steps
from hanse.peers.place import Place

TRIES = 4
REST_SECONDS = 0.25
MOST_REST = 300.0
"""Seconds that a place may ask to be left alone for; asking for more is refusing."""
_TICK = 0.1
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_DENIED = (401, 403, 451)
_PASSING = (PeerDown, PeerMisbehaved)


class Speeds:
    """Bytes a second of one request to each place, as last seen by everything that fetches here. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rates: dict[str, float] = {}

    def rate(self, place: str) -> float:
        """Return bytes a second, 0 if nothing is known."""
        return self._rates.get(place, 0.0)

    def saw(self, place: str, size: int, seconds: float) -> None:
        """Note that one request brought `size` bytes in `seconds`; the newest counts half."""
        with self._lock:
            fresh = size / max(seconds, 1e-4)
            known = self._rates.get(place)
            self._rates[place] = fresh if known is None else (known + fresh) / 2


@dataclass(eq=False, slots=True)
class Source:
    """One place, for one file.

    until: monotonic time before which it rests; why: the last thing that went wrong, as a sentence; out: not to be asked again;
    lied: it sent something false; of_list: only its chunk list was; chance, again: it was not asked again after a lie, and may be
    if nobody else is left; denied: status with which it said that this user may not have it, or 0; failures: in a row, without
    a byte between; silent: no byte came since it failed last; whole: it knows no ranges; got: bytes of this file taken from it;
    waited: what it said of fetching the file itself.
    """

    place: Place
    until: float = 0.0
    why: str = ""
    out: bool = False
    lied: bool = False
    of_list: bool = False
    chance: bool = True
    again: bool = False
    silent: bool = True
    whole: bool = False
    missing: bool = False
    denied: int = 0
    failures: int = 0
    got: int = 0
    waited: Waited = field(default_factory=Waited)


class Sources:
    """All places of one file. Safe for threads.

    tries: failures in a row after which a place is out; rest: seconds of the first rest.
    """

    def __init__(
        self,
        places: Sequence[Place],
        speeds: Speeds,
        *,
        tries: int = TRIES,
        rest: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speeds = speeds
        self._tries, self._rest, self._clock = tries, rest, clock
        self._lock = threading.Lock()
        self._all: list[Source] = []
        self.add(places)

    def add(self, places: Sequence[Place]) -> None:
        """Take more places in; those of a kind and name that are known already change nothing."""
        with self._lock:
            known = {(one.place.name, type(one.place)) for one in self._all}
            for place in places:
                if (place.name, type(place)) not in known:
                    known.add((place.name, type(place)))
                    self._all.append(Source(place))

    @property
    def left(self) -> list[Source]:
        """The places that are not out, the fastest known first, then as they were given.

        If none is left, those that only gave a false chunk list, or one false chunk: their bytes are checked all the same.
        """
        with self._lock:
            found = [one for one in self._all if not one.out]
            if not found:
                found = [one for one in self._all if one.again]
                for one in found:
                    one.lied = one.lied and not one.of_list
                    one.out = one.of_list = one.again = one.chance = False
        return sorted(found, key=lambda one: -self.speeds.rate(one.place.name))

    @property
    def shares(self) -> Mapping[str, int]:
        """Bytes that were taken from each place, by its name; places that gave nothing are left out."""
        with self._lock:
            found = dict[str, int]()
            for one in self._all:
                if one.got:
                    found[one.place.name] = found.get(one.place.name, 0) + one.got
            return found

    @property
    def heard(self) -> Steps:
        """How far the place is that says most of fetching the file itself; no steps if none does."""
        return max((one.waited.heard for one in self._all), key=lambda steps: steps.done, default=NO_STEPS)

    def resting(self, source: Source) -> float:
        """Return for how many more seconds a place must be left alone."""
        return max(0.0, source.until - self._clock())

    def rest(self, source: Source, seconds: float) -> None:
        """Leave a place alone for a while, without holding anything against it."""
        source.until = self._clock() + seconds

    def ready(self, path: str, stopped: Callable[[], bool]) -> list[Source] | None:
        """Return the places that can be asked now, at least one, the best first; waits for one that rests. None if `stopped`.

        Raises what `verdict` says if no place is left.
        """
        while not stopped():
            left = self.left
            if not left:
                raise self.verdict(path)
            found = [one for one in left if not self.resting(one)]
            if found:
                return found
            time.sleep(min(_TICK, *(self.resting(one) for one in left)))
        return None

    def brought(self, source: Source, size: int) -> None:
        """Note that a place brought bytes that were kept."""
        with self._lock:
            source.got += size
            source.failures, source.silent = 0, False

    def lied(self, source: Source, why: str, *, of_list: bool = False, checked: bool = False) -> bool:
        """Put a place out because it sent something false; return whether that is news.

        of_list: that was its chunk list; checked: every chunk that it may still send is checked by itself.
        """
        with self._lock:
            news = not source.lied
            source.lied = source.out = True
            source.of_list = of_list and news
            source.again = (of_list or checked) and source.chance
            source.why = why
            return news

    def check_again(self) -> bool:
        """Let the places that sent a false file be asked once more, now that its chunks can be checked; tell if there are any."""
        with self._lock:
            found = [one for one in self._all if one.lied and one.out and one.chance]
            for one in found:
                one.out = one.chance = False
            return bool(found)

    def failed(self, source: Source, error: HanseError) -> Kind | None:
        """Note that a place gave nothing; return the kind of news that it is, None if it is none.

        DEAD: it was well before, or it is out now; MISSING: it is out, for it has no such file; WAIT: it is waited for, which is
        said now and then.
        """
        with self._lock:
            if source.out:
                return None
            source.why = error.message
            now = self._clock()
            if isinstance(error, PeerBusy):
                if source.waited.goes_on(Steps(error.done, error.total), now):
                    source.failures, source.until = 0, max(source.until, now + rest_of(error.retry_after))
                    return Kind.WAIT if source.waited.to_say(now) else None
                source.why += ", and it comes no further"
            news = self._fails(source, error)
            return None if not news else Kind.MISSING if source.missing else Kind.DEAD

    def _fails(self, source: Source, error: HanseError) -> bool:
        """Note a failure; return whether it is news. The lock is held."""
        if isinstance(error, NotFoundError | AccessError | InputError):
            source.missing = isinstance(error, NotFoundError)
            source.out = True
            return True
        if source.until > self._clock() and not isinstance(error, PeerBusy):
            return False  # its other requests fail with it: that is one failure
        later = float(getattr(error, "retry_after", 0) or 0)
        refused = isinstance(error, PeerRefused) and error.status not in _BUSY
        source.denied = error.status if isinstance(error, PeerRefused) and error.status in _DENIED else 0
        stuck = isinstance(error, PeerBusy) or (isinstance(error, PeerTooSlow) and source.silent)
        source.failures, source.silent = source.failures + 1, True
        source.out = refused or stuck or later > MOST_REST or (source.failures >= self._tries)
        source.until = self._clock() + (later or self._rest * 2 ** (source.failures - 1))
        return source.failures == 1 or source.out

    def verdict(self, path: str) -> HanseError:
        """Return the error that says why no place is left: a lie if there was one, else what the places said."""
        with self._lock:
            liars = [one.place.name for one in self._all if one.lied]
            said = "; ".join(f"{one.place.name}: {one.why}" for one in self._all if not one.lied)[:600]
            missing = bool(self._all) and all(one.missing for one in self._all)
            denied = [one.denied for one in self._all if not one.missing]
        if liars:
            rest = f"; others: {said}" if said else "; no other place has it"
            return DigestMismatch(
                f"{path!r} is not what was signed or pinned: false bytes came from {', '.join(liars)}{rest}",
                hint="name another node or upstream that has the file; nothing false was stored",
            )
        if missing:
            return BlobNotFound(f"no place has {path!r}: {said}", hint="name another node or upstream that has the file")
        if denied and all(denied):
            hint = "ask there for access; if you have it: hanse login SERVER; or name another node or upstream that has the file"
            return PeerRefused(f"{path!r} is not given to you: {said}", status=denied[0], hint=hint)
        return PeerDown(
            f"{path!r} cannot be fetched now: {said or 'no place to ask is known'}",
            hint="check the network or name another node; what came so far is kept and continued next time",
        )


def as_failure(error: Exception, name: str) -> HanseError:
    """Return what ended a transfer as one of Hanse's errors; anything unknown is a place that misbehaved."""
    if isinstance(error, PeerError | NotFoundError | AccessError | InputError):
        return error
    return PeerMisbehaved(f"{name} ended a transfer with {type(error).__name__}: {error}"[:300])
