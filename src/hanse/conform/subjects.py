"""Who is examined: a server or proxy asked over HTTP, or a command that downloads from the origin."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from hanse.conform.outcome import Comparison, Outcome
from hanse.conform.probe import Probe
from hanse.conform.repos import Content
from hanse.errors import InputError

_POLL_SECONDS = 0.02
_LISTING_BYTES = 64 * 1024 * 1024


class Subject(Protocol):
    """Who is examined."""

    over_http: bool

    def see(self, repo: str) -> None:
        """Have the subject learn what the newest revision of a repository holds, while the origin is honest."""
        ...

    def file(self, repo: str, path: str, truth: Content) -> Outcome:
        """Return what came of a download of a file of `main`."""
        ...


class Server:
    """A server or proxy whose upstream is the origin. url: its address, as HF_ENDPOINT."""

    over_http = True

    def __init__(self, url: str, *, patience: float) -> None:
        self.probe = Probe(url, patience=patience)

    def close(self) -> None:
        """Do nothing: nothing was kept."""

    def see(self, repo: str) -> None:
        """Ask for the info, the tree and the head of a file."""
        self.info(repo)
        self.tree(repo)
        self.head(repo, "weights.bin")

    def info(self, repo: str) -> Outcome:
        """Return the info of `main`."""
        return self.probe.get(f"/api/models/{repo}/revision/main", limit=_LISTING_BYTES)

    def tree(self, repo: str) -> Outcome:
        """Return the first page of the tree of `main`."""
        return self.probe.get(f"/api/models/{repo}/tree/main?recursive=true", limit=_LISTING_BYTES)

    def head(self, repo: str, path: str) -> Outcome:
        """Return the answer to HEAD of a file of `main`."""
        return self.probe.get(f"/{repo}/resolve/main/{quote(path)}", limit=0, method="HEAD")

    def file(self, repo: str, path: str, truth: Content) -> Outcome:
        """Return what came of a download of a file of `main`."""
        return self.probe.file(f"/{repo}/resolve/main/{quote(path)}", truth)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a command works: its folders for one repository, its environment."""

    folder: Path
    environ: Mapping[str, str]


class Command:
    """A command that downloads from the origin. Its words may hold {origin}, {repo}, {file} and {dir}.

    It runs with HF_ENDPOINT set to the origin and an HF_HOME and HOME of its own for every repository. {dir} is a new folder
    every time; the file must lie there under its path afterwards.
    """

    over_http = False

    def __init__(self, command: str, origin: str, *, patience: float, environ: Mapping[str, str] | None = None) -> None:
        self._words = shlex.split(command)
        if "{repo}" not in command or "{dir}" not in command:
            raise InputError(
                "the command must say {repo} and {dir}", hint='such as "hf download {repo} {file} --local-dir {dir}"'
            )
        self._origin = origin
        self._patience = patience
        self._environ = dict(os.environ if environ is None else environ)
        self._root = Path(tempfile.mkdtemp(prefix="conform-"))

    @property
    def root(self) -> Path:
        """The folder below which everything is."""
        return self._root

    def close(self) -> None:
        """Remove everything that was downloaded."""
        shutil.rmtree(self._root, ignore_errors=True)

    def see(self, repo: str) -> None:
        """Download the configuration."""
        self._run(repo, "config.json")

    def file(self, repo: str, path: str, truth: Content) -> Outcome:
        """Return what came of a download of a file of `main`."""
        folder, outcome = self._run(repo, path)
        made = folder / path
        if not made.is_file():
            return Outcome(
                500 if outcome.status < 300 else outcome.status, hung=outcome.hung, peak=outcome.peak, text=outcome.text
            )
        found = Comparison(truth)
        with made.open("rb") as file:
            while piece := file.read(1 << 20):
                found.feed(piece)
        false_at = found.size if found.false_at is None and not found.whole else found.false_at
        return Outcome(
            outcome.status, found.size, outcome.status < 300, false_at, outcome.hung, peak=outcome.peak, text=outcome.text
        )

    def _run(self, repo: str, path: str) -> tuple[Path, Outcome]:
        """Run the command once; returns the folder it was told to write to."""
        home = self._root / repo.replace("/", "-")
        home.mkdir(exist_ok=True)
        # Two folders deep, so that ../../ leads to a folder that can be looked into.
        folder = Path(tempfile.mkdtemp(prefix="got-", dir=home)) / "one" / "two"
        folder.mkdir(parents=True)
        values = {"origin": self._origin, "repo": repo, "file": path, "dir": str(folder)}
        words = [_filled(word, values) for word in self._words]
        mine = {"HF_ENDPOINT": self._origin, "HF_HOME": str(home / "hf"), "HOME": str(home), "HANSE_HOME": str(home / "hanse")}
        return folder, _wait(words, self._environ | mine, self._patience, home / "said")


def _filled(word: str, values: Mapping[str, str]) -> str:
    """Return a word with {names} replaced."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _peak(usage: resource.struct_rusage) -> int:
    """Return the most memory that a command used, in bytes; 0 if it cannot be told from what it began with as our child."""
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage.ru_maxrss * 1024 if usage.ru_maxrss > mine else 0


def _wait(words: list[str], environ: Mapping[str, str], patience: float, said: Path) -> Outcome:
    """Run a command until its end or the end of patience; its whole process group ends with it."""
    deadline = time.monotonic() + patience
    with said.open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 -- the command is what the user asked to examine
            words, env=dict(environ), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        hung = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not hung and time.monotonic() >= deadline:
                hung = True
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(max(0, log.tell() - 4000))
        text = log.read().decode("utf-8", "replace")
    return Outcome(200 if process.returncode == 0 else 500, hung=hung, peak=_peak(usage), text=text)
