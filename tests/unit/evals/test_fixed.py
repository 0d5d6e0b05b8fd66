"""Fixed-point texts: one form for one number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.errors import BadFormat
from hanse.evals.fixed import fixed, parse_fixed


@given(st.floats(-1e11, 1e11))
def test_written_and_read(value: float) -> None:
    """What is written is read as the same number to six places, and written the same again."""
    read = parse_fixed(fixed(value), "a number")
    assert abs(read - value) <= 5.1e-7 + abs(value) * 1e-15
    assert fixed(read) == fixed(value)


def test_no_negative_zero() -> None:
    """Zero has one form, whatever it was rounded from."""
    assert fixed(-1e-9) == fixed(0.0) == "0.000000"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e12, 1e300])
def test_what_no_record_has(value: float) -> None:
    """NaN, infinities and numbers out of all proportion are not written."""
    with pytest.raises(BadFormat):
        fixed(value)


@pytest.mark.parametrize(
    "text", ["0.1", "00.000000", "-0.000000", "1e3", "NaN", "+1.000000", " 1.000000", "1.0000000", 1.0, None, True]
)
def test_other_forms(text: object) -> None:
    """Nothing but the one form is read."""
    with pytest.raises(BadFormat, match="share"):
        parse_fixed(text, "share")


def test_bounds() -> None:
    """A number outside its bounds is refused with the bounds."""
    with pytest.raises(BadFormat, match="between 0 and 1"):
        parse_fixed("1.000001", "share", 0, 1)
