"""A hostile origin behind the gateway and `hanse pull`: nothing false reaches the user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.proxies import gateway

from hanse.conform.cases import CASES
from hanse.conform.internal import InternalServer
from hanse.conform.origin import HubOrigin
from hanse.conform.outcome import Verdict
from hanse.conform.report import line
from hanse.conform.subjects import Command, Server
from hanse.conform.suite import Suite, chosen

PULL = "{python} -m hanse pull {{repo}} --upstream {{origin}} --policy open --include {{file}} --to {{dir}}"
FIRST = ("wrong-bytes", "second-claims", "old-state", "redirect-internal", "bad-paths", "poisoned-xet")
"""The cases that run every time; `make soak-long` runs all."""


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin(xet=True, chunk_lists=True) as origin:
        yield origin


def unsafe(origin: HubOrigin, subject: Server | Command, names: tuple[str, ...]) -> list[str]:
    """Run cases; returns the lines of those in which something false or dangerous reached the user."""
    with InternalServer() as internal, closing(subject):
        results = list(Suite(origin, subject, internal).run(chosen(names)))
    return [line(result) for result in results if result.verdict.unsafe]


def test_the_gateway_gives_nothing_false(origin: HubOrigin, tmp_path: Path) -> None:
    """The worst an origin does to a client of the gateway is to be refused."""
    with gateway(origin.url, tmp_path) as url:
        assert unsafe(origin, Server(url, patience=30), FIRST) == []


@pytest.mark.soak
def test_pull_gives_nothing_false(origin: HubOrigin) -> None:
    """`hanse pull` ends with an error, not with a false file."""
    command = PULL.format(python=sys.executable)
    assert unsafe(origin, Command(command, origin.url, patience=60), FIRST[:2]) == []


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [case.name for case in CASES if case.name not in FIRST])
def test_the_whole_suite(origin: HubOrigin, tmp_path: Path, name: str) -> None:
    """In no case does anything false or dangerous pass the gateway."""
    with gateway(origin.url, tmp_path) as url:
        assert unsafe(origin, Server(url, patience=30), (name,)) == []


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_what_was_cut_and_altered_is_mended(origin: HubOrigin, tmp_path: Path) -> None:
    """An origin that alters bytes, cuts, and then sends the right ones gives the user the right file, and is named."""
    with gateway(origin.url, tmp_path) as url, InternalServer() as internal:
        (result,) = Suite(origin, Server(url, patience=60), internal).run(chosen(("abort-then-resume",)))
    assert result.verdict is Verdict.RIGHT
