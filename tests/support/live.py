"""A real node in its own process, for tests that use real clients: start, kill -9, restart, environment for clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import own_port

ADMIN_TOKEN = "hf_testadministratortoken0123456789abcd"
_START_SECONDS = 120


class LiveNode:
    """A `hanse serve` process over a data folder; `start` and `kill` may alternate."""

    def __init__(self, folder: Path, *, flags: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "node"
        self.flags = flags
        self.extra = dict(environ or {})
        self.url = ""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.output: list[str] = []
        self._drainer = threading.Thread()

    def start(self) -> None:
        """Start the process and wait until it listens; a second start takes the same port, which nobody else takes meanwhile."""
        self.port = self.port or own_port()
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("HANSE_", "HF_"))}
        environ |= {"HANSE_HOME": str(self.folder), "HANSE_ADMIN_TOKEN": ADMIN_TOKEN, "PYTHONUNBUFFERED": "1", **self.extra}
        command = [sys.executable, "-m", "hanse", "serve", "--data", str(self.data), "--port", str(self.port), *self.flags]
        with (self.folder / "node.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
        timer = threading.Timer(_START_SECONDS, self.process.kill)
        timer.start()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if line.startswith("listening on "):
                self.url = line.removeprefix("listening on ").strip()
                self.port = int(self.url.rpartition(":")[2])
                break
        timer.cancel()
        if not self.url or self.process.poll() is not None:
            raise AssertionError(f"the node did not start:\n{''.join(self.output)}{self.log()}")
        self._drainer = threading.Thread(target=self._drain, args=(self.process,), daemon=True)
        self._drainer.start()

    def _drain(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            self.output.extend(lines)

    def log(self) -> str:
        """Return the end of the node's log."""
        path = self.folder / "node.log"
        return path.read_text()[-8000:] if path.exists() else ""

    def kill(self) -> None:
        """Kill the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop the process as systemd would; return its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self._drainer.join(timeout=120)
        self.process = None
        return status

    def client_env(self, home: Path, *, token: str = ADMIN_TOKEN, xet: bool = True, **extra: str) -> dict[str, str]:
        """Return the environment of a Hugging Face client that talks to this node and to nothing else."""
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        base = {
            "HOME": str(home),
            "HF_HOME": str(home / "hf"),
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": token,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return keep | base | ({} if xet else {"HF_HUB_DISABLE_XET": "1"}) | extra

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body of a plain GET."""
        request = urllib.request.Request(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read()


@contextmanager
def live_node(folder: Path, *, flags: tuple[str, ...] = (), environ: Mapping[str, str] | None = None) -> Iterator[LiveNode]:
    """Run a node for the length of a `with` block."""
    node = LiveNode(folder, flags=flags, environ=environ)
    node.start()
    try:
        yield node
    finally:
        node.stop()
