"""Item tables: written and read, roots that hide and bind, and hostile tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.evals.itemtable import Column, ItemTable, Row, Status, parse_table
from hanse.model.canonical import canonical

DIGEST = "ab" * 32
DIGESTS = {b'"output"': f':"{DIGEST}"'.encode(), b'"promptIds"': b':""'}


def row(item: str = "a", epoch: int = 0, outcome: float | None = 1.0, status: Status = Status.OK, salt: int = 1) -> Row:
    """Return a row."""
    return Row(item, f"c-{item}", epoch, status, DIGEST, "", DIGEST, 8, outcome, f"{salt:032x}")


TABLE = ItemTable.of([row("b"), row("a", 1, 0.25), row("a"), row("c", 0, None, Status.INFRA_ERROR)])


def test_written_and_read() -> None:
    """A table is read as it was written, sorted whatever the order it was made in."""
    assert parse_table(TABLE.encode()) == TABLE
    assert [(one.item, one.epoch) for one in TABLE.rows] == [("a", 0), ("a", 1), ("b", 0), ("c", 0)]


def test_results() -> None:
    """An item's outcome is the mean over its epochs; one that failed has none; every way to end is counted."""
    found = TABLE.results()
    assert (found["a"].outcome, found["b"].outcome, found["c"].outcome, found["c"].output) == (0.625, 1.0, None, "")
    assert found["a"].cluster == "c-a"
    counts = TABLE.counts()
    assert (counts["total"], counts["ok"], counts["infra-error"], counts["model-error"]) == (4, 3, 1, 0)


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({"outcome": 0.0}, {Column.OUTCOME}),
        ({"status": Status.TRUNCATED}, {Column.OUTCOME}),
        ({"rendered": "cd" * 32}, {Column.RENDERED}),
        ({"output": "cd" * 32}, {Column.OUTPUT}),
        ({"prompt_ids": "cd" * 32}, {Column.PROMPT_IDS}),
        ({"salt": "f" * 32}, set(Column)),
        ({"epoch": 9}, set(Column)),
    ],
)
def test_roots_bind_their_column(change: dict[str, object], columns: set[Column]) -> None:
    """Another value has another root in its own column and in no other; another salt, or another place, in each."""
    other = ItemTable.of([*TABLE.rows[:2], replace(TABLE.rows[2], **change), TABLE.rows[3]])  # type: ignore[arg-type]
    assert {column for column in Column if other.root(column) != TABLE.root(column)} == columns


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"outcome":"1.000000"', b'"outcome":"1.5"'),
        (b'"outcome":"1.000000"', b'"outcome":"2.000000"'),
        (b'"outcome":"1.000000"', b'"outcome":1'),
        (b'"outcome":"1.000000"', b'"outcome":NaN'),
        (b'"outcome":"1.000000"', b'"outcome":""'),
        (b'"outcome":""', b'"outcome":"0.000000"'),
        (b'"status":"ok"', b'"status":"fine"'),
        (b'"epoch":1', b'"epoch":0'),
        (b'"epoch":1', b'"epoch":-1'),
        (b'"epoch":1', b'"epoch":1000'),
        (b'"item":"b"', b'"item":"a"'),
        (b'"item":"b"', b'"item":"../b"'),
        (b'"cluster":"c-b"', b'"cluster":""'),
        (b'"tokens":8', b'"tokens":99999999999'),
        (b'"tokens":8', b'"tokens":true'),
        (b"abab", b"ABAB"),
        (b'{"cluster"', b'{ "cluster"'),
        (b'"tokens":8}', b'"tokens":8,"x":1}'),
        (b"\n", b"\r\n"),
        *(
            (name + text, name + b":" + empty)
            for name, text in DIGESTS.items()
            for empty in (b"[]", b"{}", b"0", b"null", b"false")
        ),
    ],
)
def test_hostile_tables(old: bytes, new: bytes) -> None:
    """Numbers out of bounds or form, doubled items, unknown fields, other spellings of the same: all refused."""
    data = TABLE.encode()
    assert old in data
    with pytest.raises(BadFormat):
        parse_table(data.replace(old, new, 1))


def test_no_table() -> None:
    """Nothing, a table without its end, and one of a million and one rows are no tables; an item is in one cluster."""
    for data in (b"", b"\n", TABLE.encode()[:-1], b"{}\n"):
        with pytest.raises(BadFormat):
            parse_table(data)
    with pytest.raises(TooLarge):
        parse_table(b"\n" * 1_000_001)
    with pytest.raises(BadFormat, match="two clusters"):
        ItemTable.of([row("a"), replace(row("a", 1), cluster="other")])


@pytest.mark.parametrize("item", ["a", "a/b:c-1.x", 'a"b', "a\\b", "ä", "a\n"])
def test_leaves_are_canonical(item: str) -> None:
    """Every leaf is the canonical JSON of its list, also where a name needs escaping."""
    one = row(item)
    assert one.leaf(Column.OUTCOME) == canonical(["outcome", item, 0, "ok 1.000000", one.salt])
    assert one.leaf(Column.OUTPUT) == canonical(["output", item, 0, DIGEST, one.salt])
