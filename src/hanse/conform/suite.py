"""Runs the cases against a subject, every one on a repository of its own, and says what is to be thought of each."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hanse.conform.cases import CASES, Case, Look
from hanse.conform.internal import SECRET, InternalServer
from hanse.conform.listing import judge_listing, judge_xet
from hanse.conform.origin import HubOrigin
from hanse.conform.outcome import Outcome, Verdict, judge_file
from hanse.conform.repos import Content
from hanse.conform.subjects import Command, Server
from hanse.errors import InputError

FILE = "weights.bin"
_OTHER_SIZE = 3 * 1024 * 1024
_AGAIN_SECONDS = 20.0
"""For how long a server may leave an origin alone that has just failed."""

_UNSET = "set the server's upstream to that address before; of a command: {file} of {repo} has to lie in {dir} afterwards"

_TOLD = ("older", "moved back", "rewritten", "rewrote", "as of ", "rolled back")
"""What a client says that tells people that a state is not the newest."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case. note: more about it, for people; seconds: how long it took."""

    case: Case
    verdict: Verdict
    note: str
    seconds: float


def files(seed: str, size: int = _OTHER_SIZE) -> dict[str, bytes]:
    """Return the files of a revision: one of `size` bytes, one of 3 MiB, a configuration; others for every `seed`."""
    chance = random.Random(seed)  # noqa: S311 -- test content
    sizes = {FILE: size, "other.bin": _OTHER_SIZE}
    return {name: chance.randbytes(each) for name, each in sizes.items()} | {"config.json": f'{{"seed":"{seed}"}}\n'.encode()}


