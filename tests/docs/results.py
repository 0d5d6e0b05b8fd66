"""pytest plugin that writes down which client did what: the raw material of the table in docs/clients.md.

`pytest tests/compat -p tests.docs.results --client-results FILE` runs the client tests and writes their outcomes; with
`--collect-only` it writes what would run.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

_FACTS: dict[str, Fact] = {}
_CLIENT = re.compile(r'Client\(\s*"(\w+)"')


@dataclass
class Fact:
    """One client test: what it shows, with which client, over which transport, and how it ended."""

    feature: str
    client: str
    mode: str
    soak: bool
    outcome: str = "collected"


def fact_of(item: pytest.Function) -> Fact:
    """Return what `item` will show; its client is a parameter, the one its code names, or the newest."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    source = _CLIENT.search(inspect.getsource(item.function))
    named = "npm" if "npm" in item.path.stem else source[1] if source else "hub2"
    feature = (inspect.getdoc(item.function) or item.name).splitlines()[0]
    mode = ("Xet" if params["xet"] else "HTTP") if "xet" in params else "yes"
    return Fact(feature, str(params.get("name", named)), mode, item.get_closest_marker("soak") is not None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the file."""
    parser.addoption("--client-results", default=None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note every client test that was collected."""
    _FACTS.update({item.nodeid: fact_of(item) for item in items if isinstance(item, pytest.Function)})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test ended; a failed set-up counts as a failure."""
    if report.nodeid in _FACTS and (report.when == "call" or report.failed):
        _FACTS[report.nodeid].outcome = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file."""
    path = session.config.getoption("--client-results")
    if path:
        Path(path).write_text(json.dumps([asdict(fact) for fact in _FACTS.values()], indent=2))
