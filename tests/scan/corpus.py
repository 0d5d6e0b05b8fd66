"""The labelled reference corpus that lies beside the project: read as bytes, never loaded, never copied in here."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.judging import judged, served

from hanse.model.finding import Judgement, Verdict

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One labelled file. path: below the corpus folder; label: malicious, suspicious, malformed or benign."""

    path: str
    label: str
    note: str

    def read(self) -> bytes:
        """Return the file's bytes."""
        with (FOLDER / self.path).open("rb") as file:
            return file.read(MAX_BYTES)


def present() -> bool:
    """Tell whether the corpus is here; where tests run for everybody (CI=true), its absence is a failure."""
    if (FOLDER / "labels.tsv").exists():
        return True
    assert os.environ.get("CI", "").lower() not in {"true", "1"}, f"the reference corpus is missing: {FOLDER}"
    return False


def rows() -> list[Row]:
    """Return every labelled file, none if the corpus is not here."""
    if not present():
        return []
    with (FOLDER / "labels.tsv").open(encoding="utf-8", newline="") as file:
        return [Row(row["path"], row["label"], row["note"]) for row in csv.DictReader(file, delimiter="\t")]


def judgements() -> Iterator[tuple[Row, Judgement]]:
    """Yield every file with its verdict, judged under its path below the corpus folder."""
    for row in rows():
        yield row, judged(row.read(), row.path)


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson score), as fractions."""
    if not total:
        return 0.0, 1.0
    share = hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    below = 1 + z * z / total
    return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)


def table(found: Iterable[tuple[str, Judgement]]) -> str:
    """Return a Markdown table: for each label how many got which verdict, were not served, and the interval of that."""
    groups: dict[str, list[Judgement]] = {}
    for label, judgement in found:
        groups.setdefault(label, []).append(judgement)
    lines = ["| label | files | malicious | suspicious | caution | safe | not fully read | not served (95 % interval) |"]
    lines.append("|" + "---|" * 8)
    for label, some in groups.items():
        counts = [sum(one.verdict is verdict for one in some) for verdict in reversed(Verdict)]
        partly = sum(one.coverage.value != "complete" for one in some)
        refused = sum(not served(one) for one in some)
        low, high = wilson(refused, len(some))
        share = f"{refused} = {refused / len(some):.1%} ({low:.1%} to {high:.1%})"
        lines.append(f"| {label} | {len(some)} | {' | '.join(map(str, counts))} | {partly} | {share} |")
    return "\n".join(lines) + "\n"