class Suite:
    """Runs cases against one subject through one origin, which nobody else may use meanwhile."""

    def __init__(self, origin: HubOrigin, subject: Server | Command, internal: InternalServer) -> None:
        self._origin = origin
        self._subject = subject
        self._internal = internal
        self._nonce = secrets.token_hex(3)
        origin.faults.target = internal.url

    def run(self, cases: Sequence[Case]) -> Iterator[Result]:
        """Yield the result of every case as it is known."""
        looks: dict[Look, Callable[[Case, str], tuple[Verdict, str]]] = {
            Look.FILE: self._file,
            Look.LISTING: self._listing,
            Look.STATE: self._state,
            Look.XET: self._xet,
            Look.GONE: self._gone,
        }
        for case in cases:
            start = time.monotonic()
            repo = f"conform/{case.name}-{self._nonce}"
            for number in ("old", "new"):
                self._origin.commit(repo, files(f"{repo} {number}", case.size))
            self._ready(case)
            try:
                verdict, note = looks[case.look](case, repo)
            finally:
                self._origin.faults.clear()
                self._origin.forget()
            yield Result(case, verdict, note, time.monotonic() - start)

    def require_honest(self) -> None:
        """Raise InputError if the subject does not give a file while the origin is honest: then no case would say anything."""
        repo = f"conform/first-{self._nonce}"
        self._origin.commit(repo, files(repo))
        end = time.monotonic() + _AGAIN_SECONDS
        while not (found := self._subject.file(repo, FILE, self._truth(repo))).right:
            if time.monotonic() > end or not self._subject.over_http or found.hung:
                raise InputError(f"what an honest origin at {self._origin.url} has does not come: {_said(found)}", hint=_UNSET)
            time.sleep(0.5)
        self._origin.forget()

    def _truth(self, repo: str, path: str = FILE) -> Content:
        """Return what a file of the newest revision holds."""
        return self._origin.repo(repo).newest.files[path].content

    def _hostile(self, case: Case) -> None:
        """Switch the faults of a case on."""
        if case.also is not None:
            self._origin.faults.set(case.also, times=1)
        if case.fault is not None:
            self._origin.faults.set(case.fault, times=case.times)

    def _ready(self, case: Case) -> None:
        """Wait until the subject asks the origin again, which it may leave alone for a while after the case before."""
        if not self._subject.over_http:
            return
        repo = f"conform/before-{case.name}-{self._nonce}"
        self._origin.commit(repo, {"config.json": repo.encode()})
        end = time.monotonic() + _AGAIN_SECONDS
        while time.monotonic() < end:
            if self._subject.file(repo, "config.json", self._truth(repo, "config.json")).right:
                return
            time.sleep(0.5)

    def _later(self, repo: str) -> Outcome:
        """Return what comes of the file now that the origin is honest; who says that it is not there now is asked again."""
        self._origin.faults.clear()
        end = time.monotonic() + _AGAIN_SECONDS
        while True:
            found = self._subject.file(repo, FILE, self._truth(repo))
            if found.right or 0 < found.status < 500 or time.monotonic() > end:
                return found
            time.sleep(0.5)

    def _file(self, case: Case, repo: str) -> tuple[Verdict, str]:
        """Download a file while the origin is hostile, and again when it is honest."""
        if case.seen:
            self._subject.see(repo)
        calls, tokens = self._internal.calls, len(self._internal.credentials)
        self._hostile(case)
        first = self._subject.file(repo, FILE, self._truth(repo))
        later = self._later(repo)
        leaked = first.size == len(SECRET) or len(self._internal.credentials) > tokens
        if leaked or first.headers.get("location", "").startswith(self._internal.url):
            return Verdict.INTERNAL, _said(first)
        followed = "it followed, and nothing came of it; " if self._internal.calls > calls else ""
        return judge_file(first, later), followed + _said(first)

    def _listing(self, case: Case, repo: str) -> tuple[Verdict, str]:
        """Ask for info and tree while the origin is hostile."""
        self._hostile(case)
        if isinstance(self._subject, Server):
            return judge_listing(self._subject, repo, self._internal.url)
        calls = self._internal.calls
        first = self._subject.file(repo, FILE, self._truth(repo))
        if any(self._subject.root.rglob("evil*")):
            return Verdict.PASSED_ON, "a file was written outside the folder"
        if self._internal.calls > calls:
            return Verdict.INTERNAL, "it asked there for the next page"
        return judge_file(first, self._later(repo)), _said(first)

    def _state(self, case: Case, repo: str) -> tuple[Verdict, str]:
        """Ask for `main` before and after the origin hides its newest revision."""
        self._subject.see(repo)
        newest, old = self._origin.repo(repo).newest, self._origin.repo(repo).first
        if isinstance(self._subject, Command):
            first = self._subject.file(repo, FILE, newest.files[FILE].content)
            self._hostile(case)
            config = self._subject.file(repo, "config.json", newest.files["config.json"].content)
            told = any(word in config.text.lower() for word in _TOLD)
            other = config.false_at is not None or (first.right and config.status < 300 and not config.right)
            silent = other and not told
            good = config.right or (told and config.false_at is not None)
            return (Verdict.SILENT if silent else Verdict.RIGHT if good else Verdict.REFUSED), _said(config)
        self._hostile(case)
        info = self._subject.info(repo)
        warned = any(name in info.headers for name in ("x-hf-warning", "warning"))
        if info.status < 300 and old.rev.encode() in info.body and newest.rev.encode() not in info.body:
            return (Verdict.RIGHT if warned else Verdict.SILENT), "it said so" if warned else ""
        return (Verdict.RIGHT if newest.rev.encode() in info.body else Verdict.REFUSED), _said(info)

    def _xet(self, case: Case, repo: str) -> tuple[Verdict, str]:
        """Look whether a false Xet hash is passed on, or what a client makes of it."""
        self._hostile(case)
        if isinstance(self._subject, Server):
            return judge_xet(self._subject, repo, FILE, self._truth(repo).xet)
        first = self._subject.file(repo, FILE, self._truth(repo))
        return judge_file(first, self._later(repo)), _said(first)

    def _gone(self, _case: Case, repo: str) -> tuple[Verdict, str]:
        """Download a file, take the origin away, download it again."""
        self._subject.see(repo)
        before = self._subject.file(repo, FILE, self._truth(repo))
        self._origin.stop()
        try:
            after = self._subject.file(repo, FILE, self._truth(repo))
        finally:
            self._origin.start()
        if before.false_at is not None or after.false_at is not None:
            return Verdict.FALSE, _said(after)
        return (Verdict.RIGHT if after.right else Verdict.NOT_HELD), _said(after)


def _said(outcome: Outcome) -> str:
    """Return in a few words what came."""
    where = f", byte {outcome.false_at:,} is false" if outcome.false_at is not None else ""
    end = "" if outcome.complete else " and a cut" if outcome.size else ""
    return f"status {outcome.status or 'none'}, {outcome.size:,} bytes{end}{where}"


def chosen(names: Sequence[str]) -> list[Case]:
    """Return the cases of the given names, or all; raises InputError for a name that none has."""
    known = {case.name: case for case in CASES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no case is called {unknown[0]!r}", hint=f"there are {', '.join(known)}")
    return [known[name] for name in names] if names else list(CASES)
