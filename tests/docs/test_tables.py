"""The tables of settings, errors, routes and clients in docs say what the code says (`make docs` writes them)."""

from __future__ import annotations

import inspect

import pytest
from tests.docs.tables import TABLES, table_in

from hanse.web.server import all_routes


@pytest.mark.parametrize("name", TABLES)
def test_the_page_says_what_the_code_says(name: str) -> None:
    """An undocumented or outdated setting, error code, route or client test makes this fail."""
    assert table_in(name) == TABLES[name]()


def test_every_route_is_explained() -> None:
    """Every handler says in one line what it does, since that line is the documentation."""
    assert [route.pattern for route in all_routes() if not inspect.getdoc(route.handler)] == []


def test_no_client_fails() -> None:
    """The published table of clients holds nothing that failed in the run it was made from."""
    assert "fails" not in table_in("clients")
