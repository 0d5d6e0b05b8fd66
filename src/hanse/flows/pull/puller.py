"""The puller: revisions that may be used, and their verified files, for gateway, `hanse pull`, mirror and pull-through.

Everything is for threads. A revision asked for again within moments is not resolved again; what several ask for at once is
resolved once. What nobody answered, after a long wait, is not waited for again by everybody: clients repeat themselves.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hanse.clock import Clock
from hanse.errors import PeerDown
from hanse.flows.pull.asked import PulledRevision, PullSettings, parse_asked
from hanse.flows.pull.health import Health
from hanse.flows.pull.judge import Judge, scanned_elsewhere
from hanse.flows.pull.made import Maker, named
from hanse.flows.pull.origins import Origins
from hanse.flows.pull.proof import is_shown
from hanse.flows.pull.resolve import Resolver
from hanse.flows.pull.unanswered import Unanswered
from hanse.model.admission import Outcome
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.index import GIVEN
from hanse.store.held.store import Held

if TYPE_CHECKING:
    from hanse.flows.pull.fetch import Apart, Fetch, Fetcher
    from hanse.flows.pull.several import Got

__all__ = ["PullSettings", "PulledRevision", "Puller"]

REF_SECONDS = 2.0
REV_SECONDS = 60.0
"""For how long an answer about a name, or about a commit id, is given again without asking."""
MAX_KEPT = 256
_Key = tuple[str, str, str]

"""Begins the label of files that a source of a repository has shown, so that others may get them under its name."""


class Puller:
    """Resolves names under one policy and gets their files. Safe for threads; close it when it is no longer needed."""

    def __init__(self, settings: PullSettings, held: Held, fetcher: Fetcher, clock: Clock) -> None:
        self.settings = settings
        self.held = held
        self._fetcher = fetcher
        self._clock = clock
        self._origins = Origins(settings, Health(held, clock))
        self._judge = Judge(settings.policy, settings.rules, held)
        self._resolver = Resolver(self._origins, held, Maker(self._origins, self._judge), clock)
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[float, PulledRevision]] = OrderedDict()
        self._checked: dict[_Key, tuple[PulledRevision, frozenset[str]]] = {}
        self._asking: dict[_Key, threading.Lock] = {}
        self._unanswered = Unanswered[PulledRevision]()

    def close(self) -> None:
        """End workers and connections; the held store and the fetcher are the caller's."""
        self._judge.close()
        self._origins.close()

    # Revisions.

    def revision(self, kind: RepoType, name: str, revision: str, *, token: str = "") -> PulledRevision:
        """Return a revision (commit id, name or full ref) that may be used. token: the caller's, for the home node alone.

        name: `namespace/name`, or the name of an old model that has none.
        Raises PolicyError (failed rules, each with what would make it pass), RepoNotFound, RevisionNotFound, Recalled, GatedRepo,
        IntegrityError if what is shown is false, PeerError if nobody answers and nothing is held.
        """
        full = self.full_name(kind, name, token=token)
        asked = parse_asked(kind, full, revision, token)
        key = (asked.name, revision, token)
        with self._one_at_a_time(key):
            kept = self._recent(key)
            if kept is not None:
                self._check_flagged(key, kept)
                return kept
            found = self._unanswered.ask(key, partial(self._resolver.resolve, asked))
            self._keep(key, found)
            return found

    def kept(self, kind: RepoType, name: str, rev: str) -> PulledRevision:
        """Return what was once shown to anybody on this machine of a commit id that not everybody may see; asks nobody.

        For audits of bytes that lie here already, never to give bytes out. Raises PolicyError, Recalled, RevisionNotFound.
        """
        return self._resolver.kept(parse_asked(kind, name, rev))

    def full_name(self, kind: RepoType, name: str, *, token: str = "") -> str:
        """Return `namespace/name`, for a name without a namespace as the upstream says or once said.

        Raises RepoNotFound if nobody ever said, PeerError.
        """
        return name if "/" in name else self._resolver.full_name(kind, name, token)

    def _recent(self, key: _Key) -> PulledRevision | None:
        with self._lock:
            until, found = self._kept.get(key, (0.0, None))
        return found if time.monotonic() < until else None

    def _check_flagged(self, key: _Key, kept: PulledRevision) -> None:
        """Raise PolicyError if a file was found to be bad since a revision was resolved; clients ask once for each file."""
        before, flagged = self._checked.get(key, (None, frozenset[str]()))
        flagged = self._judge.check_flagged(kept.files.values(), kept.facts, flagged if before is kept else frozenset())
        with self._lock:
            if key in self._kept:
                self._checked[key] = kept, flagged

    def _keep(self, key: _Key, found: PulledRevision) -> None:
        until = time.monotonic() + (REF_SECONDS if found.ref else REV_SECONDS)
        with self._lock:
            self._kept[key] = (until, found)
            if found.ref is not None:  # clients go on with the commit id
                self._kept[key[0], found.rev, key[2]] = (time.monotonic() + REV_SECONDS, replace(found, ref=None))
            while len(self._kept) > MAX_KEPT:
                self._checked.pop(self._kept.popitem(last=False)[0], None)

    def _one_at_a_time(self, key: _Key) -> threading.Lock:
        with self._lock:
            if len(self._asking) > MAX_KEPT:
                self._asking = {one: lock for one, lock in self._asking.items() if lock.locked()}
            return self._asking.setdefault(key, threading.Lock())

    # Files.

    def file(self, revision: PulledRevision, path: str) -> Fetch | HeldFile:
        """Return a file of a revision: held and judged, or being fetched and judged before its first byte leaves.

        Raises EntryNotFound, PolicyError if the policy refuses the file, PeerDown if it is not held and nobody can be asked.
        """
        pin = revision.pin(path)
        found = self.held.find(pin)
        if found is not None:
            self._require_shown(revision, pin, found)
            self.judge(revision, pin, found)
            self._note(revision, pin, found)
            return found
        self._require_places(revision, pin)
        judge, apart = self._judge_of(revision, pin), self._apart(revision, pin)
        fetch = self._fetcher.open(pin, revision.places, judge=judge, apart=apart)
        fetch.then(partial(self._note, revision, pin))
        return fetch

    def some(self, revision: PulledRevision, pins: Sequence[FilePin], stopped: Callable[[], bool]) -> dict[str, Got]:
        """Return small files of a revision, held or fetched now, verified and judged, by path; fewer if `stopped`.

        Raises as `file`, and as `Fetch.wait`.
        """
        from hanse.flows.pull.several import Got  # noqa: PLC0415 loaded by whoever pulls

        held = self.held.find_all(pins)
        for pin, file in held.items():
            self._require_shown(revision, pin, file)
        found = {pin.path: Got(file, {}) for pin, file in held.items()}
        fresh = self._fetched(revision, [pin for pin in pins if pin not in held], stopped)
        self._judge_all(revision, {path: one.file for path, one in (found | fresh).items()})
        for one in fresh.values() if self._limits(revision) else ():
            self._give(revision, one.file)
        return found | fresh

    def _fetched(self, revision: PulledRevision, pins: Sequence[FilePin], stopped: Callable[[], bool]) -> dict[str, Got]:
        """Return small files that are not held, each content fetched once, by path."""
        from hanse.flows.pull.several import Got, Several  # noqa: PLC0415 as above

        if not pins:
            return {}
        self._require_places(revision, pins[0])
        if not scanned_elsewhere(self.settings.policy, revision.facts):
            self._judge.prepare()
        first = {replace(pin, path=""): pin for pin in reversed(pins)}
        got = Several(self._fetcher, revision.places, stopped).fetch(list(first.values()))
        same = {pin: got[one] for pin in pins if (one := first[replace(pin, path="")]) in got}
        return {pin.path: one if pin in got else Got(one.file, {}) for pin, one in same.items()}

    def _judge_all(self, revision: PulledRevision, files: Mapping[str, HeldFile]) -> None:
        """Judge small files, scanned together, and note whose they are."""
        if not scanned_elsewhere(self.settings.policy, revision.facts):
            self._judge.look(files.values())
        for path, file in files.items():
            self.judge(revision, revision.pin(path), file)
        self.held.use_all(named(revision.repo, revision.rev), {path: file.sha256 for path, file in files.items()})

    def _require_places(self, revision: PulledRevision, pin: FilePin) -> None:
        if not revision.places:
            raise PeerDown(
                f"{pin.path[:200]!r} of {revision.repo} is not held here, and there is nobody to ask",
                hint="run it with a network once; hanse pull fetches everything",
            )

    def _apart(self, revision: PulledRevision, pin: FilePin) -> Apart | None:
        """Return what keeps the bytes that another repository's places showed from being given to others as this one's."""
        from hanse.flows.pull.fetch import Apart  # noqa: PLC0415 loaded by the fetcher

        return Apart(_label(revision), partial(self._require_shown, revision, pin)) if self._limits(revision) else None

    def _require_shown(self, revision: PulledRevision, pin: FilePin, file: HeldFile) -> None:
        """Return if a file that is here may be given to others as one of this repository; raises PeerDown.

        It may if it was so before, or if a place of the repository shows that it has the file: whoever controls a repository
        there could otherwise name the digest of something that is held for somebody else.
        """
        if not self._limits(revision) or self._is_given(revision, file):
            return
        if not is_shown(pin, partial(_part, file), revision.places):
            raise PeerDown(
                f"{pin.path[:200]!r} of {revision.repo} cannot be given out: no place shows that it has the file now",
                hint="try again when its source answers; if it is gated, ask there for access",
            )
        self._give(revision, file)

    def _limits(self, revision: PulledRevision) -> bool:
        """Tell whether a file may be held of which a caller who sees the revision must not have a byte."""
        return self.settings.for_others or revision.only != ""

    def _is_given(self, revision: PulledRevision, file: HeldFile) -> bool:
        return self.held.is_used(_label(revision), file.sha256)

    def _give(self, revision: PulledRevision, file: HeldFile) -> None:
        # The label is of the repository: under a path of it there was something else in another revision.
        self.held.use(_label(revision), file.sha256, file.sha256)

    def _judge_of(self, revision: PulledRevision, pin: FilePin) -> Callable[[HeldFile], None] | None:
        if scanned_elsewhere(self.settings.policy, revision.facts):
            # What others are given is labelled when it has come whole, so it does not stream to them the first time.
            return partial(self._came, revision, pin) if self._limits(revision) else None
        self._judge.prepare()
        return partial(self._came, revision, pin)

    def _came(self, revision: PulledRevision, pin: FilePin, file: HeldFile) -> None:
        """Judge a file that was just fetched, of which others may have had the digest only now."""
        self.judge(revision, pin, file)
        if self._limits(revision):
            self._give(revision, file)

    def judge(self, revision: PulledRevision, pin: FilePin, file: HeldFile) -> None:
        """Return if a verified file may be given out under its path; raises PolicyError with finding and remedy.

        It is scanned here unless the policy counts a scan of somebody else's.
        """
        if scanned_elsewhere(self.settings.policy, revision.facts):
            return
        outcome = self._judge.outcome(file, pin.path, self._clock.now())
        self._judge.require(revision.facts, outcome, pin.path)

    def outcome(self, revision: PulledRevision, path: str) -> Outcome | None:
        """Return what a scan made here says about a file that is held, None if it is not held."""
        pin = revision.pin(path)
        found = self.held.find(pin)
        return None if found is None else self._judge.outcome(found, path, self._clock.now())

    def _note(self, revision: PulledRevision, pin: FilePin, file: HeldFile) -> None:
        self.held.use(named(revision.repo, revision.rev), pin.path, file.sha256)


def _label(revision: PulledRevision) -> str:
    """Return the label of files that a source has shown to the callers who may have them."""
    return f"{GIVEN}{revision.only}{revision.repo}"


def _part(file: HeldFile, start: int, end: int) -> bytes:
    """Return bytes [start, end) of a held file; raises BlobNotFound if it is not what it was."""
    descriptor = file.open()
    try:
        return os.pread(descriptor, end - start, start)
    finally:
        os.close(descriptor)
