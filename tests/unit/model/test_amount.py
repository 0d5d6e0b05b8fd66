"""Amounts of bytes are shown as operators write them."""

from __future__ import annotations

import pytest

from hanse.model.amount import amount_text
from hanse.settings import parse_size


@pytest.mark.parametrize("text", ["2 TiB", "500 GB", "10 GiB", "3 MB", "64 MiB", "9 KiB", "7 kB", "1 TB"])
def test_a_whole_number_of_a_unit_is_shown_in_it(text: str) -> None:
    """What an operator gave as capacity is what he is shown."""
    assert amount_text(parse_size(text)) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_234, "about 1.2 kB"), (10**12 + 1, "about 1.0 TB"), (2**50, "1,024 TiB")],
)
def test_any_other_number_is_shown_roughly(count: int, text: str) -> None:
    """A number of bytes that is whole in no unit is rounded, and says so."""
    assert amount_text(count) == text
