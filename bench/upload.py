"""`hf upload` of a large file, all checks on: server CPU and peak memory, by Xet and by LFS."""

from __future__ import annotations

from bench.common import GIB, Bench, Row, client, cpu_seconds, peak_memory, pid_of, spread


def run(bench: Bench) -> list[Row]:
    """Measure each way with a fresh node and fresh content, so that nothing is deduplicated."""
    rows = []
    for xet in (True, False):
        cpu, memory = [], []
        for number in range(bench.rounds):
            one = Bench(bench.folder / f"{xet}-{number}", bench.size, 1)
            one.folder.mkdir()
            big = one.random_file(seed=number)
            with one.node() as node:
                before = cpu_seconds(pid_of(node))
                client(one, node, xet=xet).hf("upload", "admin/big", big)
                cpu.append((cpu_seconds(pid_of(node)) - before) / (bench.size / GIB))
                memory.append(peak_memory(pid_of(node)) / 1e6)
        name, reach = ("Xet", "<= 3.0") if xet else ("LFS", "own row")
        rows.append(Row(f"server CPU-s/GiB, hf upload, {name}", str(spread(cpu)), reach))
        rows.append(Row(f"server peak memory MB, {name}", str(spread(memory)), "<= 300"))
    return rows
