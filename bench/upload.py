"""`hf upload` of a large file, all checks on: server CPU and peak memory, by Xet and by LFS; what scanning adds.

Beside it, in turn with the uploads by Xet, what the same bytes cost without a server (`bench.floor`).
"""

from __future__ import annotations

import subprocess
import sys

from bench.common import GIB, Bench, Row, client, cpu_seconds, interleave, peak_memory, pid_of, ratio, spread


def run(bench: Bench) -> list[Row]:
    """Measure each way with a fresh node and fresh content, so that nothing is deduplicated."""
    rows = []
    for xet in (True, False):
        cpu: list[float] = []
        memory: list[float] = []
        floor: list[float] = []
        for number in range(bench.rounds):
            one = Bench(bench.folder / f"{xet}-{number}", bench.size, 1)
            one.folder.mkdir()
            big = one.random_file(seed=number)
            with one.node() as node:
                before = cpu_seconds(pid_of(node))
                client(one, node, xet=xet).hf("upload", "admin/big", big)
                cpu.append((cpu_seconds(pid_of(node)) - before) / (bench.size / GIB))
                memory.append(peak_memory(pid_of(node)) / 1e6)
            if xet:
                floor.append(_floor(one))
        name, reach = ("Xet", "<= 3.0") if xet else ("LFS", "own row")
        rows.append(Row(f"server CPU-s/GiB, hf upload, {name}", str(spread(cpu)), reach))
        if xet:
            rows.append(Row("the same bytes received, hashed, written and read without a server", str(spread(floor))))
            rows.append(Row("ratio", ratio(spread(cpu), spread(floor))))
        rows.append(Row(f"server peak memory MB, {name}", str(spread(memory)), "<= 300"))
    return rows + [_scanning(bench, xet=xet) for xet in (True, False)]


def _scanning(bench: Bench, *, xet: bool) -> Row:
    """Compare the server's CPU for a safetensors file with and without scanning, workers included, in turn."""
    number = 0

    def upload(mode: str) -> float:
        nonlocal number
        number += 1
        one = Bench(bench.folder / f"scan-{xet}-{number}", bench.size, 1)
        one.folder.mkdir()
        big = one.safetensors_file(seed=number)
        with one.node(HANSE_SCAN=mode) as node:
            before = cpu_seconds(pid_of(node))
            client(one, node, xet=xet).hf("upload", "admin/big", big)
            used = cpu_seconds(pid_of(node)) - before
        big.unlink()
        return used / (bench.size / GIB)

    found = interleave(bench.rounds, on=lambda: upload("enforce"), off=lambda: upload("off"))
    name = "Xet" if xet else "LFS"
    value = f"{found['on']} against {found['off']}: {ratio(found['on'], found['off'])}"
    return Row(f"server CPU-s/GiB, hf upload of safetensors, {name}, scanning on against off", value, "<= 1.1 x")


def _floor(bench: Bench) -> float:
    """Return the CPU-seconds per GiB that this machine needs at least."""
    command = [sys.executable, "-m", "bench.floor", str(bench.folder), str(bench.size >> 20)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
