"""Records: written and read, bound to their item table, and compared."""

from __future__ import annotations

import hashlib
import json
import random
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from hanse.errors import BadFormat, InputError, VerificationFailed
from hanse.evals.compare import Verdict
from hanse.evals.itemtable import ItemTable, Row, Status
from hanse.evals.record import CheckedRun, Record, WeightsClass, check_record, compare, make_record, parse_record, score_of
from hanse.evals.suite import Decoding, Item, Request, Suite

ITEMS = tuple(Item(f"q-{at:03}", f"q-{at:03}", (("user", f"What is {at} + 1?"),), str(at + 1)) for at in range(400))
SUITE = Suite("sums", "1", "CC0-1.0", Request.CHAT, Decoding(0.0, 1.0, 8), ("exact", "1"), 1, 0.03, 0.9, False, ITEMS)
NUMERICS = {"engine": "fake", "engineVersion": "1", "backend": "cpu", "arch": "x86-64", "threads": "1"}
SAID: dict[str, Any] = {
    "model": "ab" * 32,
    "name": "org/model",
    "weights": WeightsClass.LOCAL,
    "numerics": NUMERICS,
    "hardware": {"vendor": "none"},
    "timing": {"wall": "1.500000"},
    "evaluator": "uni.example",
    "runner": {"name": "hanse", "version": "1"},
}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def ran(seed: int = 1, *, flips: int = 0, prompt: str = "") -> ItemTable:
    """Return a run in which every second item is right, but for `flips` that are wrong."""
    salts = random.Random(seed)
    rows = []
    for at, item in enumerate(ITEMS):
        right = float(at % 2 and at >= 2 * flips)
        salt = f"{salts.getrandbits(128):032x}"
        rendered = _digest(item.messages[0][1] + prompt)
        rows.append(Row(item.id, item.cluster, 0, Status.OK, rendered, "", _digest(str(right)), 3, right, salt))
    return ItemTable.of(rows)


@cache
def plain() -> Record:
    """Return the record of the run without flips."""
    return make_record(SUITE, ran(), SAID)


def run(table: ItemTable, **other: Any) -> CheckedRun:
    """Return a checked run of a table."""
    return CheckedRun.of(make_record(SUITE, table, SAID | other), SUITE, table)


def test_written_and_read() -> None:
    """A record is read as it was written, by way of the JSON in its statement."""
    record = plain()
    assert parse_record(json.loads(json.dumps(record.predicate()))) == record
    assert (record.score.value, record.score.n, record.score.degenerate) == ("0.500000", 400, False)


def test_every_number_follows_from_the_table() -> None:
    """A record whose numbers, roots, suite or table are others than its item table gives is refused, each named."""
    table = ran()
    record = plain()
    check_record(record, SUITE, table)
    better = replace(record.score, value="0.900000")
    for change, says in (
        ({"score": better}, "score"),
        ({"counts": dict(record.counts) | {"ok": 399}}, "counts"),
        ({"roots": dict(record.roots) | {"output": "0" * 64}}, "root output"),
        ({"table": "0" * 64}, "table"),
        ({"suite": "0" * 64}, "suite"),
    ):
        with pytest.raises(VerificationFailed) as error:
            check_record(replace(record, **change), SUITE, table)
        assert [line.split(":")[0] for line in error.value.failed] == [says]


def test_outcomes_cannot_be_invented_later() -> None:
    """A table with one other outcome is not the record's."""
    record = plain()
    with pytest.raises(VerificationFailed) as error:
        check_record(record, SUITE, ran(flips=1))
    assert {line.split(":")[0] for line in error.value.failed} == {"root output", "root outcome", "table", "score"}


def test_a_table_of_something_else() -> None:
    """A run that left items out, or moved them to other clusters, is none of the suite."""
    table = ran()
    record = plain()
    for other in (ItemTable(table.rows[:-1]), ItemTable((replace(table.rows[0], cluster="x"), *table.rows[1:]))):
        with pytest.raises(BadFormat, match="400 items"):
            make_record(SUITE, other, SAID)
        with pytest.raises(VerificationFailed):
            check_record(record, SUITE, other)


def test_no_score_without_items() -> None:
    """A run in which everything failed has no score."""
    failed = ItemTable(tuple(replace(row, status=Status.INFRA_ERROR, outcome=None) for row in ran().rows))
    with pytest.raises(BadFormat, match="no score"):
        score_of(failed)


@pytest.mark.parametrize(
    ("flips", "other", "verdict", "reason"),
    [
        (0, {}, Verdict.AGREES, ""),
        (2, {"numerics": NUMERICS | {"kv": "f32"}}, Verdict.AGREES, ""),
        (2, {}, Verdict.AGREES, "outputs-differ-in-one-numerics-class"),
        (40, {"numerics": NUMERICS | {"kv": "f32"}}, Verdict.DISAGREES, "difference-beyond-margin"),
        (0, {"model": "cd" * 32}, Verdict.NOT_COMPARABLE, "other-model"),
    ],
)
def test_compared(flips: int, other: dict[str, Any], verdict: Verdict, reason: str) -> None:
    """Two records agree, differ, or are about different things; unequal outputs of one class are told."""
    found = compare(run(ran()), run(ran(2, flips=flips), **other), SUITE)
    assert (found.verdict, found.same_class) == (verdict, "numerics" not in other)
    assert not reason or reason in found.reasons


def test_other_prompts_are_no_disagreement() -> None:
    """Another template makes two runs not comparable, whatever their outcomes."""
    found = compare(run(ran()), run(ran(prompt=" ")), SUITE)
    assert (found.verdict, found.reasons) == (Verdict.NOT_COMPARABLE, ("other-prompts",))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("score", "value"), 0.5),
        (("score", "value"), "NaN"),
        (("score", "high"), "1.100000"),
        (("score", "n"), -1),
        (("score", "n"), 0),
        (("score", "clusters"), 0),
        (("score", "clusters"), 10_000),
        (("score", "degenerate"), 0),
        (("counts", "ok"), 10**9),
        (("counts", "fine"), 1),
        (("roots", "output"), "AB" * 32),
        (("model", "weights"), "mine"),
        (("model", "tree"), "x"),
        (("numerics", "engine"), "other"),
        (("hardware", "a b"), "x"),
        (("hardware", "vendor"), "x" * 301),
        (("timing", "wall"), "soon"),
        (("evaluator",), "../x"),
        (("gaps",), ["x"] * 101),
        (("more",), 1),
    ],
)
def test_hostile_records(place: tuple[str, ...], value: object) -> None:
    """Numbers in other forms or out of bounds, unknown fields, long texts, and a class that is not its own are refused."""
    said = deepcopy(plain().predicate())
    at: dict[str, Any] = said
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    with pytest.raises(InputError):
        parse_record(said)


def test_class_is_what_was_observed() -> None:
    """Another kernel, KV type or number of threads is another class; a host's other words are not."""
    record = plain()
    for name in ("attention", "kv", "threads", "arch", "build"):
        assert replace(record, numerics=NUMERICS | {name: "other"}).numerics_class != record.numerics_class
    assert replace(record, hardware={"driver": "9"}).numerics_class == record.numerics_class
