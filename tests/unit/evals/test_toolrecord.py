"""Records of tools: rates follow from the table, and nothing else is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import BadFormat, HanseError, VerificationFailed
from hanse.evals.toolrecord import Item, Outcome, Said, Table, check_tool, parse_table, predicate
from hanse.model.repo import parse_origin

F, P, U = Outcome.FLAGGED, Outcome.PASSED, Outcome.UNDECIDED


def _table(*some: tuple[str, Outcome, int]) -> Table:
    rows = []
    for label, outcome, count in some:
        rows += [(Item(f"{label}/{outcome.value}{n}", f"{n:064x}", label), outcome) for n in range(count)]
    return Table.of(rows)


TABLE = _table(
    ("malicious", F, 8), ("malicious", P, 1), ("malicious", U, 1), ("benign", P, 17), ("benign", F, 1), ("benign", U, 2)
)
SAID = Said(
    {"name": "scanner", "kind": "scanner", "version": "1"},
    "corpus",
    ("malicious",),
    ("benign",),
    parse_origin("a.example"),
    {"name": "hanse"},
)


def test_rates_and_intervals() -> None:
    """Undecided items are not detected, no false alarm, and kept out by a gate; intervals are exact."""
    found = predicate(SAID, TABLE)
    rates = {name: (one["value"], one["n"]) for name, one in found["rates"].items()}
    assert rates == {"detection": ("0.800000", 10), "falseAlarm": ("0.050000", 20), "notPassed": ("0.150000", 20)}
    assert (found["rates"]["detection"]["low"], found["rates"]["detection"]["high"]) == ("0.443905", "0.974789")
    assert check_tool(found, TABLE) == SAID


def test_other_labels_are_counted_only() -> None:
    """An item with a label of neither kind changes no rate."""
    more = Table.of([*TABLE.rows, (Item("m", "0" * 64, "malformed"), F)])
    assert predicate(SAID, more)["rates"] == predicate(SAID, TABLE)["rates"]
    assert predicate(SAID, more)["counts"]["malformed"] == {"flagged": 1, "passed": 0, "undecided": 0}


def test_the_corpus_is_named_by_its_items() -> None:
    """The order of items and what a tool said of them do not change the corpus, a label does."""
    other = Table.of([(item, P) for item, _ in reversed(TABLE.rows)])
    assert other.corpus == TABLE.corpus
    assert other.sha256 != TABLE.sha256
    first, *rest = TABLE.rows
    assert Table.of([(Item(first[0].id, first[0].sha256, "malformed"), first[1]), *rest]).corpus != TABLE.corpus


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["rates"]["detection"].update(value="0.900000"),
        lambda said: said["rates"]["falseAlarm"].update(low="0.000000"),
        lambda said: said["counts"]["malicious"].update(flagged=9),
        lambda said: said.update(table="0" * 64),
        lambda said: said["corpus"].update(items=31),
        lambda said: said["corpus"].update(sha256="0" * 64),
    ],
)
def test_numbers_that_do_not_follow(change: Any) -> None:
    """A rate, count or digest that is not the table's is found."""
    said = json.loads(json.dumps(predicate(SAID, TABLE)))
    change(said)
    with pytest.raises(VerificationFailed):
        check_tool(said, TABLE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("more",), 1),
        (("tool",), {"name": "x"}),
        (("tool", "kind"), "oracle"),
        (("tool", "name"), "x\n"),
        (("corpus",), None),
        (("detect",), ["malicious", "malicious"]),
        (("detect",), [1]),
        (("pass",), []),
        (("rates",), {}),
        (("rates", "detection"), {"value": "1.000000"}),
        (("rates", "detection", "high"), "NaN"),
        (("rates", "detection", "high"), 1.0),
        (("evaluator",), "not an origin"),
        (("gaps",), ["x"] * 99),
        (("table",), "x"),
    ],
)
def test_other_forms(path: tuple[str, ...], value: object) -> None:
    """What is not of the form, within bounds, is refused."""
    said = json.loads(json.dumps(predicate(SAID, TABLE)))
    place = said
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(HanseError):
        check_tool(said, TABLE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        TABLE.encode()[:-1],
        TABLE.encode() + TABLE.encode(),
        b"".join(reversed(TABLE.encode().splitlines(keepends=True))),
        TABLE.encode().replace(b'"flagged"', b'"fine"'),
        TABLE.encode().replace(b'"benign"', b'"BENIGN"'),
        b'{"item":"a","label":"b","label":"c","outcome":"passed","sha256":"' + b"0" * 64 + b'"}\n',
    ],
)
def test_hostile_tables(data: bytes) -> None:
    """Only the bytes that a table is written as are read as one."""
    assert parse_table(TABLE.encode()) == TABLE
    with pytest.raises(BadFormat):
        parse_table(data)


def test_labels_of_both_kinds_are_needed() -> None:
    """A corpus in which nothing is to be detected, or nothing to be passed, gives no rates."""
    with pytest.raises(BadFormat, match="to be flagged"):
        predicate(SAID, _table(("benign", P, 3)))
