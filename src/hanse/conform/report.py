"""The suite's report, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hanse.conform.outcome import Verdict
from hanse.conform.suite import Result


def line(result: Result) -> str:
    """Return one line about one case."""
    mark = "ok  " if result.verdict.ok else "FAIL" if result.verdict.unsafe else "weak"
    return f"{mark} {result.case.name:<18} {result.verdict.value:<17} {result.note} [{result.seconds:.1f} s]"


def summary(results: Sequence[Result]) -> str:
    """Return the last line: how many cases went how."""
    unsafe = sum(result.verdict.unsafe for result in results)
    weak = sum(not result.verdict.ok and not result.verdict.unsafe for result in results)
    return f"{len(results) - unsafe - weak} of {len(results)} cases passed; {unsafe} unsafe, {weak} unavailable"


def as_json(subject: str, results: Sequence[Result]) -> dict[str, Any]:
    """Return the report as plain values: subject, counts, and per case its name, what the origin did, verdict and note."""
    return {
        "format": "hanse-conform-v1",
        "subject": subject,
        "passed": sum(result.verdict.ok for result in results),
        "unsafe": sum(result.verdict.unsafe for result in results),
        "cases": [
            {
                "case": result.case.name,
                "origin": result.case.says,
                "verdict": result.verdict.name.lower().replace("_", "-"),
                "ok": result.verdict.ok,
                "unsafe": result.verdict.unsafe,
                "note": result.note,
                "seconds": round(result.seconds, 2),
            }
            for result in results
        ],
    }


def table(columns: Sequence[tuple[str, Sequence[Result]]]) -> str:
    """Return a Markdown table: a row per case, a column per subject."""
    names = list(dict.fromkeys(result.case.name for _, results in columns for result in results))
    says = {result.case.name: result.case.says for _, results in columns for result in results}
    found = {title: {result.case.name: result.verdict for result in results} for title, results in columns}
    head = ["Case", "What the origin does", *(title for title, _ in columns)]
    rows = [[name, says[name], *(_cell(found[title].get(name)) for title, _ in columns)] for name in names]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def _cell(verdict: Verdict | None) -> str:
    """Return a verdict as a cell of the table; bold if unsafe."""
    if verdict is None:
        return "not run"
    return f"**{verdict.value.lower()}**" if verdict.unsafe else verdict.value
