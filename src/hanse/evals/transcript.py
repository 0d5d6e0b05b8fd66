"""The transcript of a run: a line of canonical JSON for each item and epoch, from which the item table follows bit for bit.

It holds prompts and answers in plain text. Only its digest and the salted roots of the item table are public.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat, TooLarge, VerificationFailed
from hanse.evals.engine import Answer
from hanse.evals.fixed import fixed, parse_fixed
from hanse.evals.itemtable import MAX_EPOCHS, MAX_ROWS, SCORED, ItemTable, Row, Status
from hanse.evals.suite import Item, Suite
from hanse.model.canonical import canonical, parse_canonical

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_BYTES = 2 * 1024**3
MAX_IDS = 65_536
_SALT = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
_FIELDS = {
    *("item", "epoch", "status", "text", "rendered", "promptIds", "tokens", "count", "logprobs", "says", "salt"),
}
_SHOWN = 20
_LEAST = -1e9

Scorer = Callable[[Item, str], float]
"""Gives the score of an answer to an item, 0 to 1; depends on nothing else."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer as a transcript has it. salt: 16 random bytes in hex, of the item's leaves in the item table."""

    item: str
    epoch: int
    answer: Answer
    salt: str

    def encode(self) -> bytes:
        """Return its line, without a newline; raises BadFormat for what has no canonical form."""
        one = self.answer
        said: dict[str, Any] = {"item": self.item, "epoch": self.epoch, "status": one.status.value, "salt": self.salt}
        said |= {"text": one.text, "rendered": one.rendered, "promptIds": list(one.prompt_ids), "tokens": list(one.tokens)}
        logprobs = [fixed(max(value, _LEAST)) for value in one.logprobs if not math.isnan(value)]
        return canonical(said | {"count": one.count, "logprobs": logprobs, "says": one.says[:500]})

    def row(self, item: Item, scorer: Scorer) -> Row:
        """Return the row of the item table that follows."""
        one = self.answer
        ids = hashlib.sha256(struct.pack(f"<{len(one.prompt_ids)}I", *one.prompt_ids)).hexdigest() if one.prompt_ids else ""
        scored = one.status in SCORED
        output = hashlib.sha256(one.text.encode()).hexdigest() if scored else ""
        rendered = hashlib.sha256(one.rendered.encode()).hexdigest()
        outcome = scorer(item, one.text) if scored else None
        return Row(item.id, item.cluster, self.epoch, one.status, rendered, ids, output, one.count, outcome, self.salt)


def parse_spoken(line: bytes) -> Spoken:
    """Return the answer in a line of a transcript; raises TooLarge or BadFormat."""
    said = parse_canonical(line, "a line of a transcript", MAX_LINE_BYTES)
    if said.keys() != _FIELDS:
        raise BadFormat(f"a line of a transcript has the fields {', '.join(sorted(_FIELDS))}")
    try:
        status = Status(said["status"])
    except ValueError as error:
        raise BadFormat(f"{str(said['status'])[:40]!r} is no way in which an item ends") from error
    answer = Answer(
        status,
        text=_text(said["text"], None),
        rendered=_text(said["rendered"], None),
        prompt_ids=_ids(said["promptIds"]),
        tokens=_ids(said["tokens"]),
        count=_count(said["count"], 2**31),
        logprobs=tuple(parse_fixed(one, "a logprob") for one in _list(said["logprobs"])),
        says=_text(said["says"], None),
    )
    return Spoken(_text(said["item"], _NAME), _count(said["epoch"], MAX_EPOCHS - 1), answer, _text(said["salt"], _SALT))


def parse_transcript(data: bytes) -> tuple[Spoken, ...]:
    """Return the answers of a whole transcript; raises TooLarge or BadFormat."""
    lines = data.split(b"\n")
    if len(data) > MAX_BYTES or len(lines) > MAX_ROWS:
        raise TooLarge(f"a transcript has at most {MAX_BYTES:,} bytes and {MAX_ROWS:,} lines")
    if lines.pop() != b"":
        raise BadFormat("a transcript ends with a newline")
    return tuple(map(parse_spoken, lines))


def table_of(suite: Suite, spoken: Iterable[Spoken], scorer: Scorer) -> ItemTable:
    """Return the item table that follows from a transcript; raises BadFormat for an item that the suite does not have."""
    items: Mapping[str, Item] = {one.id: one for one in suite.items}
    rows = []
    for one in spoken:
        item = items.get(one.item)
        if item is None:
            raise BadFormat(f"{one.item[:100]!r} is no item of {suite.name}")
        rows.append(one.row(item, scorer))
    return ItemTable.of(rows)


def rescore(suite: Suite, spoken: Iterable[Spoken], scorer: Scorer, table: ItemTable) -> None:
    """Check that an item table follows from the transcript and the suite's scorer, bit for bit (level V1).

    Raises VerificationFailed, naming the items that do not.
    """
    found = table_of(suite, spoken, scorer)
    if found == table:
        return
    said = {(row.item, row.epoch): row for row in table.rows}
    mine = {(row.item, row.epoch): row for row in found.rows}
    keys = [key for key in sorted(said.keys() | mine.keys()) if said.get(key) != mine.get(key)]
    failed = tuple(_difference(key, said.get(key), mine.get(key)) for key in keys[:_SHOWN])
    why = f"{len(keys)} rows of the item table do not follow from the transcript: {'; '.join(failed[:3])}"
    raise VerificationFailed(why, failed=failed)


def _difference(key: tuple[str, int], said: Row | None, mine: Row | None) -> str:
    where = f"{key[0]} epoch {key[1]}"
    if said is None or mine is None:
        return f"{where}: only in the {'transcript' if said is None else 'table'}"
    if said.outcome != mine.outcome:
        return f"{where}: the answer scores {mine.outcome}, the table says {said.outcome}"
    return f"{where}: another prompt, answer or salt"


def _text(value: object, form: re.Pattern[str] | None) -> str:
    if type(value) is not str or (form is not None and form.fullmatch(value) is None):
        raise BadFormat(f"a line of a transcript has texts in their form, got {str(value)[:60]!r}")
    return value


def _count(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise BadFormat(f"a number in a transcript lies between 0 and {most:,}, got {str(value)[:40]!r}")
    return value


def _list(value: object) -> list[Any]:
    if type(value) is not list or len(value) > MAX_IDS:
        raise BadFormat(f"a list in a transcript has at most {MAX_IDS:,} entries")
    return value


def _ids(value: object) -> tuple[int, ...]:
    return tuple(_count(one, 2**32 - 1) for one in _list(value))
