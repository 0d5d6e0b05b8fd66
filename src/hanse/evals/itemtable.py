"""The item table of a run: a line of canonical JSON for each item and epoch, and the salted Merkle roots that a record signs.

Each column has a root of its own, so that what may be shown can be: outcomes to everybody, outputs to members. A leaf is the
canonical JSON of [column, item, epoch, value, salt]; without the salt nobody can guess a 0 or a 1 from its hash. Rows are sorted
by item and epoch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import fsum
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.evals.compare import ItemResult
from hanse.evals.fixed import fixed, parse_fixed
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.merkle import merkle_root

MAX_ROWS = 1_000_000
MAX_ROW_BYTES = 4096
MAX_TABLE_BYTES = 512 * 1024 * 1024
MAX_EPOCHS = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
_PLAIN = re.compile(r"[A-Za-z0-9._:/ -]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_OR_NONE = re.compile(r"(?:[0-9a-f]{64})?")
_SALT = re.compile(r"[0-9a-f]{32}")


class Status(str, Enum):
    """How an item ended. Errors are the model's or the runner's; what was filtered or truncated is scored as what it is."""

    OK = "ok"
    MODEL_ERROR = "model-error"
    INFRA_ERROR = "infra-error"
    FILTERED = "filtered"
    TRUNCATED = "truncated"


SCORED = frozenset({Status.OK, Status.FILTERED, Status.TRUNCATED})


class Column(str, Enum):
    """What a root is over. rendered: the prompt as it was sent; prompt-ids: its tokens; output: what came; outcome: its score."""

    RENDERED = "rendered"
    PROMPT_IDS = "prompt-ids"
    OUTPUT = "output"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Row:
    """One item in one epoch.

    rendered, output: SHA-256 in hex; prompt_ids: SHA-256 of the token ids as little-endian u32, "" where the engine does not
    tell; tokens: how many came; outcome: 0 to 1, None unless scored; salt: 16 random bytes in hex.
    """

    item: str
    cluster: str
    epoch: int
    status: Status
    rendered: str
    prompt_ids: str
    output: str
    tokens: int
    outcome: float | None
    salt: str

    def encode(self) -> bytes:
        """Return the row's line, without a newline."""
        said: dict[str, Any] = {"item": self.item, "cluster": self.cluster, "epoch": self.epoch, "status": self.status.value}
        said |= {"rendered": self.rendered, "promptIds": self.prompt_ids, "output": self.output, "tokens": self.tokens}
        return canonical(said | {"outcome": "" if self.outcome is None else fixed(self.outcome), "salt": self.salt})

    def leaf(self, column: Column) -> bytes:
        """Return the bytes of the row's leaf under a column's root."""
        if column is Column.OUTCOME:
            value = f"{self.status.value} {'' if self.outcome is None else fixed(self.outcome)}"
        else:
            value = {Column.RENDERED: self.rendered, Column.PROMPT_IDS: self.prompt_ids, Column.OUTPUT: self.output}[column]
        if (
            _PLAIN.fullmatch(f"{self.item}{value}{self.salt}") is not None
        ):  # nothing to escape: the same bytes, in a third of the time
            return f'["{column.value}","{self.item}",{self.epoch},"{value}","{self.salt}"]'.encode()
        return canonical([column.value, self.item, self.epoch, value, self.salt])


