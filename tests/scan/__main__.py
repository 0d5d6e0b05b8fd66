"""`python -m tests.scan`: the verdicts on the reference corpus, as a table and every file that was judged unlike its label."""

from __future__ import annotations

import sys

from tests.scan.corpus import Row, judgements, table
from tests.support.judging import rules_of, served

from hanse.model.finding import Judgement, Verdict


def unlike(row: Row, judgement: Judgement) -> bool:
    """Tell whether the verdict is not what the label asks for."""
    if row.label == "benign":
        return not served(judgement)
    if row.label == "malicious":
        return judgement.verdict is not Verdict.MALICIOUS
    return judgement.verdict is Verdict.SAFE


def main() -> None:
    """Print the report; arguments are beginnings of paths to look at."""
    found = [(row, one) for row, one in judgements() if row.path.startswith(tuple(sys.argv[1:]) or "")]
    print(table((row.label, one) for row, one in found))
    for row, one in found:
        if unlike(row, one):
            gaps = sorted({gap.reason for gap in one.gaps})
            print(
                f"{row.label} -> {one.verdict.value}/{one.coverage.value} {row.path} {sorted(rules_of(one))} {gaps} | {row.note}"
            )


if __name__ == "__main__":
    main()
