"""What a harness's log says about one task, and the suite that follows from it.

A log is another program's word. What it does not say is listed by name in `gaps`, and nothing is made up for it. The suite is
made from the items alone, in order of their ids, so that two logs of one task come to one suite. Names of people and machines,
and the folders that a model lay in, are left out where a log is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hanse.errors import BadFormat, InputError, TooLarge
from hanse.evals.engine import Answer
from hanse.evals.itemtable import MAX_EPOCHS, SCORED
from hanse.evals.scorers.registry import MAX_ANSWER
from hanse.evals.suite import MAX_ITEMS, Decoding, Item, Request, Suite
from hanse.model.canonical import canonical
from hanse.model.strictjson import parse_strict

MAX_LOG = 256 * 1024 * 1024
MAX_LINE = 16 * 1024 * 1024
MAX_TOLD = 300
IMPORTED = "imported"
"""The first gap of every record that was made from a log: whoever signs it did not see the run."""
ALWAYS = (IMPORTED, "weights", "tokenizer", "prompt-ids", "numerics", "hardware", "suite-before-run")
"""What no log of the three harnesses tells: digests of what was run, on what, and terms that were fixed before."""


@dataclass(frozen=True, slots=True)
class LogItem:
    """One answer of a log. outcome: 0 to 1, None unless it was scored; asked: the messages as they went out, if that is told."""

    item: Item
    epoch: int
    answer: Answer
    outcome: float | None
    asked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """One task of a log. metric: what its outcomes are; model: what the log calls it, without folders; scorer: ours, if it can.

    like: ours, that does what the harness's of this name does; complete: every choice about decoding is told; risks: of the
    suite; gaps: beside `ALWAYS`. Raises BadFormat on construction for a log without items, or with an outcome that is no share.
    """

    harness: str
    version: str
    task: str
    task_version: str
    metric: str
    model: str
    request: Request
    decoding: Decoding
    items: tuple[LogItem, ...]
    scorer: tuple[str, str] | None = None
    like: tuple[str, str] | None = None
    lower_is_better: bool = False
    complete: bool = True
    risks: tuple[str, ...] = ()
    numerics: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    timing: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.items) <= MAX_ITEMS:
            raise BadFormat(f"a log has 1 to {MAX_ITEMS:,} answers to {self.task[:60]}, got {len(self.items):,}")
        for one in self.items:
            if (one.outcome is None) == (one.answer.status in SCORED) or not 0 <= (one.outcome or 0.0) <= 1:
                raise BadFormat(f"{self.metric} of {one.item.id} must be 0 to 1 to be an outcome, got {one.outcome}")


def suite_of(log: Log) -> Suite:
    """Return the suite that a log is a run of; raises BadFormat unless each item is there once in every epoch, the same."""
    items: dict[str, Item] = {}
    seen: set[tuple[str, int]] = set()
    for one in log.items:
        if items.setdefault(one.item.id, one.item) != one.item or (one.item.id, one.epoch) in seen:
            raise BadFormat(f"the item {one.item.id} is in the log twice")
        seen.add((one.item.id, one.epoch))
    epochs = 1 + max(one.epoch for one in log.items)
    if len(seen) != epochs * len(items):
        raise BadFormat(f"the log has {len(seen)} answers, not {epochs} to each of {len(items)} items: the run is not complete")
    likely = log.request is Request.LOGLIKELIHOOD
    return Suite(
        name=slug(f"{log.harness}.{log.task}"),
        version=slug(f"{log.task_version}{'' if log.complete else '-defaults'}"),
        license="not said",
        request=log.request,
        decoding=log.decoding,
        scorer=log.scorer or (slug(f"{log.harness}.{log.metric}"), slug(log.version)),
        epochs=epochs,
        delta=0.05 if len(items) < 200 else 0.01 if likely else 0.03,
        agreement_min=0.97 if likely else 0.9,
        lower_is_better=log.lower_is_better,
        items=tuple(items[key] for key in sorted(items)),
        risks=log.risks,
    )


def slug(text: str) -> str:
    """Return a text in the form of names: lower case, dots and hyphens, at most 64 characters."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:64].rstrip("-.") or "unnamed"


def item_id(text: str) -> str:
    """Return a text in the form of ids of items; two that differ stay apart."""
    found = re.sub(r"[^A-Za-z0-9._:/-]+", "-", text).strip("-")
    if found == text and 0 < len(text) <= 200 and text[0].isalnum():
        return text
    return f"{found[:100].lstrip('._:/-') or 'item'}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prompt_id(task: str, messages: tuple[tuple[str, str], ...]) -> str:
    """Return an id for an item whose harness gives it none: of what is asked."""
    asked = hashlib.sha256(canonical([list(one) for one in messages])).hexdigest()
    return f"{slug(task)}-{asked[:20]}"


