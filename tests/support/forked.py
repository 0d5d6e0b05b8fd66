"""Real nodes that start in a fraction of a second: forked from a process that has imported everything already.

What runs is `hanse serve` with its arguments and environment, in a process of its own that can be killed like any other; only
the two seconds of imports are spared. For all tests that need a node and do not start one to see how it starts.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.ports import own_port

_MODULES = (
    "hanse.cli.commands",
    "hanse.cli.main",
    "hanse.cli.serve",
    "hanse.app",
    "hanse.web.table",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_START_SECONDS = 120


class Mother:
    """The process that nodes are forked from; a context manager. prefix: command that it is run by."""

    def __init__(self, *prefix: str) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", "from tests.support.forked import mother; mother()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "PYTHONPATH": "src:."},
        )

    def ask(self, **order: Any) -> int:
        """Send an order and return its answer: a process id, or an exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()


def mother() -> None:
    """Import everything, then fork a node for each order read: {argv, env, log, out} -> process id; {wait: id} -> status."""
    for name in _MODULES:
        importlib.import_module(name)
    importlib.import_module("hanse.web.table").all_routes()
    importlib.import_module("hanse.flows.rulesets").builtin_ruleset()
    importlib.import_module("hanse.scan.dispatch").all_formats()
    gc.collect()
    gc.freeze()
    children: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if not child:
            _be_a_node(order)
        children.add(child)
        print(child, flush=True)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _be_a_node(order: dict[str, Any]) -> None:
    for path, number in ((order["out"], 1), (order["log"], 2)):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["env"])
    from hanse.cli.main import run

    status = 70
    try:
        status = run(order["argv"])
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        os._exit(status)


class ForkedNode(LiveNode):
    """A LiveNode whose processes come from a Mother."""

    environ_without: tuple[str, ...] = ()

    def __init__(
        self, mother_: Mother, folder: Path, *, flags: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, flags=flags, environ=environ)
        self._mother = mother_
        self.pid = 0

    def start(self) -> None:
        """Start the process and wait until it listens; a second start takes the same port, which nobody else takes meanwhile."""
        self.port = self.port or own_port()
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
        env = keep | {"HANSE_HOME": str(self.folder), "HANSE_ADMIN_TOKEN": ADMIN_TOKEN, **self.extra}
        env = {key: value for key, value in env.items() if key not in self.environ_without}
        out = self.folder / "node.out"
        at = out.stat().st_size if out.exists() else 0
        argv = ["serve", "--data", str(self.data), "--port", str(self.port), *self.flags]
        self.pid = self._mother.ask(argv=argv, env=env, out=str(out), log=str(self.folder / "node.log"))
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            text = out.read_bytes()[at:].decode() if out.exists() else ""
            line = next((line for line in text.splitlines(keepends=True) if line.startswith("listening on ")), "")
            if line.endswith("\n"):
                self.url = line.removeprefix("listening on ").strip()
                self.port = int(self.url.rpartition(":")[2])
                return
            if not _alive(self.pid):
                break
            time.sleep(0.005)
        raise AssertionError(f"the node did not start:\n{self.log()}")

    def _end(self, number: signal.Signals) -> int:
        if not self.pid:
            return 0
        os.kill(self.pid, number)
        status = self._mother.ask(wait=self.pid)
        self.pid = 0
        return status


@contextmanager
def forked_node(
    mother_: Mother, folder: Path, *, flags: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
) -> Iterator[ForkedNode]:
    """Run a node for the length of a `with` block."""
    node = ForkedNode(mother_, folder, flags=flags, environ=environ)
    node.start()
    try:
        yield node
    finally:
        node.stop()


def _alive(pid: int) -> bool:
    """Tell whether the process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
