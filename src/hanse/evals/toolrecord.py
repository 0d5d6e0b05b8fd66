"""A record of a tool: what a scanner or a scorer said of every item of a labelled corpus, and the rates that follow.

Outcomes: `flagged`, `passed`, or `undecided` (it failed, ran out of time, or did not read the whole item). Undecided items count
as not detected, and as no false alarm; what a gate would keep out of the items to be passed, flagged or undecided, is a rate of
its own. Items with a label of neither kind are counted and in no rate. Intervals are exact (Clopper-Pearson, 95 %) and take
items as independent, which samples of one technique are not quite.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hanse.errors import BadFormat, TooLarge, VerificationFailed
from hanse.evals.fixed import fixed, parse_fixed
from hanse.evals.statistics import clopper_pearson
from hanse.model.canonical import canonical
from hanse.model.digest import parse_sha256
from hanse.model.repo import Origin, parse_origin
from hanse.model.strictjson import parse_strict

TOOL_EVALUATION = "https://hanse/tool-evaluation/v1"
LEVEL = 0.95
MAX_ROWS = 100_000
MAX_TABLE_BYTES = 64 * 1024 * 1024
MAX_LABELS = 20
RATES = ("detection", "falseAlarm", "notPassed")
_MAX_ROW, _MAX_TEXT, _MAX_TEXTS, _MAX_GAPS = 4096, 300, 20, 20
_LABEL = re.compile(r"[a-z][a-z0-9-]{0,39}")
_KEY = re.compile(r"[a-z][A-Za-z0-9]{0,39}")
_FIELDS = {"tool", "corpus", "detect", "pass", "counts", "rates", "table", "evaluator", "runner", "gaps"}


class Outcome(str, Enum):
    """What a tool said of an item."""

    FLAGGED = "flagged"
    PASSED = "passed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One labelled item of a corpus. id: its path there, or another name; sha256: of its bytes, in hex."""

    id: str
    sha256: str
    label: str

    def __post_init__(self) -> None:
        """Raise BadFormat for what no table can hold."""
        if not 0 < len(self.id) <= _MAX_TEXT or not self.id.isprintable():
            raise BadFormat(f"an item has a name of 1 to {_MAX_TEXT} printable characters, got {self.id[:60]!r}")
        if _LABEL.fullmatch(self.label) is None:
            raise BadFormat(f"a label has the form {_LABEL.pattern}, got {self.label[:60]!r}")
        parse_sha256(self.sha256)