def model_name(said: str) -> str:
    """Return a model's name without the folders it lay in: ORGANISATION/NAME stays, of a path only its last part does."""
    text = said.replace("\\", "/").strip().rstrip("/")
    rooted = re.match(r"(?:[A-Za-z]:)?/|~|\.{1,2}/", text) is not None
    if rooted or "//" in text or text.count("/") > 2:  # PROVIDER/ORGANISATION/NAME is the longest name
        text = text.rpartition("/")[2]
    return told(text) or "unnamed"


def told(value: object) -> str:
    """Return a text of a log as a record may hold it: printable, one line, bounded."""
    return " ".join("".join(one if one.isprintable() else " " for one in str(value)).split())[:MAX_TOLD]


def pick(what: str, names: Mapping[str, object] | list[str], wanted: str, option: str) -> str:
    """Return the name that is wanted, or the only one; raises InputError with those there are, BadFormat without any."""
    known = list(names)
    if not known:
        raise BadFormat(f"the log has no {what}")
    if wanted in known or (not wanted and len(known) == 1):
        return wanted or known[0]
    shown = ", ".join(told(one)[:80] for one in known[:20])
    raise InputError(
        f"the log has {len(known)} of what could be its {what}, {wanted[:80]!r} is not one", hint=f"{option} with one of {shown}"
    )


def read_lines(data: bytes, what: str) -> list[dict[str, object]]:
    """Return the objects of a file with one on each line; raises TooLarge or BadFormat."""
    if len(data) > MAX_LOG:
        raise TooLarge(f"{what} has at most {MAX_LOG:,} bytes, got {len(data):,}")
    lines = [one for one in data.split(b"\n") if one.strip()]
    if len(lines) > MAX_ITEMS:
        raise TooLarge(f"{what} has at most {MAX_ITEMS:,} lines, got {len(lines):,}")
    return [parse_strict(one, f"a line of {what}", MAX_LINE) for one in lines]


class Reader:
    """Reads the values of one object of a log; everything of another form raises BadFormat, named."""

    def __init__(self, said: object, where: str) -> None:
        if not isinstance(said, dict):
            raise BadFormat(f"{where} of the log must be an object, got {str(said)[:60]!r}")
        self._said = said
        self._where = where

    def inner(self, name: str) -> Reader:
        """Return an object in it, empty if it is not there."""
        return Reader(self._said.get(name) or {}, f"{self._where}.{name}")

    def names(self) -> list[str]:
        """Return the names of its fields."""
        return list(self._said)

    def raw(self, name: str) -> Any:
        """Return a value as it is, None if it is not there."""
        return self._said.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; numbers count as such."""
        value = self._said.get(name)
        if value is None and default is not None:
            return default
        if type(value) not in {str, int, float}:
            raise BadFormat(f"{self._where}.{name} of the log must be a text, got {str(value)[:60]!r}")
        return str(value)

    def array(self, name: str) -> list[Any]:
        """Return a list, empty if it is not there."""
        value = self._said.get(name)
        if value is not None and type(value) is not list:
            raise BadFormat(f"{self._where}.{name} of the log must be a list, got {str(value)[:60]!r}")
        return value or []

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number between two bounds, None if it is not there."""
        value = self._said.get(name)
        if value is None:
            return None
        if type(value) not in {int, float} or not low <= value <= high:
            raise BadFormat(f"{self._where}.{name} of the log must be {low:g} to {high:g}, got {str(value)[:60]!r}")
        return float(value)

    def epoch(self, name: str, first: int) -> int:
        """Return the number of an epoch, counted from 0."""
        found = self.number(name, first, MAX_EPOCHS)
        return 0 if found is None else int(found) - first


def adopt(log: Log, scorers: Mapping[tuple[str, str], Callable[[Item, str], float]]) -> Log:
    """Return a log as one by the scorer of ours that it is `like`, if every outcome of it follows so; else as it is.

    A harness's log names a scorer, not its code: one of a task's own with the same name stays the harness's word.
    """
    score = None if log.scorer is not None or log.like is None else scorers.get(log.like)
    scored = [one for one in log.items if one.outcome is not None]
    if score is None or any(score(one.item, one.answer.text[:MAX_ANSWER]) != one.outcome for one in scored):
        return log
    return replace(log, scorer=log.like)


def follow(log: Log, score: Callable[[Item, str], float]) -> None:
    """Check that the outcomes of a log follow from its answers by one of our scorers; raises BadFormat if one does not."""
    for one in log.items:
        if one.outcome is not None and score(one.item, one.answer.text) != one.outcome:
            raise BadFormat(f"{log.metric} of {one.item.id} is {one.outcome:g} in the log, which its own answer does not come to")
