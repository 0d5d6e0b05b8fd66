"""`hanse gateway`, as a process: start, env, status, stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hanse.conform.origin import HubOrigin
from hanse.flows.gateway.state import FILE

_READ = 'import os, urllib.request as u; print(u.urlopen(os.environ["HF_ENDPOINT"] + "/org/m/resolve/main/a.txt").read())'


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("HANSE_", "HF_")) and not key.lower().endswith("_proxy")
    }
    return {**kept, "HANSE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}


def _hanse(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hanse", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def _gateway(environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "hanse", "gateway", "--port", "0", *arguments]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on 127.0.0.1:")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_a_session(environ: dict[str, str], tmp_path: Path) -> None:
    """A shell that evaluates `env` reads through the gateway; `status` tells of it; `stop` ends it with a summary."""
    with HubOrigin({"org/m": {"a.txt": b"hi\n"}}) as origin, _gateway(environ, "--upstream", origin.url) as process:
        script = f"eval \"$('{sys.executable}' -m hanse gateway env)\" && '{sys.executable}' -c '{_READ}'"
        done = subprocess.run(["/bin/sh", "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout == "b'hi\\n'\n", done.stderr
        assert (tmp_path / "home" / FILE).stat().st_mode & 0o777 == 0o600
        assert "org/m@" in _hanse(environ, "gateway", "status").stdout
        assert json.loads(_hanse(environ, "gateway", "status", "--json").stdout)["files"] == 1
        taken = _hanse(
            environ, "gateway", "--port", json.loads((tmp_path / "home" / FILE).read_text())["url"].split(":")[2].split("/")[0]
        )
        assert (taken.returncode, "a gateway runs already" in taken.stderr) == (1, True)
        assert _hanse(environ, "gateway", "stop").returncode == 0
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "hanse: policy open: org/m@" in told
    assert not (tmp_path / "home" / FILE).exists()


@pytest.mark.soak
def test_none_runs(environ: dict[str, str]) -> None:
    """Without a gateway, and with the note of one that was killed, every question says that none runs."""
    for _ in range(2):
        for words in (["env"], ["status"], ["stop"]):
            done = _hanse(environ, "gateway", *words)
            assert done.returncode == 1
            assert done.stdout == ""
            assert "start one: hanse gateway" in done.stderr
        with _gateway(environ, "--upstream", "none") as process:
            process.kill()
