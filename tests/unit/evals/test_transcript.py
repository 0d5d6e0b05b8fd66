"""Transcripts: written and read, and the item table that follows from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.openaiserver import sums

from hanse.errors import BadFormat, HanseError, VerificationFailed
from hanse.evals.engine import Answer
from hanse.evals.itemtable import ItemTable, Status
from hanse.evals.scorers.registry import scorer_of
from hanse.evals.suite import Suite
from hanse.evals.transcript import Spoken, parse_spoken, parse_transcript, rescore, table_of

SCORER = scorer_of(sums(20))


def spoken(suite: Suite) -> list[Spoken]:
    """Return a run in which every third answer is wrong and the last item failed."""
    found = []
    for at, item in enumerate(suite.items):
        text = item.target if at % 3 else "-1"
        answer = Answer(Status.OK, text, item.messages[0][1], (1, 2), (3,), 1, (-0.25,))
        found.append(Spoken(item.id, 0, answer, f"{at:032x}"))
    found[-1] = replace(found[-1], answer=Answer(Status.INFRA_ERROR, "", "", says="timed out"))
    return found


def test_written_and_read() -> None:
    """A transcript is read as it was written; the table follows with outcomes by the scorer."""
    suite = sums(50)
    data = b"".join(one.encode() + b"\n" for one in spoken(suite))
    assert list(parse_transcript(data)) == spoken(suite)
    table = table_of(suite, parse_transcript(data), SCORER)
    assert [row.outcome for row in table.rows[:4]] == [0.0, 1.0, 1.0, 0.0]
    assert table.rows[-1].outcome is None
    rescore(suite, spoken(suite), SCORER, table)


def test_another_score_is_found() -> None:
    """An outcome, an answer or a row that does not follow is named (level V1)."""
    suite = sums(50)
    table = table_of(suite, spoken(suite), SCORER)
    rows = [*table.rows]
    rows[0] = replace(rows[0], outcome=1.0)
    rows[1] = replace(rows[1], output="0" * 64)
    with pytest.raises(VerificationFailed) as caught:
        rescore(suite, spoken(suite), SCORER, ItemTable(tuple(rows[:-1])))
    assert [one.partition(":")[0] for one in caught.value.failed] == ["s-0000 epoch 0", "s-0001 epoch 0", "s-0049 epoch 0"]
    assert "scores 0.0, the table says 1.0" in caught.value.failed[0]


def test_an_item_of_another_suite() -> None:
    """An answer to what was not asked makes no table."""
    with pytest.raises(BadFormat, match="no item of sums"):
        table_of(sums(50), [replace(one, item="x") for one in spoken(sums(50))], SCORER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"epoch":0', b'"epoch":-1'),
        (b'"status":"ok"', b'"status":"fine"'),
        (b'"tokens":[3]', b'"tokens":[-3]'),
        (b'"tokens":[3]', b'"tokens":{}'),
        (b'"-0.250000"', b'"NaN"'),
        (b'"salt":"0', b'"salt":"x'),
        (b'"says":""', b'"says":7'),
        (b'"count":1,', b""),
    ],
)
def test_damaged_lines(old: bytes, new: bytes) -> None:
    """Fields that are missing, of another type or out of bounds are refused."""
    line = spoken(sums(50))[0].encode()
    assert old in line
    with pytest.raises(HanseError):
        parse_spoken(line.replace(old, new))
