"""Evaluations: the driver beside the bare engine, checking a large record, an audit beside the run, and how fast help comes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.interop.test_engines import arithmetic
from tests.services.clients import SMOLLM2_GGUF, client_python
from tests.unit.evals import test_record as records

from bench.common import Bench, Row
from hanse.evals.engine import Ask
from hanse.evals.itemtable import ItemTable, Status, parse_table
from hanse.evals.itemtable import Row as ItemRow
from hanse.evals.record import CheckedRun, WeightsClass, make_record
from hanse.evals.suite import Item, Suite
from hanse.flows.evaluate.audit import audit
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import Subject
from hanse.jobs.engine import EngineLimits, LocalEngine
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

ITEMS, LARGE, AUDITED = 60, 10_000, 20
DRAWN, OF = 60, 400
"""Items that an audit draws, which miss 5 % of invented ones in 4.6 % of audits, and items of the suite that are assumed."""
TEXT = b"bench.example\n12\n" + b"A" * 43 + b"=\n"


def run(bench: Bench) -> list[Row]:
    """Return the rows."""
    return [*_driver(bench), _large(), _help()]


def _small() -> Suite:
    suite = arithmetic()
    return Suite(**{name: getattr(suite, name) for name in suite.__slots__} | {"items": suite.items[:ITEMS]})


def _driver(bench: Bench) -> list[Row]:
    """Run the same items through the bare engine and through the driver, in turns, and audit some of them.

    An engine's own clocks do not know of audits, so that everything is processor time of its process.
    """
    suite = _small()
    engine = LocalEngine("xllamacpp", SMOLLM2_GGUF, EngineLimits(), str(client_python("evals")))
    subject = Subject(Sha256("a" * 64), "bench", WeightsClass.LOCAL, SMOLLM2_GGUF)
    shares, costs = [], []
    try:
        for at in range(bench.rounds):
            before = time.process_time()
            for item in suite.items:
                engine.answer(Ask(item, 0, suite.request, suite.decoding))
            bare = time.process_time() - before
            folder, used = bench.folder / f"run-{at}", _spent(engine)
            before = time.process_time()
            evaluate(Order(suite, subject, folder, Origin("bench.example")), engine)
            driver = time.process_time() - before - bare
            after = _spent(engine)
            shares.append(driver / (after - used))
            audit(read_run(folder), engine, TEXT, AUDITED)
            costs.append((_spent(engine) - after) / AUDITED / (after - used) * ITEMS)
    finally:
        engine.close()
    share, cost = sorted(shares)[len(shares) // 2], sorted(costs)[len(costs) // 2]
    return [
        Row(f"driver, processor time beside the engine's, {ITEMS} items of 4 tokens", f"{100 * share:.2f} %", "<= 3 %"),
        Row("audit (V2) of one item in llama.cpp, beside answering it", f"{cost:.2f} x", ""),
        Row(f"so {DRAWN} of {OF} items, beside the run", f"{100 * cost * DRAWN / OF:.1f} %", "<= 15 %"),
    ]


def _spent(engine: LocalEngine) -> float:
    """Return the processor time of the engine's process so far, in seconds."""
    fields = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _large() -> Row:
    """Check a record of 10,000 items against its table."""
    items = tuple(Item(f"q-{at:05}", f"q-{at:05}", (("user", f"What is {at} + 1?"),), str(at + 1)) for at in range(LARGE))
    suite = Suite(**{name: getattr(records.SUITE, name) for name in records.SUITE.__slots__} | {"items": items})
    rows = []
    for at, item in enumerate(items):
        digest = hashlib.sha256(item.id.encode()).hexdigest()
        rows.append(ItemRow(item.id, item.cluster, 0, Status.OK, digest, "", digest, 3, float(at % 2), digest[:32]))
    table = ItemTable(tuple(rows))
    record, data = make_record(suite, table, records.SAID), table.encode()
    before = time.process_time()
    CheckedRun.of(record, suite, parse_table(data))
    return Row(f"checking a record of {LARGE:,} items (V0), processor time", f"{time.process_time() - before:.2f} s", "<= 1 s")


def _help() -> Row:
    """Ask for help in a new process."""
    best = min(_once() for _ in range(3))
    return Row("hanse evaluate --help, cold, best of 3", f"{best:.2f} s", "<= 0.5 s")


def _once() -> float:
    before = time.perf_counter()
    command = [sys.executable, "-m", "hanse", "evaluate", "--help"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=Path(__file__).parents[1])
    return time.perf_counter() - before
