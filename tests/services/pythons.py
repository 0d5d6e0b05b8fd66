"""Other Python versions on this machine, each with what the scanner needs; standard library only.

Verdicts must be the same on every Python version (tests/scan/test_versions.py), so every interpreter from 3.11 on that the
machine has gets an environment in `.venv-clients/pythons/VERSION`, from the same hashed lock as the project's own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-clients" / "pythons"
NEEDED = ("backports-zstd", "jinja2", "lz4", "markupsafe", "msgspec", "pyyaml", "rfc8785")
"""Distributions that `hanse.scan` and its ruleset import."""
_PROBE = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


def interpreters() -> dict[str, Path]:
    """Return version -> interpreter of every other Python from 3.11 on, by PATH, pyenv and Debian; not the calling version."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = [*pyenv.glob("versions/*/bin/python3"), Path("/usr/bin/python3"), Path("/usr/local/bin/python3")]
    places += [Path(path) for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))]
    own = ".".join(map(str, sys.version_info[:3]))
    found = {_version(place): place for place in places if place.exists()}
    return {version: found[version] for version in sorted(found) if version not in {own, ""}}


def _version(python: Path) -> str:
    """Return the version of an interpreter from 3.11 on that can make environments, else nothing."""
    done = subprocess.run([python, "-c", _PROBE + "; import ensurepip, venv"], capture_output=True, text=True, check=False)
    text = done.stdout.strip()
    return text if done.returncode == 0 and re.fullmatch(r"3\.(1[1-9]|[2-9]\d)\.\d+", text) else ""


def locked(version: str = "3.11") -> str:
    """Return the part of requirements.lock about what the scanner needs under a Python version, hashes included."""
    needed = set(NEEDED) - ({"backports-zstd"} if int(version.split(".")[1]) >= 14 else set())  # there it is `compression.zstd`
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==.*?(?=^[A-Za-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    assert needed <= {name.lower() for name in blocks}, "requirements.lock lacks what the scanner needs"
    return "".join(part for part in parts if re.split(r"[=\[]", part)[0].lower() in needed)


def build() -> list[Path]:
    """Bring the environments up to date and return their interpreters."""
    made = []
    for version, python in interpreters().items():
        wanted = locked(version)
        folder = FOLDER / version
        stamp = folder / "stamp"
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", folder], check=True)
            (folder / "requirements.txt").write_text(wanted)
            pip: list[str | Path] = [
                folder / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
            ]
            subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", folder / "requirements.txt"], check=True)
            stamp.write_text(digest)
        made.append(folder / "bin" / "python")
    return made


if __name__ == "__main__":
    print(f"other pythons: {', '.join(path.parts[-3] for path in build()) or 'none'}", flush=True)
