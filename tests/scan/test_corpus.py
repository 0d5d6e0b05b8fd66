"""The reference corpus: what is malicious is caught, what is benign is served."""

from __future__ import annotations

import pytest
from tests.scan.corpus import judgements, rows, table, wilson
from tests.support.judging import served

from hanse.model.finding import Coverage, Judgement, Verdict


@pytest.fixture(name="found", scope="module")
def _found() -> list[tuple[str, str, Judgement]]:
    found = [(row.label, row.path, one) for row, one in judgements()]
    print(table((label, one) for label, _, one in found) if found else "no reference corpus here: generated samples only")
    return found


def _share(part: int, total: int) -> float:
    return part / total if total else 1.0


def test_malicious_files(found: list[tuple[str, str, Judgement]]) -> None:
    """Of the malicious files 99.5 % are malicious or suspicious, 98 % malicious, and none passes as safe or with a caution."""
    some = [one for label, _, one in found if label == "malicious"]
    caught = sum(one.verdict.rank >= Verdict.SUSPICIOUS.rank for one in some)
    assert _share(caught, len(some)) >= 0.995
    assert _share(sum(one.verdict is Verdict.MALICIOUS for one in some), len(some)) >= 0.98
    silent = [p for label, p, one in found if label == "malicious" and served(one)]
    assert silent == []


def test_malformed_files(found: list[tuple[str, str, Judgement]]) -> None:
    """No broken file is safe."""
    assert [p for label, p, one in found if label == "malformed" and one.verdict is Verdict.SAFE] == []


def test_benign_files(found: list[tuple[str, str, Judgement]]) -> None:
    """Of the benign files at most 0.5 % are malicious and at most 3 % are not served."""
    some = [one for label, _, one in found if label == "benign"]
    assert sum(one.verdict is Verdict.MALICIOUS for one in some) <= 0.005 * len(some)
    assert sum(not served(one) for one in some) <= 0.03 * len(some)


def test_nothing_ends_in_an_error(found: list[tuple[str, str, Judgement]]) -> None:
    """No file, however hostile, makes the scanner fail."""
    assert [(p, one.gaps) for _, p, one in found if one.coverage is Coverage.ERROR] == []


def test_every_label_is_known() -> None:
    """The labels are the four that the tests above look at."""
    assert {row.label for row in rows()} <= {"malicious", "suspicious", "malformed", "benign"}


def test_wilson_interval() -> None:
    """The interval contains the share and narrows with the number of files."""
    low, high = wilson(0, 300)
    assert low == 0.0
    assert 0.011 < high < 0.014
    assert wilson(1, 2)[0] < 0.5 < wilson(1, 2)[1]
    assert wilson(0, 0) == (0.0, 1.0)
