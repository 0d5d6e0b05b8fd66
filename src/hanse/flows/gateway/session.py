"""What happened in one session of a gateway: revisions used, sources, bytes verified, lies and refusals; and how it is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hanse.clock import rfc3339

if TYPE_CHECKING:
    from hanse.model.pulled import Summarised

MAX_KEPT = 1000
"""Of each kind of thing; a program that asks for more is told about in numbers only."""
_SHOWN = 5
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Used:
    """A revision that was resolved. as_of: time as text, empty if current."""

    repo: str
    origin: str
    type: str
    rev: str
    tree: str | None
    rung: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A name that was refused, and why."""

    repo: str
    rev: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A session.

    bytes: verified, by the place they came from; lies: what places were caught at; checked: how many files were found right in
    folders and caches that the program named itself.
    """

    policy: str
    used: tuple[Used, ...]
    bytes: dict[str, int]
    files: int
    lies: tuple[str, ...]
    refused: tuple[Refused, ...]
    checked: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the summary as a JSON object."""
        return asdict(self)


class Session:
    """Keeps count. Safe for threads.

    policy: its name; say: called with one line when something happens that a person should see at once.
    """

    def __init__(self, policy: str, say: Callable[[str], None] = lambda _: None) -> None:
        self._policy = policy
        self._say = say
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], Used] = {}
        self._refused: dict[tuple[str, str], Refused] = {}
        self._lies: list[str] = []
        self._bytes: Counter[str] = Counter()
        self._files = 0
        self._checked = 0
        self._told: set[str] = set()
        self._failed: set[str] = set()

    def used(self, revision: Summarised) -> None:
        """Take note of a revision that was resolved, and say what is to be known of it the first time."""
        repo = revision.repo
        as_of = "" if revision.as_of is None else rfc3339(revision.as_of)
        one = Used(repo.path, repo.origin, repo.type.value, revision.rev, revision.tree, revision.rung.value, as_of)
        with self._lock:
            if len(self._used) < MAX_KEPT:
                self._used[str(repo), revision.rev] = one
            new = [text for text in revision.notices if text not in self._told][: MAX_KEPT - len(self._told)]
            self._told.update(new)
        for text in new:
            self._say(f"{repo.path}: {text}")

    def refused(self, repo: str, rev: str, reason: str) -> None:
        """Take note of a refusal, and say it the first time."""
        with self._lock:
            new = (repo, reason) not in self._refused and len(self._refused) < MAX_KEPT
            if new:
                self._refused[repo, reason] = Refused(repo, rev, reason)
        if new:
            self._say(f"refused {repo}: {reason}")

    def lied(self, place: str, message: str) -> None:
        """Take note of bytes from a place that were not what they had to be, and say it."""
        text = message if message.startswith(f"{place}: ") else f"{place}: {message}"
        with self._lock:
            if len(self._lies) < MAX_KEPT:
                self._lies.append(text)
        self._say(f"false bytes: {text}")

    def fails(self, place: str, message: str) -> None:
        """Say, once in a session, why a place gives nothing now."""
        self._once(place, message)

    def unanswered(self, repo: str, reason: str) -> None:
        """Say once why a repository cannot be had now; one that was resolved lacks only files, of which places are told of."""
        with self._lock:
            resolved = any(one.repo == repo for one in self._used.values())
        if not resolved:
            self._once(repo, f"cannot be had now: {reason}")

    def _once(self, what: str, message: str) -> None:
        with self._lock:
            new = what not in self._failed and len(self._failed) < MAX_KEPT
            if new:
                self._failed.add(what)
        if new:
            self._say(f"{what}: {message}")

    def waits(self, message: str) -> None:
        """Say what a file is waited for."""
        self._say(message)

    def came(self, place: str, count: int) -> None:
        """Take note of `count` verified bytes from a place."""
        with self._lock:
            self._bytes[place if place in self._bytes or len(self._bytes) < MAX_KEPT else "others"] += count

    def fetched(self) -> None:
        """Take note of a file that is here whole."""
        with self._lock:
            self._files += 1

    def checked(self, files: int) -> None:
        """Take note of files that lay, as they must be, in a place that the program named."""
        with self._lock:
            self._checked += files

    def summary(self) -> Summary:
        """Return what happened so far."""
        with self._lock:
            return Summary(
                self._policy,
                tuple(self._used.values()),
                dict(self._bytes.most_common()),
                self._files,
                tuple(self._lies),
                tuple(self._refused.values()),
                self._checked,
            )


def from_json(found: Mapping[str, Any]) -> Summary:
    """Return the summary that `Summary.to_json` made; raises KeyError or TypeError for another object."""
    return Summary(
        str(found["policy"]),
        tuple(Used(**one) for one in found["used"]),
        {str(name): int(count) for name, count in found["bytes"].items()},
        int(found["files"]),
        tuple(map(str, found["lies"])),
        tuple(Refused(**one) for one in found["refused"]),
        int(found.get("checked", 0)),
    )


def size_text(count: int) -> str:
    """Return a number of bytes for people, such as `93.1 MB`."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def one_line(summary: Summary) -> str:
    """Return the summary in one line: revisions with their rung, bytes verified and where from, lies, refusals."""
    used = [f"{one.repo}@{one.rev[:7]} ({one.rung}{f', as of {one.as_of}' if one.as_of else ''})" for one in summary.used]
    total = sum(summary.bytes.values())
    parts = [_some(used) or "nothing was given"]
    if total:
        parts.append(f"{size_text(total)} verified from {_some([f'{name} {size_text(n)}' for name, n in summary.bytes.items()])}")
    elif used:
        parts.append("nothing had to be fetched")
    if summary.checked:
        files = "file" if summary.checked == 1 else "files"
        parts.append(f"{summary.checked:,} {files} checked in folders that the program named")
    if summary.lies:
        told = [one.partition("; ")[0] for one in summary.lies]
        parts.append(f"false bytes {f'{len(told)} times' if len(told) > 1 else 'once'}: {_some(list(dict.fromkeys(told)))}")
    if summary.refused:
        parts.append(f"refused: {_some([one.repo for one in summary.refused])}")
    return f"policy {summary.policy}: {'; '.join(parts)}"