@dataclass(frozen=True, slots=True)
class Table:
    """Every item with what the tool said of it, sorted by item; made by `of` or `parse_table`."""

    rows: tuple[tuple[Item, Outcome], ...]

    @classmethod
    def of(cls, rows: Iterable[tuple[Item, Outcome]]) -> Table:
        """Return the table; raises BadFormat for none, or an item that is there twice, TooLarge above MAX_ROWS or MAX_LABELS."""
        found = tuple(sorted(rows, key=lambda row: row[0]))
        if not found or len({item.id for item, _ in found}) != len(found):
            raise BadFormat("a corpus has at least one item, and each once")
        if len(found) > MAX_ROWS or len({item.label for item, _ in found}) > MAX_LABELS:
            raise TooLarge(f"a corpus has at most {MAX_ROWS:,} items and {MAX_LABELS} labels")
        return cls(found)

    @property
    def corpus(self) -> str:
        """SHA-256 in hex over a line of canonical JSON, [item, SHA-256, label], for each item: what names the corpus."""
        lines = (canonical([item.id, item.sha256, item.label]) + b"\n" for item, _ in self.rows)
        return hashlib.sha256(b"".join(lines)).hexdigest()

    def encode(self) -> bytes:
        """Return a line of canonical JSON for each row."""
        return b"".join(
            canonical({"item": item.id, "sha256": item.sha256, "label": item.label, "outcome": outcome.value}) + b"\n"
            for item, outcome in self.rows
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many items of each label were flagged, passed and undecided."""
        labels = sorted({item.label for item, _ in self.rows})
        found = {label: dict.fromkeys((one.value for one in Outcome), 0) for label in labels}
        for item, outcome in self.rows:
            found[item.label][outcome.value] += 1
        return found


def parse_table(data: bytes) -> Table:
    """Return the table in these bytes; raises BadFormat for any that `encode` does not give, TooLarge."""
    if len(data) > MAX_TABLE_BYTES:
        raise TooLarge(f"the table of a tool has at most {MAX_TABLE_BYTES:,} bytes, got {len(data):,}")
    lines = data.split(b"\n")
    if lines.pop() != b"" or len(lines) > MAX_ROWS:
        raise BadFormat(f"the table of a tool ends with a newline and has at most {MAX_ROWS:,} lines")
    found = Table.of(map(_row, lines))
    if found.encode() != data:
        raise BadFormat("the table of a tool is sorted canonical JSON")
    return found


def _row(line: bytes) -> tuple[Item, Outcome]:
    said = parse_strict(line, "a row of a tool's table", _MAX_ROW)
    if said.keys() != {"item", "sha256", "label", "outcome"} or any(type(one) is not str for one in said.values()):
        raise BadFormat("a row of a tool's table has the texts item, sha256, label and outcome")
    if said["outcome"] not in [one.value for one in Outcome]:
        raise BadFormat(f"an outcome is flagged, passed or undecided, got {said['outcome'][:40]!r}")
    return Item(said["item"], said["sha256"], said["label"]), Outcome(said["outcome"])


@dataclass(frozen=True, slots=True)
class Said:
    """What a record says that no table gives.

    tool: `name`, `kind` (scanner or scorer), `version` and whatever else names it; corpus: what it is called; detect, pass_:
    labels of items that are to be flagged, and to be passed; gaps: names of fields that nobody supplied.
    """

    tool: Mapping[str, str]
    corpus: str
    detect: tuple[str, ...]
    pass_: tuple[str, ...]
    evaluator: Origin
    runner: Mapping[str, str]
    gaps: tuple[str, ...] = ()


def predicate(said: Said, table: Table) -> dict[str, Any]:
    """Return the predicate of the statement about a tool; raises BadFormat for labels of which the corpus has no item."""
    counts = table.counts()
    if not (set(said.detect) & counts.keys()) or not (set(said.pass_) & counts.keys()) or set(said.detect) & set(said.pass_):
        raise BadFormat(
            f"of the labels {', '.join(counts)} some are to be flagged ({', '.join(said.detect)}), others to be passed "
            f"({', '.join(said.pass_)})",
            hint="name them with --detect and --pass",
        )
    return {
        "tool": dict(said.tool),
        "corpus": {"name": said.corpus, "sha256": table.corpus, "items": len(table.rows)},
        "detect": sorted(set(said.detect)),
        "pass": sorted(set(said.pass_)),
        "counts": counts,
        "rates": {name: _rate(counts, said, name) for name in RATES},
        "table": table.sha256,
        "evaluator": said.evaluator,
        "runner": dict(said.runner),
        "gaps": list(said.gaps),
    }


def _rate(counts: Mapping[str, Mapping[str, int]], said: Said, name: str) -> dict[str, Any]:
    labels = said.detect if name == "detection" else said.pass_
    some = [counts[label] for label in sorted(set(labels)) if label in counts]
    hits = sum(one["flagged"] + (one["undecided"] if name == "notPassed" else 0) for one in some)
    n = sum(sum(one.values()) for one in some)
    bounds = clopper_pearson(hits, n, LEVEL)
    return {"value": fixed(hits / n), "low": fixed(bounds.low), "high": fixed(bounds.high), "n": n}


def parse_said(found: Mapping[str, Any]) -> Said:
    """Return what a predicate says beside its numbers; raises BadFormat for one that is not of this form, within bounds."""
    if found.keys() != _FIELDS:
        raise BadFormat(f"a record of a tool has the fields {', '.join(sorted(_FIELDS))}")
    tool, corpus, gaps, rates = found["tool"], found["corpus"], found["gaps"], found["rates"]
    if type(corpus) is not dict or corpus.keys() != {"name", "sha256", "items"}:
        raise BadFormat("the corpus of a tool's record has the fields name, sha256 and items")
    if type(gaps) is not list or len(gaps) > _MAX_GAPS:
        raise BadFormat(f"gaps is a list of at most {_MAX_GAPS} names")
    if type(rates) is not dict or rates.keys() != set(RATES):
        raise BadFormat(f"the rates of a tool's record are {', '.join(RATES)}")
    for name, rate in rates.items():
        if type(rate) is not dict or rate.keys() != {"value", "low", "high", "n"}:
            raise BadFormat(f"the rate {name} has the fields value, low, high and n")
        for bound in ("value", "low", "high"):
            parse_fixed(rate[bound], f"{bound} of {name}", 0, 1)
    texts = _texts(tool, "tool")
    if not {"name", "kind", "version"} <= texts.keys() or texts["kind"] not in {"scanner", "scorer"}:
        raise BadFormat("a tool has a name, a version and a kind, which is scanner or scorer")
    parse_sha256(_text(found["table"], "the digest of the table"))
    parse_sha256(_text(corpus["sha256"], "the digest of the corpus"))
    evaluator = parse_origin(_text(found["evaluator"], "an evaluator"))
    labels = {name: _labels(found[name]) for name in ("detect", "pass")}
    told = tuple(_text(one, "a gap") for one in gaps)
    name = _text(corpus["name"], "the name of the corpus")
    return Said(texts, name, labels["detect"], labels["pass"], evaluator, _texts(found["runner"], "runner"), told)


def check_tool(found: Mapping[str, Any], table: Table) -> Said:
    """Check that a record's counts, rates and digests follow from its table, and return what it says beside them.

    Raises BadFormat, or VerificationFailed with every number that does not follow.
    """
    said = parse_said(found)
    due = predicate(said, table)
    failed = tuple(f"{name}: not that of the table" for name in due if found[name] != due[name])
    if failed:
        raise VerificationFailed("the record of the tool does not follow from its table", failed=failed)
    return said


def _labels(value: object) -> tuple[str, ...]:
    if type(value) is not list or not 0 < len(value) <= MAX_LABELS or sorted(set(map(str, value))) != value:
        raise BadFormat(f"detect and pass are sorted lists of 1 to {MAX_LABELS} labels")
    return tuple(value)


def _texts(value: object, what: str) -> dict[str, str]:
    if type(value) is not dict or len(value) > _MAX_TEXTS or any(_KEY.fullmatch(name) is None for name in value):
        raise BadFormat(f"{what} is an object of at most {_MAX_TEXTS} texts, each under a plain name")
    return {name: _text(one, f"{what}.{name}") for name, one in value.items()}


def _text(value: object, what: str) -> str:
    if type(value) is not str or len(value) > _MAX_TEXT or not value.isprintable():
        raise BadFormat(f"{what} is a text of at most {_MAX_TEXT} printable characters, got {str(value)[:60]!r}")
    return value
