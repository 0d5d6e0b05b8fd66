"""The systemd unit: what it runs, how it is confined, where it is written."""

from __future__ import annotations

import configparser
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hanse.cli.main import run
from hanse.cli.service import unit_text


def parsed(text: str) -> configparser.ConfigParser:
    """Return the unit as sections and keys."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_the_unit_runs_this_installation() -> None:
    """ExecStart names the interpreter that has Hanse, the data folder and the settings file."""
    unit = parsed(unit_text(Path("/opt/py"), Path("/srv/data"), Path("/etc/hanse.toml")))
    wanted = ["/opt/py", "-m", "hanse", "serve", "--data", "/srv/data", "--config", "/etc/hanse.toml"]
    assert shlex.split(unit["Service"]["ExecStart"]) == wanted


def test_paths_cannot_inject_directives_or_specifiers() -> None:
    """Spaces, quotes, percent and dollar signs in a path stay part of the path."""
    text = unit_text(Path("/opt/py"), Path('/srv/my "data" 100%/$HOME'), None)
    assert '"/srv/my \\"data\\" 100%%/$$HOME"' in text


def test_the_unit_is_confined() -> None:
    """The service gains no privileges and writes only to its data folder."""
    service = parsed(unit_text(Path("/opt/py"), Path("/srv/data"), None))["Service"]
    assert service["NoNewPrivileges"] == "yes"
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", '"/srv/data"')
    assert service["UMask"] == "0077"


def test_install_writes_unit_and_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`service install --user` writes a unit that others may read, makes the private data folder and says how to start."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    assert run(["service", "install", "--user"]) == 0
    unit = tmp_path / "config" / "systemd" / "user" / "hanse.service"
    assert stat.S_IMODE(unit.stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "home" / "node").stat().st_mode) == 0o700
    assert "systemctl --user enable --now hanse.service" in capsys.readouterr().out


def test_install_without_user_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written unless the caller says for whom."""
    assert run(["service", "install"]) == 1
    assert "--user" in capsys.readouterr().err


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """The checker of systemd finds no fault in the unit."""
    unit = tmp_path / "hanse.service"
    unit.write_text(unit_text(Path(sys.executable), tmp_path, None))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
