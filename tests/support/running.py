"""Programs under `hanse run`, as one user of one machine starts them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT = 240
PATIENCE = 150.0
_TOO_SLOW = re.compile(r"in time\b|too slowly|in [0-9]+ seconds|\b502\b|\b504\b")
_DROPPED = ("HANSE_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")


@dataclass
class Ran:
    """A run that ended. summary: what `--json` wrote."""

    code: int
    out: str
    err: str
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> Any:
        """The JSON value in the last line that the program printed."""
        return json.loads(self.out.strip().splitlines()[-1])

    def good(self) -> Ran:
        """Return this run; AssertionError unless the program ended with 0."""
        assert self.code == 0, f"{self.out}\n{self.err}"
        return self


@dataclass
class Runner:
    """One user: his home, whom he asks, his policy."""

    home: Path
    flags: tuple[str, ...]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which he works."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_DROPPED) and not name.lower().endswith("_proxy")
        }
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        return {**kept, **quiet, "HOME": str(self.home), "HANSE_HOME": str(self.home / "hanse"), **self.extra}

    def command(self, *program: str | Path, flags: tuple[str, ...] = ()) -> list[str]:
        """Return the command line that runs a program under `hanse run`."""
        return [sys.executable, "-m", "hanse", "run", *self.flags, *flags, "--", *map(str, program)]

    def run(self, *program: str | Path, flags: tuple[str, ...] = ()) -> Ran:
        """Run a program to its end."""
        self.home.mkdir(parents=True, exist_ok=True)
        told = self.home / "summary.json"
        done = subprocess.run(
            self.command(*program, flags=("--json", str(told), *flags)),
            env=self.environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        summary = json.loads(told.read_text()) if told.exists() else {}
        return Ran(done.returncode, done.stdout, done.stderr, summary)

    def patiently(self, *program: str | Path) -> Ran:
        """Run a program to its end, and again as long as a server behind the gateway is too slow for it on this machine just now.

        Servers get 20 seconds for an answer, which a busy machine may need for one that does nothing wrong.
        """
        until = time.monotonic() + PATIENCE
        while True:
            ran = self.run(*program)
            if ran.code == 0 or not _TOO_SLOW.search(ran.out + ran.err) or time.monotonic() > until:
                return ran

    def start(self, *program: str | Path) -> subprocess.Popen[str]:
        """Start a program, in a process group of its own."""
        self.home.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            self.command(*program),
            env=self.environ,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
