"""Runs a fuzz target within bounds of time, count and memory, and says how to see a failure again.

The seed (tests/support/seeds.py) is part of every failure message.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzz.mutate import MAX_INPUT, Mutator

from hanse.errors import HanseError

MEMORY_FLOOR = 6 * 1024 * 1024
MEMORY_FACTOR = 40
"""An input of n bytes may take MEMORY_FLOOR + MEMORY_FACTOR * n bytes; what is allocated by a declared size takes far more."""
SECONDS_FACTOR = 20e-6
"""And Target.seconds + SECONDS_FACTOR * n seconds of processor time."""


@dataclass(frozen=True)
class Target:
    """A function that may raise nothing but HanseError, valid inputs for it, words of its format, its longest time, its memory.

    memory: bytes that any input may take, however short.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()
    seconds: float = 1.5
    memory: int = MEMORY_FLOOR


@dataclass
class Report:
    """What a run did: inputs tried, those taken without a refusal, and the largest memory and time of one of them."""

    tried: int = 0
    taken: int = 0
    memory: int = 0
    slowest: float = 0.0


class Broken(AssertionError):
    """A target failed; the message holds seed and input."""


def fuzz(name: str, target: Target, *, seed: int, seconds: float, count: int = 1_000_000) -> Report:
    """Try the seeds and then mutations of them until time or count is over; raises Broken."""
    report = Report()
    mutator = Mutator(random.Random(f"{seed} {name}"), target.seeds, target.words)
    tracemalloc.start()
    try:
        for data in target.seeds:
            _one(name, target, data, seed, report)
        if report.taken != len(target.seeds):
            raise Broken(f"{name}: {report.taken} of {len(target.seeds)} valid inputs were taken")
        end = time.monotonic() + seconds
        while report.tried < count and time.monotonic() < end:
            _one(name, target, mutator.make(), seed, report)
    finally:
        tracemalloc.stop()
    return report


def _one(name: str, target: Target, data: bytes, seed: int, report: Report) -> None:
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        taken, took = _timed(target, data)
    except BaseException as error:
        raise Broken(_message(name, seed, data, f"{type(error).__name__}: {error}")) from error
    memory = tracemalloc.get_traced_memory()[1] - before
    report.tried += 1
    report.taken += taken
    report.memory, report.slowest = max(report.memory, memory), max(report.slowest, took)
    if memory > target.memory + MEMORY_FACTOR * len(data):
        raise Broken(_message(name, seed, data, f"took {memory} bytes of memory"))
    most = target.seconds + SECONDS_FACTOR * len(data)
    if took > most and (again := min(_timed(target, data)[1] for _ in range(3))) > most:  # once may be the machine
        raise Broken(_message(name, seed, data, f"took {again:.1f} seconds"))


def _timed(target: Target, data: bytes) -> tuple[bool, float]:
    """Tell whether an input is taken, and what processor time that takes."""
    start, taken = time.process_time(), True
    try:
        target.run(data)
    except HanseError:
        taken = False
    return taken, time.process_time() - start


def _message(name: str, seed: int, data: bytes, what: str) -> str:
    shown = data if len(data) <= 2000 else data[:1900] + b" ... " + data[-95:]
    return f"{name}, HANSE_TEST_SEED={seed}, {len(data)} of at most {MAX_INPUT} bytes: {what}\ninput: {shown!r}"
