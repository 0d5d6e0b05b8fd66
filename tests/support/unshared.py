"""Runs a module of the tests in namespaces of its own, where it may mount small file systems, and be root without being it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_unshared(module: str, folder: Path, *, net: bool = False, seconds: int = 200) -> str:
    """Run `python -m MODULE FOLDER` in a mount namespace of its own, net: and a network of its own; return what it printed.

    Fails with what it printed, and with the end of the log of a node in `folder`, if it does not exit with 0.
    """
    namespaces = [*(["-n"] if net else []), *(["-m"] if os.geteuid() == 0 else ["-U", "-r", "-m"])]
    done = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-m", module, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    log = folder / "node.log"
    assert done.returncode == 0, done.stdout + done.stderr[-6000:] + (log.read_text()[-4000:] if log.exists() else "")
    return done.stdout
