"""A full disk: refused with 507, nothing acknowledged is lost, and all goes on once there is space."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.soak
def test_full_disk(tmp_path: Path) -> None:
    """Uploads by Xet, LFS and commits until the data folder's small file system is full: see `tests.faults.full_disk`."""
    namespaces = ["-m"] if os.geteuid() == 0 else ["-U", "-r", "-m"]
    done = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-m", "tests.faults.full_disk", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    log = tmp_path / "node.log"
    assert done.returncode == 0, done.stdout + done.stderr[-6000:] + (log.read_text()[-4000:] if log.exists() else "")
    assert "files acknowledged" in done.stdout
