"""Any institution reproduces a verdict digest for digest: on every Python version, and in any process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.scan.corpus import present
from tests.scan.digests import write
from tests.services.pythons import build

ROOT = Path(__file__).resolve().parents[2]
OTHERS = build()


def run(python: Path | str, folder: Path, seed: str) -> dict[str, str]:
    """Return the digests that `tests.scan.digests` prints under another interpreter, with another order of hashes."""
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "PYTHONHASHSEED": seed}
    command = [python, "-m", "tests.scan.digests", folder]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=280)
    digests: dict[str, str] = json.loads(done.stdout)["digests"]
    return digests


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    assert write(folder) > 100
    return folder


@pytest.fixture(name="own", scope="module")
def _own(folder: Path) -> dict[str, str]:
    return run(sys.executable, folder, "1")


@pytest.mark.soak
def test_there_is_something_to_compare(own: dict[str, str]) -> None:
    """The samples, and the corpus where it is, have digests; at least one other Python version is here."""
    assert len(own) > (600 if present() else 100)
    assert OTHERS


@pytest.mark.soak
@pytest.mark.parametrize(
    "python",
    OTHERS,
    ids=[path.parts[-3] for path in OTHERS],
)
def test_other_versions_agree(python: Path, folder: Path, own: dict[str, str]) -> None:
    """Another Python version, with other hash seeds, gives the same facts and verdicts for every file."""
    other = run(python, folder, "2")
    assert {key for key in own | other if own.get(key) != other.get(key)} == set()
