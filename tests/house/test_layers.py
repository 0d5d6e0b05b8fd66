"""Imports point one way only: the contracts of `[tool.importlinter]` hold, and they can fail."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
WORDS = (" open(", "datetime.now(", "hanse.clock", "secrets.token", "secrets.choice", "secrets.rand", "uuid4(")


def test_contracts_hold() -> None:
    """import-linter finds no import that points upwards or leaves the engines' purity."""
    done = subprocess.run([LINTER], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_package_is_in_a_layer() -> None:
    """A package that no layer names would be free of every rule."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")}
    packages = {f"hanse.{path.parent.name}" for path in (ROOT / "src" / "hanse").glob("*/__init__.py")}
    assert packages <= layers


def test_engines_read_no_clock_and_open_no_file() -> None:
    """Engines and model call neither open() nor the clock: bytes and `now` come in as arguments."""
    for package in ("content", "policy", "scan", "sign", "tlog", "model"):
        for path in (ROOT / "src" / "hanse" / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            found = [word for word in WORDS if word in source]
            assert not found, f"{path.name}: {found}"
