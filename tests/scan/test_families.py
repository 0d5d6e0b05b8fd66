"""Generated samples of every technique: caught, and their benign twins served."""

from __future__ import annotations

import pytest
from tests.samples.base import Family
from tests.samples.families import all_families
from tests.support.judging import judged, rules_of, served

from hanse.model.finding import Coverage, Verdict

FAMILIES = all_families()


def test_there_are_enough() -> None:
    """At least forty families of techniques, each with more than one malicious variant or broken file, most with benign twins."""
    assert len(FAMILIES) >= 40
    assert [name for name, one in FAMILIES.items() if len(one.malicious) + len(one.malformed) < 2 and one.benign == ()] == []
    assert sum(bool(one.benign) for one in FAMILIES.values()) >= 0.8 * len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_malicious_variants_are_caught(family: Family) -> None:
    """Every malicious variant is malicious or suspicious."""
    wrong = {}
    for sample in family.malicious:
        found = judged(sample.data, sample.path)
        if found.verdict.rank < Verdict.SUSPICIOUS.rank or found.coverage is Coverage.ERROR:
            wrong[sample.note or sample.path] = (found.verdict.value, found.gaps)
    assert wrong == {}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_benign_twins_are_served(family: Family) -> None:
    """Every benign twin is safe or needs caution, and is fully read."""
    found = {one.note or one.path: judged(one.data, one.path) for one in family.benign}
    assert {name: (one.verdict.value, rules_of(one), one.gaps) for name, one in found.items() if not served(one)} == {}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_broken_files_are_not_safe(family: Family) -> None:
    """Every broken file is at least a caution, or not fully read."""
    found = {one.note or one.path: judged(one.data, one.path) for one in family.malformed}
    safe = [name for name, one in found.items() if one.verdict is Verdict.SAFE and one.coverage is Coverage.COMPLETE]
    assert safe == []
