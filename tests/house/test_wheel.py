"""The wheel works where nothing else is installed: built, installed into a bare environment, asked for help, started, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", "-q")


def pins() -> str:
    """Return the versions of requirements.lock without their hashes, which pip takes as constraints."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = [re.match(r"([a-z0-9._-]+)(?:\[[a-z,-]+\])?(==[^ ]+)", line) for line in lines]
    return "".join(f"{match[1]}{match[2]}\n" for match in found if match)


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this tree with the locked build tool."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True, timeout=120)
    return next(folder.glob("hanse-*.whl"))


@pytest.fixture(name="bare", scope="module")
def _bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel and its dependencies, and nothing else, into a new environment; return its `bin` folder."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "env", with_pip=False)
    (folder / "pins.txt").write_text(pins())
    target = ("--python", folder / "env")
    subprocess.run([*PIP, *target, "install", "--no-compile", "-c", folder / "pins.txt", wheel], check=True, timeout=240)
    return folder / "env" / "bin"


def test_the_wheel_holds_the_package_and_no_tests(wheel: Path) -> None:
    """Code, typing mark, migrations, templates and licence travel; tests and tools do not."""
    names = zipfile.ZipFile(wheel).namelist()
    files = (path for path in (ROOT / "src" / "hanse").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {f"hanse/{path.relative_to(ROOT / 'src' / 'hanse')}" for path in files} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert all(name.startswith(("hanse/", "hanse-")) for name in names)


@pytest.mark.soak
def test_help(bare: Path) -> None:
    """`hanse --help` answers from the bare environment."""
    done = subprocess.run([bare / "hanse", "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "serve" in done.stdout


@pytest.mark.soak
def test_serve_and_stop(bare: Path, tmp_path: Path) -> None:
    """`hanse serve` says where it listens, answers /healthz, and ends with 0 on SIGTERM."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HANSE_")} | {"HANSE_HOME": str(tmp_path)}
    command = [str(bare / "hanse"), "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next((line.split()[-1] for line in lines if line.startswith("listening on ")), "nothing was said")
        with urllib.request.urlopen(address + "/healthz", timeout=120) as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "node").is_dir()
