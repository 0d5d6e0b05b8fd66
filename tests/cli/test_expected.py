"""A node's answers in the form that a command expects, and in every other."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.cli.expected import EVALUATIONS, JOB, SHOWN_FILES, expected
from hanse.errors import PeerError

JOB_SAID: dict[str, Any] = {
    "id": 7,
    "planned": 300,
    "done": 2,
    "tokens": 16,
    "spent": 1,
    "cost": 0,
    "record": None,
    "more": [1],
    "name": "admin/m",
    "rev": "a" * 40,
    "suite": "arithmetic",
    "state": "running",
    "says": "",
}


def test_what_is_expected() -> None:
    """An answer in its form is returned as it is, further names with it."""
    assert expected(JOB_SAID, JOB, "a job") == JOB_SAID
    assert expected({"table.jsonl": "public"}, SHOWN_FILES, "files") == {"table.jsonl": "public"}
    assert expected({"rev": "a", "suites": []}, EVALUATIONS, "evaluations") == {"rev": "a", "suites": []}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "7"),
        ("id", True),
        ("id", -1),
        ("planned", 1.5),
        ("tokens", 2**60),
        ("done", None),
        ("cost", "0"),
        ("cost", float("nan")),
        ("cost", 10**400),
        ("state", ["done"]),
        ("says", "x" * 4001),
        ("record", 5),
    ],
)
def test_another_form(name: str, value: object) -> None:
    """A field of another type or out of bounds is refused in words that name it."""
    with pytest.raises(PeerError, match=f"a job, '{name}'"):
        expected(JOB_SAID | {name: value}, JOB, "a job")


@pytest.mark.parametrize("found", [None, [], "job", {}, {"id": 7}])
def test_no_such_object(found: object) -> None:
    """Anything else than an object with the fields is refused."""
    with pytest.raises(PeerError):
        expected(found, JOB, "a job")


def test_bounds_of_lists() -> None:
    """Lists and objects have a bound, and each entry its form."""
    with pytest.raises(PeerError, match="20,000 entries"):
        expected([JOB_SAID] * 20_001, [JOB], "jobs")
    with pytest.raises(PeerError, match="jobs, entry 1"):
        expected([JOB_SAID, 5], [JOB], "jobs")
    with pytest.raises(PeerError):
        expected({"record.json": 1}, SHOWN_FILES, "files")


def test_what_may_be_missing() -> None:
    """A field that need not be there may be missing; where it is, it has its form."""
    record: dict[str, Any] = {"member": "m", "record": "r", "weights": "local", "level": "V1", "score": 0.5, "low": 0, "high": 1}
    record |= {"n": 3, "degenerate": False, "agrees": {}, "disagrees": {}}
    suite: dict[str, Any] = {"suite": "s", "name": "n", "institutions": 1, "numericsClasses": 1, "medianLow": 0, "medianHigh": 1}
    said = {"rev": "a", "suites": [suite | {"records": [record]}]}
    assert expected(said, EVALUATIONS, "evaluations") == said
    record["corrected"] = {"value": "0.1", "low": "0", "high": "0.2", "sensitivity": "0.9"}
    with pytest.raises(PeerError, match="specificity"):
        expected(said, EVALUATIONS, "evaluations")
