"""A hostile origin behind the gateway and `hanse pull`: nothing false reaches the user, nothing hangs, the right file comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from tests.docs.conform_report import subject
from tests.support.seeds import run_seed

from hanse.conform.cases import CASES, Case
from hanse.conform.internal import InternalServer
from hanse.conform.origin import HubOrigin
from hanse.conform.outcome import Verdict
from hanse.conform.report import line
from hanse.conform.suite import Result, Suite, chosen

GATEWAY, PULL = "hanse gateway", "hanse pull"
PATIENCE = 120.0
"""Seconds, far more than either needs, for a machine that has much else to do."""
FIRST = ("wrong-bytes", "second-claims", "old-state", "redirect-internal", "bad-paths", "poisoned-xet")
"""The cases of the gateway that run every time; `make soak-long` runs all."""
DAYS = 13
"""After so many days every case has run against `hanse pull`; neighbours, which are slow alike, run on different days."""


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin(xet=True, chunk_lists=True) as origin:
        yield origin


def results(origin: HubOrigin, name: str, cases: Sequence[Case]) -> list[Result]:
    """Run cases against a subject of docs/conform.md."""
    with InternalServer() as internal, subject(name, origin, patience=PATIENCE) as examined:
        return list(Suite(origin, examined, internal).run(cases))


def failed(origin: HubOrigin, name: str, cases: Sequence[Case]) -> list[str]:
    """Run cases; returns the lines of those in which a subject did not do all that can be asked of it."""
    return [line(result) for result in results(origin, name, cases) if not result.verdict.ok]


def test_the_gateway_gives_nothing_false(origin: HubOrigin) -> None:
    """The worst an origin does to a client of the gateway is to be refused, until it is honest."""
    assert failed(origin, GATEWAY, chosen(FIRST)) == []


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_pull_gives_nothing_false(origin: HubOrigin) -> None:
    """`hanse pull` ends with the right file or with an error, and with the right file from an honest origin: a slice a day."""
    seed = run_seed()
    print(f"HANSE_TEST_SEED={seed}")
    assert failed(origin, PULL, CASES[seed % DAYS :: DAYS]) == []


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", [GATEWAY, PULL])
def test_the_whole_suite(origin: HubOrigin, name: str, case: Case) -> None:
    """Every case ends in time with the right file or an error, and the right file comes from an origin that is honest again."""
    assert failed(origin, name, [case]) == []


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_what_was_cut_and_altered_is_mended(origin: HubOrigin) -> None:
    """An origin that alters bytes, cuts, and then sends the right ones gives the user the right file, and is named."""
    (result,) = results(origin, GATEWAY, chosen(("abort-then-resume",)))
    assert result.verdict is Verdict.RIGHT
