"""Real benign files are served: what libraries write, and what packages ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scan import repos_real
from tests.scan.real import installed, judgements, made, make, refused, report
from tests.services.clients import CLIENTS

from hanse.model.finding import Judgement, Verdict

Found = list[tuple[str, str, Judgement]]


def _check(found: Found, *, at_least: int) -> None:
    """Zero malicious, at most 1 % not served."""
    lines = refused(found)
    assert len(found) >= at_least
    assert [name for _, name, one in found if one.verdict is Verdict.MALICIOUS] == [], lines
    assert len(lines) <= 0.01 * len(found), lines


def test_a_slice_of_what_libraries_write(tmp_path: Path) -> None:
    """Sixty files of scikit-learn, joblib, NumPy, SciPy and plain Python are served."""
    make(tmp_path, "--slice")
    _check(judgements(made(tmp_path), tmp_path), at_least=55)


@pytest.mark.soak
def test_everything_that_libraries_write(tmp_path: Path) -> None:
    """More than five hundred files of more than fifteen libraries are served."""
    said = make(tmp_path)
    found = judgements(made(tmp_path), tmp_path)
    print(said, report(found))
    assert len({group for group, _, _ in found}) >= 15, said
    _check(found, at_least=500)


@pytest.mark.soak
def test_what_packages_ship() -> None:
    """Three hundred and more files of more than twenty-five installed packages are served."""
    found = judgements(installed(), CLIENTS)
    print(report(found))
    assert len({group for group, _, _ in found}) >= 25
    _check(found, at_least=300)


@pytest.mark.soak
def test_whole_repositories(tmp_path: Path) -> None:
    """Sixty repositories of models and data sets are served as wholes, and none of them contradicts itself."""
    said = repos_real.make(tmp_path)
    found = repos_real.judgements(tmp_path)
    lines = repos_real.refused(found)
    assert len(found) >= 55, said
    assert [name for name, one in found if one.verdict is Verdict.MALICIOUS] == [], lines
    assert len(lines) <= 0.01 * len(found), lines
    assert [name for name, one in found if any(finding.rule.startswith("REPO-CONFIG-") for finding in one.findings)] == []