@dataclass(frozen=True, slots=True)
class ItemTable:
    """All rows of a run, sorted. Raises BadFormat on construction for rows out of order or doubled, or a cluster that changes."""

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.rows) <= MAX_ROWS:
            raise BadFormat(f"an item table has 1 to {MAX_ROWS:,} rows, got {len(self.rows):,}")
        clusters: dict[str, str] = {}
        for before, row in zip((None, *self.rows), self.rows, strict=False):
            if before is not None and (before.item, before.epoch) >= (row.item, row.epoch):
                raise BadFormat(f"rows are sorted by item and epoch, each once; {row.item!r} epoch {row.epoch} is not")
            if clusters.setdefault(row.item, row.cluster) != row.cluster:
                raise BadFormat(f"the item {row.item!r} is in two clusters")

    @classmethod
    def of(cls, rows: Iterable[Row]) -> ItemTable:
        """Return a table of rows in any order."""
        return cls(tuple(sorted(rows, key=lambda row: (row.item, row.epoch))))

    def encode(self) -> bytes:
        """Return the table as it is stored: a line for each row."""
        return b"".join(row.encode() + b"\n" for row in self.rows)

    @property
    def sha256(self) -> str:
        """SHA-256 of the stored form, in hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def root(self, column: Column) -> str:
        """Return the root of a column, in hex."""
        return merkle_root([row.leaf(column) for row in self.rows]).hex()

    def counts(self) -> dict[str, int]:
        """Return how many rows ended in which way, and `total`."""
        found = dict.fromkeys((one.value for one in Status), 0)
        for row in self.rows:
            found[row.status.value] += 1
        return {"total": len(self.rows)} | found

    def results(self) -> dict[str, ItemResult]:
        """Return every item with the mean of its scored epochs; one of which an epoch was not scored has no outcome."""
        found: dict[str, ItemResult] = {}
        for item, rows in _by_item(self.rows).items():
            outcomes = [row.outcome for row in rows if row.outcome is not None]
            ended = len(outcomes) == len(rows)
            output = hashlib.sha256("".join(row.output for row in rows).encode()).hexdigest() if ended else ""
            found[item] = ItemResult(rows[0].cluster, fsum(outcomes) / len(outcomes) if ended else None, output)
        return found


def _by_item(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.item, []).append(row)
    return found


def parse_table(data: bytes) -> ItemTable:
    """Return the table in its stored form; raises TooLarge, or BadFormat for any other bytes than `ItemTable.encode` writes."""
    if len(data) > MAX_TABLE_BYTES:
        raise TooLarge(f"an item table has at most {MAX_TABLE_BYTES:,} bytes, got {len(data):,}")
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise BadFormat("an item table ends with a newline")
    if len(lines) > MAX_ROWS:
        raise TooLarge(f"an item table has at most {MAX_ROWS:,} rows, got {len(lines):,}")
    return ItemTable(tuple(map(_parse_row, lines)))


_FIELDS = frozenset({"item", "cluster", "epoch", "status", "rendered", "promptIds", "output", "tokens", "outcome", "salt"})


def _parse_row(line: bytes) -> Row:
    said = parse_canonical(line, "a row of an item table", MAX_ROW_BYTES)
    if said.keys() != _FIELDS:
        raise BadFormat(f"a row of an item table has the fields {', '.join(sorted(_FIELDS))}")
    try:
        status = Status(said["status"])
    except ValueError as error:
        raise BadFormat(f"an item ends as {', '.join(one.value for one in Status)}, not {str(said['status'])[:40]!r}") from error
    outcome = None if said["outcome"] == "" else parse_fixed(said["outcome"], "an outcome", 0, 1)
    if (outcome is not None) != (status in SCORED):
        raise BadFormat("exactly the items that ended well have an outcome")
    return Row(
        item=_text(said["item"], _NAME, "an item"),
        cluster=_text(said["cluster"], _NAME, "a cluster"),
        epoch=_count(said["epoch"], MAX_EPOCHS - 1, "an epoch"),
        status=status,
        rendered=_text(said["rendered"], _DIGEST, "a rendered prompt"),
        prompt_ids=_text(said["promptIds"], _DIGEST_OR_NONE, "the tokens of a prompt"),
        output=_text(said["output"], _DIGEST_OR_NONE, "an output"),
        tokens=_count(said["tokens"], 2**31, "a number of tokens"),
        outcome=outcome,
        salt=_text(said["salt"], _SALT, "a salt"),
    )


def _text(value: object, form: re.Pattern[str], what: str) -> str:
    if type(value) is not str or form.fullmatch(value) is None:
        raise BadFormat(f"{what} in an item table has the form {form.pattern}, got {str(value)[:60]!r}")
    return value


def _count(value: object, most: int, what: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise BadFormat(f"{what} in an item table is a number from 0 to {most}, got {str(value)[:40]!r}")
    return value
