"""The table of how often a comparison errs is what the code does, and no error is above the 5 % that is promised."""

from __future__ import annotations

import pytest
from tests.docs import power

QUICK = [at for at, suite in enumerate(power.SUITES) if suite.noise == 0 and suite.items <= 200]


def test_errors_are_bounded() -> None:
    """No suite of the page is said to agree at its margin, or to disagree without a difference, in more than 5 % of trials."""
    shown = power.shown()
    assert len(shown) == len(power.SUITES)
    for suite, (agrees, disagrees, *_) in zip(power.SUITES, shown, strict=True):
        assert agrees <= 0.05, suite
        assert disagrees <= 0.05, suite


@pytest.mark.parametrize("at", QUICK)
def test_the_page_is_what_comes_out(at: int) -> None:
    """A row is what its seeded trials come to, made again."""
    assert power.row(power.SUITES[at]) == pytest.approx(power.shown()[at], abs=0.0015)


def test_trials_are_seeded() -> None:
    """The same trials come out twice, and every one of them has a verdict."""
    suite = power.SUITES[-1]
    once = power.rates(suite, 0, 50, 7)
    assert once == power.rates(suite, 0, 50, 7)
    assert sum(once.values()) == pytest.approx(1)
