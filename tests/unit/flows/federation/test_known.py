"""Federations that are kept here: read again when they changed, and what they cost one who trusts none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, founded, founders

from hanse.errors import BadProof, StorageError
from hanse.flows.federation.change import YEAR
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.known import known_roots


def test_old_and_damaged_ones_are_errors(tmp_path: Path) -> None:
    """An expired or damaged federation is an error also for who read it before."""
    files = FederationFiles(tmp_path)
    files.keep(founded(founders(2), 2))
    assert known_roots(tmp_path, NOW).logs
    with pytest.raises(BadProof, match="expired"):
        known_roots(tmp_path, NOW + YEAR + 1)
    (tmp_path / NAME / "trusted.json").write_bytes(b"{}")
    with pytest.raises(StorageError, match="damaged"):
        known_roots(tmp_path, NOW)


def test_who_trusts_none_loads_nothing(tmp_path: Path) -> None:
    """Without a federation TUF is not loaded."""
    code = f"""
import sys
from pathlib import Path
from hanse.flows.federation.known import known_roots
known_roots(Path({str(tmp_path)!r}), 1)
sys.exit(any(name.split(".")[0] in ("tuf", "securesystemslib") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
