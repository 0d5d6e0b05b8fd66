"""Programs of a newer Debian than the tests run on: on the PATH or where tests/services/debian_program.sh puts them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def find(program: str, package: str, suite: str) -> str:
    """Return the path of a program of a package, which is fetched from a suite if it is not here."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".cache" / package / "usr" / "bin")])
    if shutil.which(program, path=path) is None:
        subprocess.run([ROOT / "tests" / "services" / "debian_program.sh", package, suite], check=True)
    found = shutil.which(program, path=path)
    assert found is not None
    return found
