"""Energy that the machine's own meters count: RAPL for processors, NVML and hwmon for accelerators.

What there is no meter for, or may not be read, is not measured. Meters count the whole machine, other programs included.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

_RAPL = Path("/sys/class/powercap")
_HWMON = Path("/sys/class/hwmon")
_MAX_DEVICES = 64
_NVML = "libnvidia-ml.so.1"


class Meter:
    """Counts joules from when it is made. rapl, hwmon: where the system shows its meters."""

    def __init__(self, rapl: Path = _RAPL, hwmon: Path = _HWMON, nvml: str = _NVML) -> None:
        self._rapl, self._hwmon, self._library = rapl, hwmon, nvml
        self._before = self._read()

    def joules(self) -> dict[str, float]:
        """Return joules since then by meter (`rapl`, `hwmon`, `nvml`), without those that cannot be read or began anew."""
        after = self._read()
        return {
            name: value - self._before[name]
            for name, value in after.items()
            if name in self._before and value >= self._before[name]
        }

    def _read(self) -> dict[str, float]:
        found = {"rapl": _sum(sorted(self._rapl.glob("intel-rapl:[0-9]*"))[:_MAX_DEVICES], "energy_uj")}
        found["hwmon"] = _sum(sorted(self._hwmon.glob("hwmon*"))[:_MAX_DEVICES], "energy1_input")
        found["nvml"] = _nvml(self._library)
        return {name: value for name, value in found.items() if value is not None}


def _sum(folders: list[Path], name: str) -> float | None:
    """Return the sum of counters in microjoules, in joules; packages only, not the parts inside them."""
    values = []
    for folder in folders:
        if folder.name.count(":") > 1:
            continue
        try:
            values.append(int((folder / name).read_text(encoding="ascii")) / 1e6)
        except (OSError, ValueError):
            continue
    return sum(values) if values else None


def _nvml(name: str) -> float | None:
    """Return the energy of all NVIDIA devices since the driver was loaded, in joules."""
    try:
        library = ctypes.CDLL(name)
        if library.nvmlInit_v2() != 0:
            return None
        count, total, read = ctypes.c_uint(), 0, 0
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        for at in range(min(count.value, _MAX_DEVICES)):
            device, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
            if library.nvmlDeviceGetHandleByIndex_v2(at, ctypes.byref(device)) != 0:
                continue
            if library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(millijoules)) == 0:
                total, read = total + millijoules.value, read + 1
        library.nvmlShutdown()
    except (OSError, AttributeError):
        return None
    return total / 1e3 if read else None
