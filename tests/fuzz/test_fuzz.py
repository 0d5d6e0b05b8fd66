"""Every parser of bytes from outside under structure-aware mutation: refusals only, bounded memory, bounded time."""

from __future__ import annotations

import pytest
from tests.fuzz.runner import Broken, Report, Target, fuzz
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets_scan import SCAN_TARGETS
from tests.fuzz.targets_tlog import TLOG_TARGETS
from tests.fuzz.targets_web import WEB_TARGETS
from tests.support.seeds import run_seed

from hanse.errors import BadFormat

ALL = TARGETS | WEB_TARGETS | SCAN_TARGETS | TLOG_TARGETS


def _run(name: str, seconds: float, count: int = 1_000_000) -> Report:
    seed = run_seed()
    report = fuzz(name, ALL[name], seed=seed, seconds=seconds, count=count)
    print(f"{name}: seed {seed}, {report}")
    assert report.tried > len(ALL[name].seeds)
    return report


@pytest.mark.parametrize("name", ALL)
def test_hostile_bytes(name: str) -> None:
    """A parser refuses what is not of its format, and nothing else happens."""
    _run(name, 0.5)


@pytest.mark.soak
@pytest.mark.parametrize("name", ALL)
def test_hostile_bytes_for_longer(name: str) -> None:
    """The same for five times as long."""
    _run(name, 2.5)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_hostile_bytes_for_long(name: str) -> None:
    """The same for ten minutes each."""
    _run(name, 600, 100_000_000)


def _raises(data: bytes) -> None:
    if len(data) > 3:
        raise KeyError(data[0])
    if data:
        raise BadFormat("short")


def _hoards(data: bytes) -> None:
    bytearray(int.from_bytes(data[:4], "little") % (64 * 1024 * 1024))


def test_the_runner_finds_what_it_looks_for() -> None:
    """An unexpected exception and an allocation by declared size are both found, and reported with the seed."""
    with pytest.raises(Broken, match="HANSE_TEST_SEED=7"):
        fuzz("raises", Target(_raises, [b""]), seed=7, seconds=2)
    with pytest.raises(Broken, match="bytes of memory"):
        fuzz("hoards", Target(_hoards, [bytes(8)]), seed=7, seconds=2)
