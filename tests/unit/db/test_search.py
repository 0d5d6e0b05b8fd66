"""Listing and search: conditions, orders and pages, on both systems, walked and picked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import insert

from hanse.db import fragments, search
from hanse.db.engine import Database
from hanse.db.schema import repos
from hanse.db.search import Query
from hanse.flows.access import visible_repos_clause
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import RepoType

ALICE = Actor(account_id=1, name="alice")


def _fill(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    with database.write() as conn:
        for number, given in enumerate(rows, 1):
            namespace, _, name = given.pop("path").partition("/")
            tags = given.pop("marks", ())
            values = {
                "id": number,
                "origin": "hub.example.org",
                "type": "model",
                "namespace": namespace,
                "name": name,
                "namespace_folded": namespace.lower(),
                "state": "live",
                "visibility": "public",
                "created_at": number,
                "updated_at": 1000 - number,
                "downloads": 0,
                "search_text": f"{namespace}/{name}".lower(),
                "gated": "",
                **given,
            }
            conn.execute(insert(repos).values(values))
            fragments.put(conn, number, values["search_text"])
            search.put_tags(conn, number, tags)


def _ids(database: Database, actor: Actor = ANONYMOUS, **fields: Any) -> list[int]:
    with database.read() as conn:
        return [row.id for row in search.find(conn, Query(RepoType.MODEL, visible_repos_clause(actor), **fields))]


@pytest.fixture(name="filled", params=[search.FEW, 0], ids=["picked", "walked"])
def _filled(database: Database, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Return a small catalogue, whose pages are found by ids first or by walking the order."""
    monkeypatch.setattr(search, "FEW", request.param)
    _fill(
        database,
        [
            {"path": "Alice/Bert-base", "marks": ["Fill-Mask", "license:mit"], "downloads": 5, "parameters": 10**9},
            {"path": "alice/bert-secret", "visibility": "private", "marks": ["license:mit"]},
            {"path": "bob/llama-7b", "marks": ["license:mit", "x"], "pipeline_tag": "text-generation", "downloads": 5},
            {"path": "bob/gone-bert", "state": "withdrawn", "marks": ["license:mit"]},
            {"path": "bob/data-bert", "type": "dataset", "marks": ["license:mit"]},
            {"path": "carol/bert_large", "gated": "manual", "parameters": 7 * 10**9, "downloads": 9},
        ],
    )
    return database


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1, 3, 6]),
        ({"terms": ("bert",)}, [1, 6]),
        ({"terms": ("bert", "carol")}, [6]),
        ({"terms": ("bert_large",)}, [6]),
        ({"terms": ("b_rt",)}, []),
        ({"terms": ("%",)}, []),
        ({"author": "ALICE"}, [1]),
        ({"tags": ("license:MIT",)}, [1, 3]),
        ({"tags": ("license:mit", "x")}, [3]),
        ({"tags": ("license:mit", "nope")}, []),
        ({"pipeline_tag": "text-generation"}, [3]),
        ({"gated": True}, [6]),
        ({"gated": False}, [1, 3]),
        ({"parameters": (2 * 10**9, 2**62)}, [6]),
        ({"order": "downloads"}, [6, 3, 1]),
        ({"order": "downloads", "descending": False}, [1, 3, 6]),
        ({"order": "created_at"}, [6, 3, 1]),
        ({"order": "likes"}, [6, 3, 1]),
        ({"limit": 2}, [1, 3]),
    ],
)
def test_conditions_and_orders(filled: Database, fields: dict[str, Any], expected: list[int]) -> None:
    """Each condition holds, alone and with others, whichever way the page is found."""
    assert _ids(filled, **fields) == expected


def test_only_what_the_caller_may_see(filled: Database) -> None:
    """A private repository is there for its own people, a withdrawn one for nobody."""
    assert _ids(filled, ALICE, terms=("bert",)) == [1, 2, 6]
    assert _ids(filled, Actor(account_id=9, name="root", admin=True), terms=("bert",)) == [1, 2, 6]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", list(search.ORDERS))
def test_pages_neither_skip_nor_repeat(filled: Database, order: str, descending: bool) -> None:
    """Page by page the same rows come as in one, with equal values in the order too."""
    everything = _ids(filled, order=order, descending=descending)
    found: list[int] = []
    after: tuple[int, int] | None = None
    while True:
        query = Query(RepoType.MODEL, visible_repos_clause(ANONYMOUS), order=order, descending=descending, after=after, limit=1)
        with filled.read() as conn:
            page = search.find(conn, query)
        if not page:
            break
        found.append(page[0].id)
        after = (getattr(page[0], order), page[0].id)
    assert found == everything


def test_details_and_count(filled: Database) -> None:
    """Cards come only when asked for; counts are of what the caller may see."""
    visible = visible_repos_clause(ANONYMOUS)
    with filled.read() as conn:
        assert search.find(conn, Query(RepoType.MODEL, visible))[0].card is None
        assert search.count(conn, RepoType.MODEL, visible) == 3
        assert search.count(conn, RepoType.DATASET, visible, most=1) == 1


def test_tags_are_replaced(database: Database) -> None:
    """A repository is found by its newest tags only."""
    _fill(database, [{"path": "a/b", "marks": ["old"]}])
    with database.write() as conn:
        search.put_tags(conn, 1, ["new", "NEW"])
    assert (_ids(database, tags=("old",)), _ids(database, tags=("new",))) == ([], [1])
