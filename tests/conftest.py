"""Fixtures for all tests, and a rule: unit and property tests touch no network, opening a connection in them is an error."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from tests.support.forked import Mother

pytest_plugins = ["tests.support.databases"]

# The same examples in every run, however slow the machine; `--hypothesis-profile explore` looks for others.
settings.register_profile("hanse", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("hanse"), derandomize=False)
settings.load_profile("hanse")


def _refuse(*_arguments: object) -> NoReturn:
    raise RuntimeError("unit and property tests open no connections; such a test belongs in tests/web, contract or compat")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests/unit and tests/property off the network."""
    if {"unit", "property"} & set(request.path.parts):
        monkeypatch.setattr(socket.socket, "connect", _refuse)
        monkeypatch.setattr(socket.socket, "listen", _refuse)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the run of each journey on PostgreSQL to `make soak`; dialects are compared in tests/unit/db and contract."""
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "flows" in item.path.parts and params.get("database_url") == "postgresql":
            item.add_marker(pytest.mark.soak)


@pytest.fixture(name="mother", scope="session")
def _mother() -> Iterator[Mother]:
    """Return the process that this worker's nodes are forked from."""
    with Mother() as made:
        yield made
