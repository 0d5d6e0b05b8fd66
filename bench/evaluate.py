"""Evaluations: the driver beside the bare engine, checking a large record, an audit beside the run, and how fast help comes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from tests.interop.test_engines import arithmetic
from tests.interop.test_harnesses import LM_EVAL
from tests.services.clients import SMOLLM2_GGUF, client_python
from tests.unit.evals import test_record as records

from bench.common import Bench, Row
from hanse.evals.engine import Answer, Ask
from hanse.evals.itemtable import ItemTable, Status, parse_table
from hanse.evals.itemtable import Row as ItemRow
from hanse.evals.record import CheckedRun, WeightsClass, make_record
from hanse.evals.suite import Item, Suite
from hanse.flows.evaluate.audit import audit
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import Subject
from hanse.flows.exchange.driving import Drive, drive
from hanse.flows.exchange.importing import Wanted
from hanse.jobs.engine import EngineLimits, LocalEngine
from hanse.jobs.harness import Harness
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

ITEMS, LARGE, AUDITED = 60, 10_000, 20
DRAWN, OF = 60, 400
"""Items that an audit draws, which miss 5 % of invented ones in 4.6 % of audits, and items of the suite that are assumed."""
TEXT = b"bench.example\n12\n" + b"A" * 43 + b"=\n"


def run(bench: Bench) -> list[Row]:
    """Return the rows."""
    return [*_driver(bench), *_harness(bench), _large(), _help()]


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


class _Timed:
    """An engine that notes when it is asked and when it has answered."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.stamps: list[tuple[float, float]] = []
        self.observed = engine.observed

    def answer(self, ask: Ask) -> Answer:
        """Answer, and note it."""
        before = time.perf_counter()
        answer = self._engine.answer(ask)
        self.stamps.append((before, time.perf_counter()))
        return answer

    def close(self) -> None:
        """Leave the engine to its owner."""

    def between(self) -> float:
        """Return the median time from an answer to the next question, in seconds."""
        rests = [later[0] - earlier[1] for earlier, later in pairwise(self.stamps)]
        return sorted(rests)[len(rests) // 2]


def _harness(bench: Bench) -> list[Row]:
    """Run the same items by our driver and by lm-eval, on one engine in one call, and time what lies between two answers."""
    suite = _small()
    rows = [{"q": item.messages[0][1], "target": item.target} for item in suite.items]
    (bench.folder / "sums.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (bench.folder / "sums.yaml").write_text(LM_EVAL)
    subject = Subject(Sha256("a" * 64), "bench", WeightsClass.LOCAL, SMOLLM2_GGUF)
    engine = LocalEngine("xllamacpp", SMOLLM2_GGUF, EngineLimits(), str(client_python("evals")))
    ours, theirs = _Timed(engine), _Timed(engine)
    before = getrusage(RUSAGE_CHILDREN)
    try:
        evaluate(Order(suite, subject, bench.folder / "ours", Origin("bench.example")), ours)
        with closing(Harness("lm-eval", str(client_python("harness")))) as plugin:
            wanted = Wanted("", "", bench.folder / "theirs", Origin("bench.example"), None, subject)
            drive(Drive(str(bench.folder / "sums.yaml"), wanted, subject), plugin, theirs)
        after = getrusage(RUSAGE_CHILDREN)
    finally:
        engine.close()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [
        Row(f"from an answer to the next question, median, {ITEMS} items: our driver", f"{1000 * ours.between():.2f} ms", ""),
        Row(f"the same items by lm-eval {plugin.describe().version}, driven", f"{1000 * theirs.between():.2f} ms", ""),
        Row("processor time of lm-eval's process, start to end", f"{spent:.1f} s", ""),
    ]


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
