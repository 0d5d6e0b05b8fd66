"""`hanse export` to a folder and to an archive beside a plain copy of the same stored bytes, in turns, all flushed to disk.

The node has one file of the bench's size, so nearly all that is written are whole xorbs. The plain copy reads and writes 1 MiB at
a time and flushes each file, as the export does; it hashes nothing and records nothing.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.attesting import settle
from tests.support.leaving import MAIN, a_node, check
from tests.support.nodes import add_user
from tests.support.uploads import upload

from bench.common import Bench, Row, interleave, ratio
from hanse.flows.leaving.export import export
from hanse.flows.node import Node
from hanse.flows.publish import CommitRequest, publish
from hanse.flows.repos import create_repo
from hanse.model.repo import RepoId, RepoType, Visibility

_PIECE = 1 << 20


def run(bench: Bench) -> list[Row]:
    """Measure wall time and CPU seconds of the three, and of verifying the folder."""
    with a_node(bench.folder / "node") as node:
        _fill(node, bench.random_file().read_bytes())
        objects, cpu = bench.folder / "node" / "objects" / "xorbs", dict[str, list[float]]()
        runs = {
            "copy": _timed(bench, cpu.setdefault("copy", []), lambda target: _copy(objects, target)),
            "folder": _timed(bench, cpu.setdefault("folder", []), lambda target: export(node, target)),
            "archive": _timed(bench, cpu.setdefault("archive", []), lambda target: export(node, target / "x.tar")),
        }
        for one in runs.values():
            one()
        found = interleave(bench.rounds, **runs)
        export(node, bench.folder / "verified")
    rows = [Row(f"{name}, wall (CPU) s", f"{found[name]} ({_median(cpu[name]):.2f})") for name in runs]
    rows.append(Row("copy / export to a folder, wall", ratio(found["copy"], found["folder"]), ">= 0.8 x"))
    rows.append(Row("copy / export to an archive, wall", ratio(found["copy"], found["archive"]), ">= 0.8 x"))
    start, used = time.perf_counter(), time.process_time()
    report = check(bench.folder / "verified", bench.folder / "home")
    assert not report.failed
    wall = time.perf_counter() - start
    rows.append(
        Row("hanse verify of the folder, MB/s (CPU s)", f"{bench.size / wall / 1e6:.0f} ({time.process_time() - used:.2f})")
    )
    return rows


def _fill(node: Node, data: bytes) -> None:
    alice = add_user(node, "alice")
    repo = create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, "alice", "m"), Visibility.PUBLIC)
    publish(node, alice, repo, MAIN, CommitRequest("weights", "", None, (upload(node, alice, repo, "blob.dat", data),)))
    settle(node)


def _timed(bench: Bench, cpu: list[float], act: Callable[[Path], object]) -> Callable[[], float]:
    """Return a measurement of one act on a new folder, whose CPU seconds are noted, too."""

    def once() -> float:
        target = bench.folder / "target"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        os.sync()
        start, used = time.perf_counter(), time.process_time()
        act(target)
        wall = time.perf_counter() - start
        cpu.append(time.process_time() - used)
        return wall

    return once


def _copy(objects: Path, target: Path) -> None:
    for path in objects.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as source, (target / path.name).open("wb", buffering=0) as out:
                while data := source.read(_PIECE):
                    out.write(data)
                os.fsync(out.fileno())


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
