"""The stage of the demonstration: nodes, people who run commands, and what the audience sees."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.clients import Client
from tests.support.live import LiveNode

from hanse.model.evidence import parse_evidence
from hanse.tlog.checkpoint import Checkpoint, parse_checkpoint
from hanse.tlog.note import parse_note

_WAIT = 300
_PATIENCE = 1_800
"""Seconds that one command of a client may take, on a machine that has much else to do."""
_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line of the demonstration at once."""
    print(text, flush=True)


def chapter(title: str) -> None:
    """Print a heading, with the seconds since the beginning."""
    say(f"\n=== {title} [{time.monotonic() - _STARTED:.0f} s]")


def until(what: Callable[[], bool], says: str) -> None:
    """Wait until something has come about; ends the demonstration if it does not within five minutes."""
    say(f"\n... until {says}")
    end = time.monotonic() + _WAIT
    while not what():
        if time.monotonic() > end:
            sys.exit(f"this did not come about: {says}")
        time.sleep(0.1)


class Person:
    """Somebody with a name and a HANSE_HOME."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    def hanse(
        self, *arguments: str | Path, status: int | None = 0, more: tuple[str | Path, ...] = (), prefix: tuple[str, ...] = ()
    ) -> str:
        """Print a command, run it, print and return what it said; stops unless `status` is what it ends with (None: any).

        more: arguments that are not shown; prefix: a command that runs it.
        """
        done = self._run(arguments, status, more, prefix)
        return done.stdout + done.stderr

    def printed(self, *arguments: str | Path, more: tuple[str | Path, ...] = ()) -> str:
        """Do the same; return only what it wrote to its standard output, as `>` puts into a file."""
        return self._run(arguments, 0, more, ()).stdout

    def _run(
        self, arguments: tuple[str | Path, ...], status: int | None, more: tuple[str | Path, ...], prefix: tuple[str, ...]
    ) -> subprocess.CompletedProcess[str]:
        say(f"\n{self.name}$ hanse {' '.join(map(str, arguments))}")
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
        environ = keep | {"HANSE_HOME": str(self.home), "HOME": str(self.home)}
        command = [*prefix, sys.executable, "-m", "hanse", *map(str, (*arguments, *more))]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        say((done.stdout + done.stderr).rstrip())
        if status is not None and done.returncode != status:
            sys.exit(f"the command ended with {done.returncode}, not {status}")
        return done

    def hf(self, client: Client, *arguments: str | Path) -> None:
        """Print an `hf` command, run it and print what it said."""
        say(f"\n{self.name}$ HF_ENDPOINT={client.node.url} hf {' '.join(map(str, arguments))}")
        say(replace(client, limit=_PATIENCE).hf(*arguments).rstrip())


class Institution(Person):
    """The operator of a node."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str]) -> None:
        super().__init__(name, folder)
        self.node = LiveNode(folder, environ={"HANSE_ORIGIN": f"{name}.example", "HANSE_SETTLE_SECONDS": "1", **environ})
        self._told: list[list[str]] = []

    def hanse(
        self, *arguments: str | Path, status: int | None = 0, more: tuple[str | Path, ...] = (), prefix: tuple[str, ...] = ()
    ) -> str:
        """Run a command about the node, beside it."""
        return super().hanse(*arguments, status=status, more=("--data", self.node.data, *more), prefix=prefix)

    def printed(self, *arguments: str | Path, more: tuple[str | Path, ...] = ()) -> str:
        """Run a command about the node, beside it; return what it wrote to its standard output."""
        return super().printed(*arguments, more=("--data", self.node.data, *more))

    def introductions(self) -> list[list[str]]:
        """Return the commands that this node tells others to run, without `hanse`."""
        if not self._told:
            said = self.hanse("witness", "key", "--url", self.node.url)
            self._told = [line.split()[1:] for line in said.splitlines() if line.startswith("    hanse witness ")]
        return self._told

    def head(self) -> Checkpoint:
        """Return the newest checkpoint of the node's log."""
        return parse_checkpoint(parse_note(self.node.get("/log/checkpoint")[1])).claimed

    def vouched(self, repo: str) -> int:
        """Return how many cosignatures the evidence of a repository's `main` has, 0 before manifest and scan are in it."""
        evidence = parse_evidence(self.node.get(f"/api/models/{repo}/evidence/main")[1])
        if len(evidence.bundles) < 2 or not evidence.logs:
            return 0
        return len(parse_note(evidence.logs[0].checkpoint).signatures) - 1


@contextmanager
def on_stage(folder: Path, *names: str, environ: Mapping[str, str] | None = None) -> Iterator[list[Institution]]:
    """Run a node for each name for the length of a `with` block. environ: settings of all."""
    found = []
    for name in names:
        (folder / name).mkdir()
        found.append(Institution(name, folder / name, environ or {}))
    with ThreadPoolExecutor(len(found)) as pool:
        list(pool.map(lambda one: one.node.start(), found))
    for one in found:
        say(f"{one.name} listens on {one.node.url}")
    try:
        yield found
    finally:
        for one in found:
            one.node.kill()


def introduce(publisher: Institution, *others: Institution) -> None:
    """Let others witness and mirror a publisher's log: each operator runs what the other one's node tells him to."""
    told = publisher.introductions()
    for other in others:
        other.hanse(*next(line for line in told if "log-add" in line))
        for line in other.introductions():
            if "log-add" not in line:
                publisher.hanse(*line)
