"""Meters of energy: what is counted, what is not there, and counters that began anew."""

from __future__ import annotations

from pathlib import Path

from hanse.jobs.energy import Meter

NONE = "no-such-library.so"


def count(folder: Path, name: str, value: int) -> None:
    """Set a meter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{value}\n")


def test_counted(tmp_path: Path) -> None:
    """Packages are summed, the parts inside them are not; accelerators are counted beside."""
    rapl, hwmon = tmp_path / "rapl", tmp_path / "hwmon"
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        count(rapl / name, "energy_uj", 1_000_000)
    count(hwmon / "hwmon3", "energy1_input", 5_000_000)
    meter = Meter(rapl, hwmon, NONE)
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        count(rapl / name, "energy_uj", 3_000_000)
    count(hwmon / "hwmon3", "energy1_input", 5_500_000)
    assert meter.joules() == {"rapl": 4.0, "hwmon": 0.5}


def test_not_measured(tmp_path: Path) -> None:
    """Where there is no meter, or it cannot be read or began anew, there is no figure."""
    assert Meter(tmp_path, tmp_path, NONE).joules() == {}
    count(tmp_path / "intel-rapl:0", "energy_uj", 9)
    meter = Meter(tmp_path, tmp_path, NONE)
    count(tmp_path / "intel-rapl:0", "energy_uj", 3)
    assert meter.joules() == {}
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("?")
    assert Meter(tmp_path, tmp_path, NONE).joules() == {}


def test_this_machine() -> None:
    """Asking this machine's own meters never fails."""
    assert all(value >= 0 for value in Meter().joules().values())
