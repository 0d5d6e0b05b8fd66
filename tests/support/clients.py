"""Unmodified Hugging Face clients as test tools: `hf` and Python of the separate environments, npm's client."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.services.clients import client_hf, client_python
from tests.support.live import ADMIN_TOKEN, LiveNode

TIMEOUT = 240


class ClientFailed(AssertionError):
    """A client ended with an error; the message holds everything it printed and the end of the node's log."""


@dataclass(frozen=True)
class Client:
    """One client environment with a home folder of its own, pointed at one node."""

    name: str
    node: LiveNode
    home: Path
    xet: bool = True
    token: str = ADMIN_TOKEN
    extra: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()  # put before every command, such as `taskset -c 0`
    limit: float = TIMEOUT  # seconds that one command may take

    def with_env(self, **extra: str) -> Client:
        """Return the same client with more environment variables."""
        return replace(self, extra={**self.extra, **extra})

    def fresh(self, home: Path) -> Client:
        """Return the same client with an empty home folder."""
        return replace(self, home=home)

    def env(self) -> dict[str, str]:
        """Return the client's whole environment."""
        return self.node.client_env(self.home, token=self.token, xet=self.xet, **dict(self.extra))

    def hf(self, *arguments: str | Path) -> str:
        """Run the `hf` command and return its standard output; raises ClientFailed."""
        return self._run([str(client_hf(self.name)), *map(str, arguments)])

    def python(self, code: str, *arguments: str | Path) -> Any:
        """Run Python code in the environment; it prints one JSON value as its last line, which is returned."""
        body = textwrap.dedent(code)
        out = self._run([str(client_python(self.name)), "-c", body, *map(str, arguments)])
        lines = out.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def _run(self, command: list[str]) -> str:
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                [*self.prefix, *command],
                capture_output=True,
                text=True,
                env=self.env(),
                timeout=self.limit,
                check=False,
                cwd=self.home,
            )
        except subprocess.TimeoutExpired as error:
            raise ClientFailed(f"{command[1:4]} hung\n{error.stdout!r}\n{error.stderr!r}\n{self.node.log()}") from error
        if done.returncode:
            raise ClientFailed(f"{command[1:4]} exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.node.log()[-3000:]}")
        return done.stdout


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` by relative path, without the clients' own bookkeeping."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = ((path.relative_to(folder).as_posix(), path) for path in found)
    return {name: path.read_bytes() for name, path in names if not name.startswith((".cache/", ".git/"))}


def sample_folder(folder: Path, *, seed: int = 1) -> dict[str, bytes]:
    """Write a small mixed repository (big binary, text, empty, nested, odd names) and return its files."""
    import random

    rng = random.Random(seed)
    files = {
        "model.safetensors": _safetensors(rng.randbytes(6_000_000)),
        "repeated.bin": rng.randbytes(100_000) * 30,
        "config.json": json.dumps({"model_type": "bert", "seed": seed}).encode(),
        "README.md": f"---\nlicense: apache-2.0\ntags:\n- test\n---\n# Sample {seed}\n".encode(),
        "empty.txt": b"",
        "sub/deep/notes.txt": "grüße, 世界\n".encode(),
        "sub/with space & 100%.txt": b"odd name\n",
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def _safetensors(data: bytes) -> bytes:
    count = len(data) // 4
    header = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, count * 4]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[: count * 4]


def free_of_proxies() -> dict[str, str]:
    """Return the machine's environment without proxy variables."""
    return {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
