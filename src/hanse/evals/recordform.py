"""The form of an evaluation record's predicate: every field with its type and bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.fixed import parse_fixed
from hanse.evals.itemtable import MAX_ROWS, Column, Status
from hanse.model.digest import parse_sha256
from hanse.model.repo import parse_origin

MAX_GAPS = 100
MAX_FIELDS = 40
MAX_TEXT = 300
_KEY = re.compile(r"[a-z][A-Za-z0-9]{0,39}")
_PREDICATE = {
    *("model", "suite", "numerics", "numericsClass", "hardware", "roots", "counts", "score", "table", "timing", "evaluator"),
    *("runner", "gaps"),
}
_COUNTS = {"total", *(one.value for one in Status)}
_WEIGHTS = ("local", "bound", "claimed")


@dataclass(frozen=True, slots=True)
class Fields:
    """What a predicate says, each field in its form. plain: by the names of `hanse.evals.record.Record`."""

    plain: Mapping[str, Any]
    score: Mapping[str, Any]
    weights: str


def parse_fields(said: Mapping[str, Any]) -> Fields:
    """Return the fields of a predicate; raises BadFormat for one that is missing, unknown, of another form or out of bounds."""
    if said.keys() != _PREDICATE:
        raise BadFormat(f"an evaluation record has the fields {', '.join(sorted(_PREDICATE))}")
    model = _object(said["model"], {"tree", "name", "weights"}, "model")
    if model["weights"] not in _WEIGHTS:
        raise BadFormat(f"the class of weights is {', '.join(_WEIGHTS)}, not {str(model['weights'])[:40]!r}")
    counts = _object(said["counts"], _COUNTS, "counts")
    roots = _object(said["roots"], {one.value for one in Column}, "roots")
    plain: dict[str, Any] = {
        "model": parse_sha256(_text(model["tree"], "the tree of a model")),
        "name": _text(model["name"], "the name of a model"),
        "suite": parse_sha256(_text(said["suite"], "the digest of a suite")),
        "numerics": parse_texts(said["numerics"], "numerics"),
        "hardware": parse_texts(said["hardware"], "hardware"),
        "roots": {name: parse_sha256(_text(value, "a root")) for name, value in roots.items()},
        "counts": {name: _count(value, f"the count of {name}") for name, value in counts.items()},
        "table": parse_sha256(_text(said["table"], "the digest of an item table")),
        "timing": parse_texts(said["timing"], "timing"),
        "evaluator": parse_origin(_text(said["evaluator"], "an evaluator")),
        "runner": parse_texts(said["runner"], "runner"),
        "gaps": _gaps(said["gaps"]),
    }
    for name, value in plain["timing"].items():
        parse_fixed(value, f"the timing {name}", 0)
    return Fields(plain, _score(said["score"]), model["weights"])


def _score(value: object) -> dict[str, Any]:
    said = _object(value, {"value", "low", "high", "se", "n", "clusters", "degenerate"}, "score")
    for name in ("value", "low", "high", "se"):
        parse_fixed(said[name], f"the {name} of a score", 0, 1)
    if type(said["degenerate"]) is not bool:
        raise BadFormat("degenerate is true or false")
    counts = {name: _count(said[name], f"the {name} of a score") for name in ("n", "clusters")}
    if not 1 <= counts["clusters"] <= counts["n"]:
        raise BadFormat(f"a score is of one item or more, in at most as many clusters, got {counts}")
    return dict(said) | counts


def _object(value: object, keys: set[str], what: str) -> Mapping[str, Any]:
    if type(value) is not dict or value.keys() != keys:
        raise BadFormat(f"{what} of an evaluation record has the fields {', '.join(sorted(keys))}")
    return value


def parse_texts(value: object, what: str) -> dict[str, str]:
    """Return an object of texts, such as numerics, hardware or runner; raises BadFormat for another form or too many of them."""
    if type(value) is not dict or len(value) > MAX_FIELDS:
        raise BadFormat(f"{what} of an evaluation record is an object of at most {MAX_FIELDS} texts")
    if any(_KEY.fullmatch(name) is None for name in value):
        raise BadFormat(f"a name in {what} has the form {_KEY.pattern}")
    return {name: _text(one, f"{what}.{name}") for name, one in value.items()}


def _gaps(value: object) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MAX_GAPS:
        raise BadFormat(f"gaps of an evaluation record is a list of at most {MAX_GAPS} names")
    return tuple(_text(one, "a gap") for one in value)


def _text(value: object, what: str) -> str:
    if type(value) is not str or len(value) > MAX_TEXT or not value.isprintable():
        raise BadFormat(f"{what} is a text of at most {MAX_TEXT} printable characters, got {str(value)[:60]!r}")
    return value


def _count(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_ROWS:
        raise BadFormat(f"{what} is a number from 0 to {MAX_ROWS:,}, got {str(value)[:40]!r}")
    return value
