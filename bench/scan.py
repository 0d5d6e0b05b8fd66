"""The scanner beside picklescan, modelaudit and a plain SHA-256 pass, each in processes of their own, in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.samples.worst import WORST
from tests.services.clients import client_python

from bench.common import Bench, Row, Spread, interleave, ratio

PEERS = {"picklescan": "picklescan==1.0.5", "modelaudit": "modelaudit==0.2.54"}
ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120.0
_HASH = """
import hashlib, sys, time
t = time.process_time()
hashlib.file_digest(open(sys.argv[1], "rb"), "sha256")
print(time.process_time() - t)
"""
_PICKLESCAN = """
import sys, time
from picklescan.scanner import scan_file_path
t = time.process_time()
scan_file_path(sys.argv[1])
print(time.process_time() - t)
"""
_MODELAUDIT = """
import sys, time
from modelaudit.core import scan_model_directory_or_file
t = time.process_time()
scan_model_directory_or_file(sys.argv[1])
print(time.process_time() - t)
"""
_FOREST = """
import pickle, sys
import numpy as np
from sklearn.ensemble import RandomForestRegressor
rng = np.random.default_rng(1)
x = rng.normal(size=(40000, 8))
forest = RandomForestRegressor(n_estimators=int(sys.argv[2]), n_jobs=2, random_state=1).fit(x, rng.normal(size=40000))
with open(sys.argv[1], "wb") as out:
    pickle.dump(forest, out)
"""
_DICTS = """
import pickle, random, sys
rng = random.Random(1)
rows = [{"id": n, "text": f"row {n}", "score": rng.random(), "tags": ["a", "b"], "label": n % 7} for n in range(int(sys.argv[2]))]
with open(sys.argv[1], "wb") as out:
    pickle.dump(rows, out, 4)
"""
_TORCH = """
import sys, torch
layers = int(sys.argv[2])
torch.save({f"layer.{n}.weight": torch.zeros(1024, 1024) for n in range(layers)}, sys.argv[1])
"""
_TENSORS = """
import sys, torch
from safetensors.torch import save_file
save_file({f"layer.{n}.weight": torch.zeros(1024, 1024) for n in range(int(sys.argv[2]))}, sys.argv[1])
"""


def _peers() -> Path:
    """Return the interpreter of the environment with the other scanners; built at the first run."""
    folder = ROOT / ".cache" / "scanners"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS.values()], check=True)
        (folder / "ready").touch()
    return python


def _seconds(python: Path | str, code: str, file: Path) -> float:
    """Return the CPU seconds that `code` prints for `file`; LIMIT where it did not end before."""
    try:
        done = subprocess.run([python, "-c", code, file], capture_output=True, text=True, check=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return LIMIT
    return float(done.stdout.split()[-1])


def _ours(file: Path, path: str) -> dict[str, float | str]:
    command = [sys.executable, "-m", "tests.scan.once", str(file), path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT, cwd=ROOT)
    told: dict[str, float | str] = json.loads(done.stdout)
    return told


def _make(code: str, file: Path, count: int) -> Path:
    subprocess.run([client_python("torch"), "-W", "ignore", "-c", code, file, str(count)], check=True, timeout=600)
    return file


def _compared(bench: Bench, what: str, file: Path, rivals: Mapping[str, Callable[[], float]], reach: str) -> list[Row]:
    outcome = _ours(file, file.name)
    found = interleave(bench.rounds, hanse=lambda: float(_ours(file, file.name)["seconds"]), **rivals)
    size = file.stat().st_size / 1e6
    ours = found.pop("hanse")
    warm = float(outcome["again"]) * 1000
    told = f"{ours} s, {size / max(ours.median, 1e-4):,.0f} MB/s, {outcome['verdict']}/{outcome['coverage']}"
    told += f"; {warm:.1f} ms where the process scanned such a file before" if warm < 100 else ""
    rows = [Row(f"{what} ({size:,.0f} MB): hanse", told, reach)]
    return rows + [Row(f"{what}: {name}", f"{value} s; hanse {ratio(ours, value)}") for name, value in found.items()]


def _large(bench: Bench, python: Path) -> list[Row]:
    """Files of real libraries."""
    mib = bench.size >> 20
    rows = []
    makers = {
        "safetensors": (_TENSORS, "model.safetensors", mib // 4, "<= 20 ms over hashing"),
        "torch zip": (_TORCH, "model.pt", mib // 4, "<= 20 ms over hashing"),
        "sklearn forest": (_FOREST, "forest.pkl", 50, "faster than picklescan"),
        "list of dicts": (_DICTS, "rows.pkl", 800_000, "faster than picklescan"),
    }
    for what, (code, name, count, reach) in makers.items():
        file = _make(code, bench.folder / name, count)
        codes = {"sha256": _HASH, "picklescan": _PICKLESCAN, "modelaudit": _MODELAUDIT}
        rivals = {rival: partial(_seconds, python, told, file) for rival, told in codes.items()}
        rows += _compared(bench, what, file, rivals, reach)
        file.unlink()
    return rows


def _worst(bench: Bench, python: Path) -> list[Row]:
    """Measure the hostile files: the worst of ours, and both peers on the classic one."""
    told = {}
    for number, (name, (path, make)) in enumerate(WORST.items()):
        file = bench.folder / f"worst{number}"
        file.write_bytes(make())
        told[name] = _ours(file, path)
        if name == "pickle: millions of opcodes before a payload":
            classic = file.rename(bench.folder / "classic.pkl")
            peers = [Spread(one, one, one) for one in (_seconds(python, code, classic) for code in (_PICKLESCAN, _MODELAUDIT))]
        else:
            file.unlink()
    slowest = sorted(told, key=lambda name: -float(told[name]["seconds"]))[:5]
    largest = max(told, key=lambda name: float(told[name]["memory"]))
    rows = [Row(f"hostile 10 MB, {name}", f"{float(told[name]['seconds']):.2f} s", "<= 2 s") for name in slowest]
    rows.append(Row(f"most memory: {largest}", f"{float(told[largest]['memory']) / 2**20:.0f} MiB", "<= 256 MiB"))
    for name, value in zip(PEERS, peers, strict=True):
        rows.append(Row(f"millions of opcodes before a payload: {name}", f"{value.median:.1f} s"))
    return rows


def _cold(bench: Bench) -> Row:
    file = bench.folder / "small.json"
    file.write_text("{}")

    def start() -> float:
        begun = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("hanse"), "scan", file], check=True, capture_output=True)
        return time.perf_counter() - begun

    return Row("cold start of `hanse scan` (wall)", f"{interleave(5, cold=start)['cold']} s", "<= 0.3 s")


def run(bench: Bench) -> list[Row]:
    """Compare speed on large real files and on hostile ones."""
    python = _peers()
    return [*_large(bench, python), *_worst(bench, python), _cold(bench)]
