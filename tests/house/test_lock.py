"""requirements.lock: everything pinned by hash, no address, and enough to install from scratch."""

from __future__ import annotations

import re
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


def normal(name: str) -> str:
    """Return a distribution's normalised name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pin_has_hashes_and_no_address() -> None:
    """A locked distribution is one version with SHA-256 digests, from wherever pip is configured to look."""
    blocks = re.split(r"\n(?=[a-z0-9])", "\n" + LOCK)[1:]
    assert len(blocks) > 40
    assert all(re.match(r"[a-z0-9._\[\],-]+==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    assert "://" not in LOCK


def test_every_dependency_is_locked() -> None:
    """What pyproject.toml and requirements.in ask for is in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + (ROOT / "requirements.in").read_text().splitlines()
    names = {normal(re.split(r"[\[<>=~ ]", line)[0]) for line in asked if line and not line.startswith("#")}
    locked = {normal(match) for match in re.findall(r"^([A-Za-z0-9._-]+)", LOCK, re.MULTILINE)}
    assert names <= locked


@pytest.mark.soak
def test_the_lock_installs_from_scratch(tmp_path: Path) -> None:
    """`pip install --require-hashes` of the lock alone makes an environment without conflicts."""
    venv.create(tmp_path / "env", with_pip=True)
    pip = [str(tmp_path / "env" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", "-q"]
    subprocess.run([*pip, "install", "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True, timeout=280)
    subprocess.run([*pip, "check"], check=True, timeout=60)
