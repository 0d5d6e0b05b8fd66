"""Presets: three, each stricter than the one before."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hanse.errors import NotFoundError
from hanse.policy.form import KEYS
from hanse.policy.presets import MEANINGS, OPEN, PRESETS, STRICT, preset
from hanse.policy.rules import Consequence, Policy


def test_by_name() -> None:
    """A preset is found by its name; others are an error that lists them."""
    assert preset("strict") is STRICT
    with pytest.raises(NotFoundError) as caught:
        preset("lax")
    assert "careful" in caught.value.hint
    assert PRESETS.keys() == MEANINGS.keys()


@pytest.mark.parametrize(("mild", "hard"), list(pairwise(PRESETS.values())), ids=lambda one: one.name)
def test_each_is_stricter_in_every_rule(mild: Policy, hard: Policy) -> None:
    """No rule gets milder on the way from open to strict."""
    for key in KEYS:
        before, after = key.of(mild), key.of(hard)
        if isinstance(before, Consequence):
            assert before.rank <= after.rank, key.path
        elif key.path.endswith("_age"):
            assert before >= after, key.path
        elif key.path == "rung":
            assert before.rank <= after.rank
        elif key.path == "advisories.maps":
            assert before in {1, after}, "all but some is never fewer than one"
        elif isinstance(before, int):
            assert before <= after, key.path
        else:
            assert before == after, key.path


def test_what_open_refuses() -> None:
    """A laptop is refused what is malicious or changes hands, and nothing else."""
    refusing = {key.path for key in KEYS if key.of(OPEN) is Consequence.REFUSE}
    assert refusing == {"scan.malicious", "pins.changed", "owner.change"}
